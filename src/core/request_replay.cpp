#include "core/request_replay.hpp"

#include "core/dispatch/request_states.hpp"
#include "core/request_dump.hpp"
#include "model/words.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <algorithm>
#include <string_view>

namespace paddler {
namespace {

// Beyond what a policy may be, terms of scores could be too large for their numbers.
constexpr duration longest_full_load = std::chrono::hours(1);
constexpr std::uint32_t most_percent = 1'000;

std::string words(request_step_view const& step) {
  return std::string(to_string(step.state)) + " of attempt " + std::to_string(step.attempt);
}

std::string words(bool value) { return value ? "yes" : "no"; }

std::string words(std::size_t value) { return std::to_string(value); }

std::string words(duration value) { return std::to_string(value.count()) + " ns"; }

std::string words(route_filter value) { return boost::describe::enum_to_string(value, ""); }

std::string words(agent_id const& agent, engine_ordinal engine, route_reason reason) {
  return agent.value + " (engine " + std::to_string(static_cast<unsigned>(engine)) + ", " +
         boost::describe::enum_to_string(reason, "") + ")";
}

// Of two steps with nothing forgotten between them. Attempts to resume that bring nothing are no steps.
bool counts_on(request_step_view const& from, request_step_view const& to) {
  if (to.state == request_state::routed) return to.attempt == from.attempt + 1;
  if (from.state != request_state::resuming) return to.attempt == from.attempt;
  return to.state == request_state::failed ? to.attempt >= from.attempt : to.attempt > from.attempt;
}

bool can_be(routing_policy const& policy) {
  return policy.full_load >= duration{} && policy.full_load <= longest_full_load &&
         policy.saturation_percent <= most_percent && policy.pace_percent <= most_percent;
}

class comparing {
public:
  comparing(dumped_request const& told, std::function<void(std::string)> const& differ)
      : told_(told), differ_(differ) {}

  void run() const {
    fold_steps();
    compare_attempts();
    for (auto const& route : told_.routes) decide_again(route);
  }

private:
  void fold_steps() const {
    auto const& steps = told_.steps;
    if (steps.empty() || steps.size() > max_request_steps)
      return differ_(std::to_string(steps.size()) + " steps: from one to " + std::to_string(max_request_steps) +
                     " are kept");
    if (steps.front().state != request_state::queued || steps.front().attempt != 0)
      differ_("its first step is " + words(steps.front()) + ": all begin queued, before any attempt");
    for (std::size_t i = 1; i < steps.size(); ++i) {
      bool const gap = steps.size() == max_request_steps && i == early_request_steps;
      judge(steps[i - 1], steps[i], gap);
    }
    auto const& last = steps.back();
    // An attempt to resume is no step until it brings something.
    bool const counted =
        last.state == request_state::resuming ? last.attempt <= told_.tries : last.attempt == told_.tries;
    if (last.state != told_.state || !counted)
      differ_("its last step is " + words(last) + ", and it is " +
              words(request_step_view{{}, told_.state, told_.tries}));
  }

  void judge(request_step_view const& from, request_step_view const& to, bool gap) const {
    auto const step = words(to) + " behind " + words(from);
    if (is_terminal(from.state))
      differ_(step + ": it had ended");
    else if (!gap && !is_edge(from.state, to.state))
      differ_(step + ": no way leads there");
    else if (!gap && !counts_on(from, to))
      differ_(step + ": attempts are counted one by one");
  }

  void compare_attempts() const {
    auto const kept = std::min<std::uint64_t>(told_.tries, max_request_attempts);
    if (told_.attempts.size() != kept || told_.routes.size() != kept)
      return differ_(std::to_string(told_.attempts.size()) + " attempts and " + std::to_string(told_.routes.size()) +
                     " routes: of " + std::to_string(told_.tries) + " tries " + std::to_string(kept) + " are kept");
    auto number = told_.tries - kept;
    for (std::size_t i = 0; i < kept; ++i) {
      auto const& attempt = told_.attempts[i];
      auto const& route = told_.routes[i];
      ++number;
      if (attempt.number != number || route.attempt != number)
        differ_("attempt " + std::to_string(attempt.number) + " and the route of attempt " +
                std::to_string(route.attempt) + " stand where attempt " + std::to_string(number) + " was");
      if (attempt.agent != route.agent)
        differ_("attempt " + std::to_string(number) + " ran at " + attempt.agent.value + ", and went to " +
                route.agent.value);
    }
  }

  void decide_again(dumped_route const& route) const {
    auto const name = "attempt " + std::to_string(route.attempt);
    auto const note = from_dump(route);
    if (!can_be(note.by)) return differ_(name + ": no policy has a saturation, full load or pace like that");
    auto const decided = choose_again(note);
    auto const row =
        std::ranges::find_if(note.rows, [&](auto const& each) { return decided.engine == each.candidate.engine; });
    auto const told_place = words(note.chosen, note.engine, note.reason);
    auto const place = row == note.rows.end() ? "nowhere" : words(row->agent, *decided.engine, decided.reason);
    if (told_place != place) differ_(name + " went to " + told_place + "; decided: " + place);
    for (std::size_t i = 0; i < note.rows.size(); ++i)
      compare_terms(name + " at " + note.rows[i].agent.value, note.rows[i].score, decided.scores[i]);
  }

  void compare_terms(std::string const& place, route_score const& told, route_score const& decided) const {
    auto const compare = [&](std::string_view term, auto const& a, auto const& b) {
      if (a != b) differ_(place + ": " + std::string(term) + " told: " + words(a) + "; decided: " + words(b));
    };
    compare("left out for", told.filter, decided.filter);
    compare("avoided", told.avoided, decided.avoided);
    compare("saturated", told.saturated, decided.saturated);
    compare("cached blocks", told.cached_blocks, decided.cached_blocks);
    compare("prefill", told.prefill, decided.prefill);
    compare("load", told.load, decided.load);
    compare("token", told.token, decided.token);
    compare("away", told.away, decided.away);
    compare("pace", told.pace, decided.pace);
  }

  dumped_request const& told_;
  std::function<void(std::string)> const& differ_;
};

} // namespace

void compare_request(dumped_request const& told, std::function<void(std::string)> const& differ) {
  comparing(told, differ).run();
}

} // namespace paddler
