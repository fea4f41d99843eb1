#include "core/dispatch/dispatch_settings.hpp"

#include <cmath>

namespace paddler {
namespace {

constexpr double nanoseconds_a_second = 1e9;

double seconds(duration d) { return static_cast<double>(d.count()) / nanoseconds_a_second; }

void set(duration& out, std::optional<double> const& value) {
  if (value) out = duration(std::llround(*value * nanoseconds_a_second));
}

template <class Out, class Value> void set(Out& out, std::optional<Value> const& value) {
  if (value) out = static_cast<Out>(*value);
}

template <class Value> void set(std::optional<Value>& out, std::optional<Value> const& value) {
  if (value) out = value;
}

} // namespace

policies_spec settings_of(dispatch_policy const& policy) {
  policies_spec out;
  out.routing = {.strategy = policy.routing.strategy,
                 .saturation_percent = static_cast<int>(policy.routing.saturation_percent)};
  out.queue = {.max_requests = static_cast<std::int64_t>(policy.max_queued),
               .max_bytes = static_cast<std::int64_t>(policy.max_queued_bytes),
               .timeout_seconds = seconds(policy.queue_timeout)};
  out.limits = policy.limits;
  out.retries = {.max_attempts = static_cast<int>(policy.max_attempts),
                 .budget_percent = static_cast<int>(policy.retry_percent),
                 .burst = static_cast<int>(policy.retry_burst)};
  out.resume = {.max_resumes = static_cast<int>(policy.max_resumes), .wait_seconds = seconds(policy.resume_timeout)};
  return out;
}

dispatch_policy with_settings(dispatch_policy policy, policies_spec const& settings) {
  set(policy.routing.strategy, settings.routing.strategy);
  set(policy.routing.saturation_percent, settings.routing.saturation_percent);
  set(policy.max_queued, settings.queue.max_requests);
  set(policy.max_queued_bytes, settings.queue.max_bytes);
  set(policy.queue_timeout, settings.queue.timeout_seconds);
  set(policy.limits.requests_per_minute, settings.limits.requests_per_minute);
  set(policy.limits.concurrent_requests, settings.limits.concurrent_requests);
  set(policy.limits.priority_header, settings.limits.priority_header);
  set(policy.max_attempts, settings.retries.max_attempts);
  set(policy.retry_percent, settings.retries.budget_percent);
  set(policy.retry_burst, settings.retries.burst);
  set(policy.max_resumes, settings.resume.max_resumes);
  set(policy.resume_timeout, settings.resume.wait_seconds);
  return policy;
}

} // namespace paddler
