// Policies: how requests are routed, queued, limited and tried again, as operators want it. Fields are optional because
// each source sets only some of them; what no source sets stays as the balancer was started
// (core/dispatch/dispatch_settings.hpp).
#pragma once
#include "base/ids.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>

namespace paddler {

enum class routing_strategy {
  prefix,       // to where most of the prompt need not be read again
  session,      // to where its session was, unless that is saturated
  least_loaded, // to the smallest share of busy slots
  round_robin,  // to each in turn
};

// Whom X-Paddler-Priority may favour.
enum class priority_trust {
  lower_only, // who asks for less than others gets less; nobody gets more
  accept,     // who asks for more gets more
};

struct routing_policies {
  std::optional<routing_strategy> strategy = {};
  std::optional<int> saturation_percent = {}; // of its slots, by which an engine may be busier than the least busy one

  [[nodiscard]] bool empty() const { return *this == routing_policies{}; }

  friend bool operator==(routing_policies const&, routing_policies const&) = default;
};

// What waits for a slot. Beyond it requests are refused.
struct queue_policies {
  std::optional<std::int64_t> max_requests = {};
  std::optional<std::int64_t> max_bytes = {}; // of their bodies
  std::optional<double> timeout_seconds = {};

  [[nodiscard]] bool empty() const { return *this == queue_policies{}; }

  friend bool operator==(queue_policies const&, queue_policies const&) = default;
};

// Of each client. What no source sets is not limited.
struct limit_policies {
  std::optional<int> requests_per_minute = {};
  std::optional<int> concurrent_requests = {};
  std::optional<priority_trust> priority_header = {};

  [[nodiscard]] bool empty() const { return *this == limit_policies{}; }

  friend bool operator==(limit_policies const&, limit_policies const&) = default;
};

// Of requests that lost their engine before the client had anything.
struct retry_policies {
  std::optional<int> max_attempts = {};   // in a row, of which none brought a byte
  std::optional<int> budget_percent = {}; // of all requests, that may be tried again
  std::optional<int> burst = {};          // attempts that may be saved up

  [[nodiscard]] bool empty() const { return *this == retry_policies{}; }

  friend bool operator==(retry_policies const&, retry_policies const&) = default;
};

// Of streams that lost their engine and go on at another one.
struct resume_policies {
  std::optional<int> max_resumes = {};     // of one stream; 0: none goes on
  std::optional<double> wait_seconds = {}; // for such an engine

  [[nodiscard]] bool empty() const { return *this == resume_policies{}; }

  friend bool operator==(resume_policies const&, resume_policies const&) = default;
};

struct policies_spec {
  routing_policies routing = {};
  queue_policies queue = {};
  limit_policies limits = {};
  retry_policies retries = {};
  resume_policies resume = {};

  [[nodiscard]] bool empty() const { return *this == policies_spec{}; }

  friend bool operator==(policies_spec const&, policies_spec const&) = default;
};

// What the balancer goes by. All fields are set but those of limits, which there may be none of.
struct applicable_policies {
  generation version; // the revision that last changed what sources say of it; 0: none ever did
  policies_spec settings;
  friend bool operator==(applicable_policies const&, applicable_policies const&) = default;
};

BOOST_DESCRIBE_ENUM(routing_strategy, prefix, session, least_loaded, round_robin)
BOOST_DESCRIBE_ENUM(priority_trust, lower_only, accept)
BOOST_DESCRIBE_STRUCT(routing_policies, (), (strategy, saturation_percent))
BOOST_DESCRIBE_STRUCT(queue_policies, (), (max_requests, max_bytes, timeout_seconds))
BOOST_DESCRIBE_STRUCT(limit_policies, (), (requests_per_minute, concurrent_requests, priority_header))
BOOST_DESCRIBE_STRUCT(retry_policies, (), (max_attempts, budget_percent, burst))
BOOST_DESCRIBE_STRUCT(resume_policies, (), (max_resumes, wait_seconds))
BOOST_DESCRIBE_STRUCT(policies_spec, (), (routing, queue, limits, retries, resume))
BOOST_DESCRIBE_STRUCT(applicable_policies, (), (version, settings))

} // namespace paddler
