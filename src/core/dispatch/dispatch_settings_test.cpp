#include "core/dispatch/dispatch_settings.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layers.hpp"
#include "core/state/random_documents.hpp"
#include "core/state/validation.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

// The same value of each setting, so that none can be left out of the table.
policies_spec everything() {
  return {.routing = {.strategy = routing_strategy::round_robin, .saturation_percent = 26},
          .queue = {.max_requests = 27, .max_bytes = 28, .timeout_seconds = 0.029},
          .limits = {.requests_per_minute = 30, .concurrent_requests = 31, .priority_header = priority_trust::accept},
          .retries = {.max_attempts = 32, .budget_percent = 33, .burst = 34},
          .resume = {.max_resumes = 35, .wait_seconds = 36.5}};
}

TEST(DispatchSettings, WhatIsSetIsInForce) {
  EXPECT_EQ(settings_of(with_settings({}, everything())), everything());
  EXPECT_EQ(flatten(everything()).size(), policy_paths().size()) << "a setting more: it is to stand in everything()";
}

TEST(DispatchSettings, WhatIsNotSetStaysAsItWas) {
  dispatch_policy started;
  started.queue_timeout = std::chrono::milliseconds(1'234);
  started.retry_percent = 7;
  auto const before = settings_of(started);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    auto wanted = random_documents(seed).next().policies;
    auto const now = settings_of(with_settings(started, wanted));
    fill_entry(wanted, before);
    EXPECT_EQ(now, wanted) << "seed " << seed;
  }
}

TEST(DispatchSettings, DefaultsAreOfTheirRanges) {
  desired_document defaults;
  defaults.policies = settings_of({});
  EXPECT_TRUE(validate_document(defaults).empty());
  EXPECT_FALSE(defaults.policies.limits.requests_per_minute.has_value()) << "nobody is limited who was not asked for";
  EXPECT_EQ(defaults.policies.limits.priority_header, priority_trust::lower_only);
}

} // namespace
} // namespace paddler
