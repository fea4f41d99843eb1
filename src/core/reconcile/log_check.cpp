#include "core/reconcile/log_check.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace paddler {
namespace {

constexpr std::string_view content_of_nothing = "none";

class log_checking {
public:
  explicit log_checking(std::size_t max_engines) : max_engines_(max_engines) {}

  void look_at(reconciliation const& entry) {
    at_ = entry.number;
    if (entry.number <= newest_) complain("its number does not follow that of the entry before");
    newest_ = entry.number;
    if (entry.difference.empty()) complain("it was taken without a difference");
    if (entry.outcome != reconcile_outcome::open && entry.observation.empty())
      complain("it was closed without an observation");
    forget_what_ended(entry);
    follow_goal(entry);
    switch (entry.action) {
    case reconcile_action::load: return load(entry);
    case reconcile_action::admit: return admit(entry);
    case reconcile_action::drain: return drain(entry);
    case reconcile_action::unload: return unload(entry);
    case reconcile_action::restart:
      if (auto* const engine = known(entry)) engine->last = entry;
      return;
    case reconcile_action::deliver: return complain("it is a balancer's action");
    }
  }

  void must_be_closed(reconciliation const& entry) {
    at_ = entry.number;
    if (entry.outcome == reconcile_outcome::open) complain("it was never closed");
  }

  std::vector<log_finding> take() { return std::move(findings_); }

private:
  struct engine_seen {
    std::string content;
    bool admitted = false;
    bool drained = false;
    reconciliation last; // the newest action on it
  };

  void complain(std::string what) { findings_.push_back({at_, std::move(what)}); }

  static bool ended_before(reconciliation const& earlier, reconciliation const& later) {
    return earlier.outcome != reconcile_outcome::open && earlier.ended_after < later.number;
  }

  void forget_what_ended(reconciliation const& next) {
    std::erase_if(engines_, [&](auto const& each) {
      auto const& last = each.second.last;
      return last.action == reconcile_action::unload && ended_before(last, next);
    });
  }

  // A goal that was given up stays so until other content is wanted, which has another version, or until it is tried
  // again beside an engine that serves.
  void follow_goal(reconciliation const& entry) {
    bool const same_goal = entry.goal_content == goal_content_;
    if (same_goal && entry.action != reconcile_action::restart && serves_alone(entry, goal_content_))
      complain("everything was as wanted already");
    bool const given_up = given_up_ == entry.goal;
    bool const loads_goal = entry.action == reconcile_action::load && entry.content == entry.goal_content;
    bool const retries = given_up && loads_goal && one_serves();
    if (retries) given_up_.reset();
    if (given_up && loads_goal && !retries) complain("its goal was given up, and nothing serves in its place");
    if (given_up && !retries && entry.action != reconcile_action::restart && !engines_.empty() &&
        serves_alone(entry, engines_.begin()->second.content))
      complain("its goal was given up, and what serves in its place does");
    goal_content_ = entry.goal_content;
    if (entry.gives_up) given_up_ = entry.goal;
  }

  bool one_serves() const {
    return std::ranges::any_of(engines_, [](auto const& each) { return each.second.admitted && !each.second.drained; });
  }

  bool serves_alone(reconciliation const& next, std::string const& content) const {
    if (content == content_of_nothing) return engines_.empty() && next.number > 1;
    if (engines_.size() != 1) return false;
    auto const& only = engines_.begin()->second;
    bool const well = only.last.outcome == reconcile_outcome::done && ended_before(only.last, next);
    return only.content == content && only.admitted && !only.drained && well;
  }

  engine_seen* known(reconciliation const& entry) {
    auto const at = engines_.find(entry.engine);
    if (at == engines_.end()) {
      complain("there is no engine " + std::to_string(entry.engine.value));
      return nullptr;
    }
    if (at->second.content != entry.content) complain("its engine runs something else");
    return &at->second;
  }

  void load(reconciliation const& entry) {
    for (auto const& [number, engine] : engines_)
      if (engine.content == entry.content)
        complain("engine " + std::to_string(number.value) + " has this content already");
    if (engines_.size() >= max_engines_) complain("there are " + std::to_string(engines_.size()) + " engines already");
    engines_[entry.engine] = {entry.content, false, false, entry};
  }

  void admit(reconciliation const& entry) {
    auto* const engine = known(entry);
    if (!engine) return;
    bool const served = engine->last.outcome == reconcile_outcome::done && ended_before(engine->last, entry);
    if (!served && !engine->admitted) complain("its engine does not serve");
    engine->admitted = true;
    engine->drained = false;
    engine->last = entry;
  }

  void drain(reconciliation const& entry) {
    auto* const engine = known(entry);
    if (!engine) return;
    engine->drained = true;
    engine->last = entry;
  }

  void unload(reconciliation const& entry) {
    auto* const engine = known(entry);
    if (!engine) return;
    if (engine->last.action == reconcile_action::unload) complain("its engine was unloaded already");
    if (engine->admitted && !engine->drained) complain("its engine was not drained");
    engine->last = entry;
  }

  std::size_t max_engines_;
  std::map<engine_number, engine_seen> engines_;
  std::string goal_content_;
  std::optional<generation> given_up_;
  std::uint64_t newest_ = 0;
  std::uint64_t at_ = 0;
  std::vector<log_finding> findings_;
};

} // namespace

std::vector<log_finding> check_log(std::span<reconciliation const> log, log_end end, std::size_t max_engines) {
  log_checking checking(max_engines);
  for (auto const& entry : log) checking.look_at(entry);
  if (end == log_end::settled)
    for (auto const& entry : log) checking.must_be_closed(entry);
  return checking.take();
}

} // namespace paddler
