#include "cli/describe_policy.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/page_text.hpp"
#include "core/state/field_map.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

namespace paddler {
namespace {

constexpr std::pair<std::string_view, std::string_view> meanings[] = {
    {"routing.strategy",
     "Where a request goes: prefix (to an engine that has read most of its prompt, unless that is too busy), session "
     "(to where X-Session-Id was), least_loaded or round_robin."},
    {"routing.saturation_percent", "By how much of its slots an engine may be busier than the least busy one before "
                                   "what it has read counts no more."},
    {"queue.max_requests", "How many requests may wait for a slot; more are refused with 503. 0: none waits."},
    {"queue.max_bytes", "How many bytes of request bodies may wait; more are refused with 503."},
    {"queue.timeout_seconds", "How long a request may wait for a slot; those that wait already keep their time."},
    {"limits.requests_per_minute", "How many requests one client may send in a minute; more are refused with 429."},
    {"limits.concurrent_requests", "How many requests of one client may wait and run at the same time."},
    {"limits.priority_header",
     "Whom X-Paddler-Priority may favour: lower_only (a client may ask for less than others get), or accept (for more, "
     "too)."},
    {"retries.max_attempts", "How often in a row a request is tried that lost its engine before it brought anything."},
    {"retries.budget_percent", "The share of all requests that may be tried again."},
    {"retries.burst", "How many attempts may be saved up beyond that share."},
    {"resume.max_resumes", "How often one stream may go on at another engine. 0: none does."},
    {"resume.wait_seconds", "How long a stream waits for an engine that goes on with it."},
};

std::string who_decides(policy_view const& policy) {
  if (!policy.decided_by) return "nobody sets it";
  return describe(*policy.decided_by) + " decides it, since revision " + std::to_string(policy.since->value);
}

std::string section_on(policy_view const& policy, std::span<field_provenance const> fields) {
  auto out = "  " + policy.name + ": " + (policy.value ? describe(*policy.value) : "no limit") + "\n";
  out += "    " + std::string(meaning_of_policy(policy.name)) + "\n    " + who_decides(policy) + "\n";
  auto const at = std::ranges::find(fields, std::string(policies_path) + "/" + policy.name, &field_provenance::path);
  if (at == fields.end()) return out;
  for (auto const& other : at->others)
    out += "    " + describe(other.source) + " says " + describe(other.value) + ", since revision " +
           std::to_string(other.since.value) + "\n";
  return out;
}

} // namespace

std::string_view meaning_of_policy(std::string_view name) {
  auto const at = std::ranges::find(meanings, name, [](auto const& each) { return each.first; });
  return at == std::end(meanings) ? std::string_view() : at->second;
}

std::string text_of_policies(std::string const& name, std::span<policy_view const> policies,
                             std::span<field_provenance const> fields, console const& terminal) {
  std::string out;
  for (auto const& each : policies)
    if (path_covers(name, each.name)) out += section_on(each, fields);
  return out.empty() ? out : page_title("policy " + name, terminal) + out;
}

exit_code describe_policy(describe_command const& wanted, console& terminal) {
  auto const policies = blocking_rows<policy_view>(wanted.management, management_target("policies"));
  if (!policies) return terminal.fail_with(policies.error());
  auto const said =
      blocking_get<provenance_answer>(wanted.management, management_target("explain", {{"path", "policies"}}));
  auto const text =
      text_of_policies(wanted.name, *policies, said ? said->items : std::vector<field_provenance>{}, terminal);
  if (text.empty())
    return terminal.fail_with(
        {error_code::not_found, "there is no policy \"" + wanted.name + "\"", "See: paddler get policies", {}});
  terminal.out << text << std::flush;
  return exit_code::success;
}

} // namespace paddler
