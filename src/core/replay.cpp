#include "core/replay.hpp"

#include "core/events/event_feed.hpp"
#include "core/reconcile/content_digest.hpp"
#include "core/request_replay.hpp"
#include "core/state/field_map.hpp"
#include "core/state/validation.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace paddler {
namespace {

std::string number(revision at) { return std::to_string(at.value); }

// JSON has one kind of numbers: 1.0 comes back as 1.
bool is_same(field_value const& a, field_value const& b) {
  auto const as_double = [](field_value const& value) -> std::optional<double> {
    if (auto const* const whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    if (auto const* const real = std::get_if<double>(&value)) return *real;
    return std::nullopt;
  };
  if (a == b) return true;
  auto const left = as_double(a);
  return left && left == as_double(b);
}

bool is_same(std::optional<field_value> const& a, std::optional<field_value> const& b) {
  return a && b ? is_same(*a, *b) : a.has_value() == b.has_value();
}

bool is_same(field_change const& a, field_change const& b) {
  return a.path == b.path && is_same(a.before, b.before) && is_same(a.after, b.after);
}

bool is_same(field_claim const& a, field_claim const& b) {
  return a.source == b.source && a.since == b.since && is_same(a.value, b.value);
}

bool is_same(lost_field const& a, lost_field const& b) {
  return a.path == b.path && is_same(a.lost, b.lost) && is_same(a.winner, b.winner);
}

bool is_same(field_provenance const& a, field_provenance const& b);

constexpr auto same = [](auto const& a, auto const& b) { return is_same(a, b); };

bool is_same(field_provenance const& a, field_provenance const& b) {
  bool const same_owner = a.owner && b.owner ? is_same(*a.owner, *b.owner) : a.owner.has_value() == b.owner.has_value();
  return a.path == b.path && same_owner && std::ranges::equal(a.others, b.others, same);
}

std::string words(std::optional<field_value> const& value) { return value ? describe(*value) : "nothing"; }

std::string words(field_change const& change) {
  return change.path + " " + words(change.before) + " -> " + words(change.after);
}

std::string words(lost_field const& loss) { return describe(loss); }

std::string words(agent_id const& agent) { return agent.value; }

// The first place where two lists part, as in `told "x", decided "y"`.
template <class T> std::string first_difference(std::vector<T> const& told, std::vector<T> const& decided) {
  for (std::size_t i = 0; i < std::max(told.size(), decided.size()); ++i) {
    auto const left = i < told.size() ? words(told[i]) : "nothing more";
    auto const right = i < decided.size() ? words(decided[i]) : "nothing more";
    if (left != right) return "told: " + left + "; decided: " + right;
  }
  return "the same words for other values";
}

// What the events say of one revision.
struct told_change {
  config_changed const* changed = nullptr;
  wall_time time;
  std::size_t times = 0; // that config.changed came for it
  std::vector<lost_field> losses;
};

// Contents of applicable state by agent and version.
using digests = std::map<std::pair<agent_id, generation>, std::string>;

class replaying {
public:
  explicit replaying(cluster_dump const& dump)
      : dump_(dump), began_at_(dump.base ? dump.base->at : revision{}), state_(dump.base.value_or(state_snapshot{})) {}

  replay_report run() {
    read_events();
    for (auto const& [agent, state] : state_.applicable_states()) remember(agent);
    if (fold_all()) compare_results();
    if (dump_.ledger) compare_ledger(*dump_.ledger);
    return std::move(report_);
  }

private:
  void differ(revision at, std::string what, std::optional<request_id> request = {}) {
    if (report_.differences.size() < max_replay_differences)
      report_.differences.push_back({at, std::move(what), std::move(request)});
    else
      ++report_.more_differences;
  }

  void read_events() {
    std::uint64_t before = 0;
    for (auto const& event : dump_.events) {
      if (before != 0 && event.number != before + 1)
        differ(event.at, "event " + std::to_string(event.number) + " follows event " + std::to_string(before));
      before = event.number;
      if (auto const* const changed = std::get_if<config_changed>(&event.what)) {
        auto& told = told_[event.at];
        told.changed = changed;
        told.time = event.time;
        ++told.times;
      } else if (auto const* const lost = std::get_if<config_lost>(&event.what)) {
        told_[event.at].losses.push_back(lost->loss);
      }
    }
  }

  void remember(agent_id const& agent) {
    auto const state = state_.applicable(agent);
    contents_[{agent, state.version}] = content_digest(state.model);
  }

  // Whether it came to the end of the log.
  bool fold_all() {
    for (auto const& record : dump_.log) {
      if (record.number != state_.current().next()) {
        differ(record.number, "the log goes on with revision " + number(record.number) + " behind revision " +
                                  number(state_.current()));
        return false;
      }
      auto const decided = state_.check({record.source, record.document, std::nullopt, record.origin}, record.at);
      if (!decided) {
        differ(record.number, "the change would be refused: " + describe(decided.error()));
        return false;
      }
      if (!*decided) {
        differ(record.number, "the change would change nothing, and be no revision");
        return false;
      }
      fold(record);
    }
    return true;
  }

  void fold(log_record const& record) {
    auto news = state_.apply(record);
    for (auto const& agent : news.agents) remember(agent);
    compare_told(record, news);
    report_.decisions.push_back({record.number, record.at, record.source, record.origin, std::move(news)});
  }

  void compare_told(log_record const& record, desired_news const& news) {
    auto const at = record.number;
    auto const found = told_.find(at);
    if (found == told_.end()) {
      if (!dump_.events.empty() && dump_.events.front().at < at) differ(at, "no event config.changed tells of it");
      return;
    }
    auto told = std::move(found->second);
    told_.erase(found);
    compare_losses(at, told, news.losses);
    if (told.changed == nullptr) return;
    ++report_.changes_compared;
    auto const decided = told_of(record, news);
    if (told.times > 1) differ(at, "config.changed was told " + std::to_string(told.times) + " times");
    if (told.time != record.at) differ(at, "config.changed tells of another time than the log");
    if (told.changed->source != decided.source)
      differ(at, "source told: " + describe(told.changed->source) + "; decided: " + describe(decided.source));
    if (told.changed->origin != decided.origin) differ(at, "config.changed tells of another origin than the log");
    if (!std::ranges::equal(told.changed->changes, decided.changes, same))
      differ(at, "changes " + first_difference(told.changed->changes, decided.changes));
    if (told.changed->more_changes != decided.more_changes)
      differ(at, "changes that are not listed told: " + std::to_string(told.changed->more_changes) +
                     "; decided: " + std::to_string(decided.more_changes));
    if (told.changed->agents != decided.agents)
      differ(at, "agents " + first_difference(told.changed->agents, decided.agents));
  }

  // Where the feed kept the change itself it kept all that follows it; else it may have kept the last losses only.
  void compare_losses(revision at, told_change const& told, std::vector<lost_field> decided) {
    report_.losses_compared += told.losses.size();
    if (told.changed == nullptr && told.losses.size() < decided.size())
      decided.erase(decided.begin(), decided.end() - static_cast<std::ptrdiff_t>(told.losses.size()));
    if (!std::ranges::equal(told.losses, decided, same)) differ(at, "losses " + first_difference(told.losses, decided));
  }

  void compare_results() {
    if (state_.current() != dump_.at)
      differ({}, "the log ends at revision " + number(state_.current()) + ", the dump is of " + number(dump_.at));
    for (auto const& [at, told] : told_) {
      if (at > began_at_)
        differ(at, "events tell of it, and the log has no such revision");
      else
        report_.not_compared += told.times + told.losses.size();
    }
    for (auto const& action : dump_.actions) compare_delivery(action);
    for (auto const& event : dump_.events)
      if (auto const* const changed = std::get_if<reconcile_changed>(&event.what)) compare_delivery(changed->entry);
    if (state_.effective() != dump_.desired) differ({}, "desired state came to another document");
    compare_states();
    if (dump_.policies) compare_policies(*dump_.policies);
    compare_conflicts();
  }

  void compare_delivery(logged_action const& logged) {
    auto const& action = logged.action;
    if (!logged.by_balancer || action.action != reconcile_action::deliver) return;
    auto const& agent = logged.agent;
    auto const name = "delivery " + std::to_string(action.number) + " to " + agent.value + " of version " +
                      std::to_string(action.goal.value);
    auto const known = contents_.find({agent, action.goal});
    bool const never = action.goal == generation{};
    if (known == contents_.end() && !never) {
      if (action.goal.value <= began_at_.value)
        ++report_.not_compared;
      else
        differ({action.goal.value}, name + ": its applicable state never had that version");
      return;
    }
    ++report_.deliveries_compared;
    auto const content = never ? content_digest(std::nullopt) : known->second;
    if (action.content != content || action.goal_content != content)
      differ({action.goal.value},
             name + ": content " + action.content + " for the goal " + action.goal_content + "; decided: " + content);
  }

  void compare_states() {
    std::map<agent_id, applicable_state> told;
    for (auto const& each : dump_.applicable) {
      if (!told.emplace(each.agent, each.state).second)
        differ({}, "applicable state of " + each.agent.value + ": twice");
    }
    for (auto const& [agent, state] : told) {
      ++report_.states_compared;
      auto const decided = state_.applicable(agent);
      if (decided.version != state.version)
        differ({}, "applicable state of " + agent.value + ": version " + std::to_string(state.version.value) +
                       "; decided: " + std::to_string(decided.version.value));
      else if (decided != state)
        differ({}, "applicable state of " + agent.value + ": another content");
    }
    for (auto const& [agent, state] : state_.applicable_states())
      if (!told.contains(agent)) differ({}, "applicable state of " + agent.value + ": is missing");
  }

  void compare_ledger(dumped_ledger const& told) {
    std::set<request_id> known;
    for (auto const& each : told.requests) {
      auto const differ_here = [&](std::string what) { differ({}, std::move(what), each.id); };
      if (!known.insert(each.id).second) differ_here("stands there twice");
      compare_request(each, differ_here);
      ++report_.requests_compared;
      report_.steps_compared += each.steps.size();
      report_.routes_compared += each.routes.size();
    }
    report_.requests_left_out = told.left_out;
  }

  // What nobody set is as that balancer was started, which no log tells.
  void compare_policies(applicable_policies const& told) {
    if (told.version != state_.policies_version())
      differ({}, "policies: version " + std::to_string(told.version.value) +
                     "; decided: " + std::to_string(state_.policies_version().value));
    auto const settings = flatten(told.settings);
    for (auto const& [path, value] : flatten(state_.policies())) {
      auto const at = settings.find(path);
      if (at == settings.end() || !is_same(at->second, value))
        differ({}, path + " told: " + (at == settings.end() ? "nothing" : describe(at->second)) +
                       "; decided: " + describe(value));
    }
  }

  void compare_conflicts() {
    auto const decided = state_.claims().conflicts();
    report_.conflicts_compared += decided.size();
    if (std::ranges::equal(dump_.conflicts, decided, same)) return;
    for (std::size_t i = 0; i < std::max(decided.size(), dump_.conflicts.size()); ++i) {
      bool const both = i < decided.size() && i < dump_.conflicts.size();
      if (both && is_same(dump_.conflicts[i], decided[i])) continue;
      auto const& path = i < decided.size() ? decided[i].path : dump_.conflicts[i].path;
      return differ({}, "conflicts part at " + path);
    }
  }

  cluster_dump const& dump_;
  revision began_at_;
  desired_state state_;
  std::map<revision, told_change> told_;
  digests contents_;
  replay_report report_;
};

std::unexpected<error> bad_base(std::string const& why) {
  return fail(error_code::invalid_input, "the dump's snapshot cannot be gone on from: " + why);
}

result<void> check_base(state_snapshot const& base) {
  std::set<source_id> sources;
  for (auto const& each : base.sources) {
    if (!sources.insert(each.source).second) return bad_base(describe(each.source) + " stands there twice");
    auto const wrong = validate_document(each.document);
    if (!wrong.empty())
      return bad_base("the document of " + describe(each.source) + ": " + wrong.front().path + " " +
                      wrong.front().message);
  }
  std::set<agent_id> agents;
  for (auto const& each : base.agents) {
    if (!agents.insert(each.agent).second) return bad_base("the agent " + each.agent.value + " stands there twice");
    if (each.version.value > base.at.value)
      return bad_base("the agent " + each.agent.value + " has a version behind its revision " + number(base.at));
  }
  if (base.policies && base.policies->value > base.at.value)
    return bad_base("policies have a version behind its revision " + number(base.at));
  return {};
}

} // namespace

result<replay_report> replay(cluster_dump const& dump) {
  if (dump.base) {
    if (auto const sound = check_base(*dump.base); !sound) return std::unexpected(sound.error());
  }
  return replaying(dump).run();
}

} // namespace paddler
