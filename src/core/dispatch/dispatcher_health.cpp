// The dispatcher's judgement of agents: what each attempt says of the agent where it ran, and who gets nothing for it.
#include "base/canary.hpp"
#include "core/dispatch/dispatcher.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr unsigned first_client_error = 400, first_server_error = 500, unavailable = 503;

enum class answer_kind { good, of_the_request, of_the_engine };

// An engine that says that it is unavailable for now is not broken.
answer_kind kind_of(unsigned status) {
  if (is_loose(canary::breaker_counts_4xx) && status >= first_client_error) return answer_kind::of_the_engine;
  if (status < first_client_error) return answer_kind::good;
  return status < first_server_error || status == unavailable ? answer_kind::of_the_request
                                                              : answer_kind::of_the_engine;
}

} // namespace

void dispatcher::begin_at(live_request& request) {
  auto const& model = request.record.model;
  agent_model const where{request.slot->agent, model};
  request.begun = health_.began(where);
  let_or_withhold(where);
  engines_.at(request.engine).pace.began(clocks_[model], usual_time(model), slots_.load_of(request.engine).total);
}

// It has its slot still; without an outcome its client left. Who was a suspect already may be what makes engines die,
// and says nothing of its agent; nor does a balancer that stops.
void dispatcher::judge_agent(live_request& request, std::optional<attempt_outcome> outcome, unsigned status,
                             instant now) {
  auto const& record = request.record;
  agent_model const where{request.slot->agent, record.model};
  bool const says_something = !blame_.is_suspect(record.serial) && !shutting_down_;
  auto const fails = [&](agent_fault fault, std::uint64_t body = 0) {
    if (!says_something) return health_.passed(where, request.begun);
    bool const counted = health_.failed(where, request.begun, fault, now, body);
    if (counted && fault == agent_fault::lost) request.counted_at = where;
  };
  switch (outcome.value_or(attempt_outcome::refused)) {
  case attempt_outcome::completed:
  case attempt_outcome::completed_last:
    switch (kind_of(status)) {
    case answer_kind::good:
      health_.worked(where, request.begun, now);
      if (record.has_slot) engines_.at(request.engine).pace.learn(now.mono - record.routed_at);
      if (models_.contains(record.model)) times_[record.model].learn(now.mono - record.routed_at);
      break;
    case answer_kind::of_the_request: health_.passed(where, request.begun); break;
    case answer_kind::of_the_engine: fails(agent_fault::server_error, request.fingerprint); break;
    }
    break;
  case attempt_outcome::lost_early:
  case attempt_outcome::lost_late: fails(agent_fault::lost); break;
  case attempt_outcome::timeout: fails(agent_fault::silent); break;
  case attempt_outcome::engine_error: fails(agent_fault::garbled); break;
  case attempt_outcome::refused:
  case attempt_outcome::moved:
  case attempt_outcome::not_continued:
  case attempt_outcome::slow_client: health_.passed(where, request.begun); break;
  }
  let_or_withhold(where);
}

void dispatcher::let_or_withhold(agent_model const& where) {
  auto why = health_.takes(where) ? route_filter::none : route_filter::breaker_open;
  if (drains_.contains(where.agent)) why = route_filter::drained;
  for (auto const engine : slots_.engines_at(where.model, where.agent)) slots_.withhold(engine, why);
}

// Where nobody is left but those that failed too often, the one that is due first serves.
void dispatcher::keep_last(std::string const& model, live_request const* request, engine_wish const& wish,
                           route_search_result& found) const {
  if (slots_.withheld_of(model) == 0 || is_any_sound(model, wish.identity)) return;
  if (is_loose(canary::breaker_ejects_last)) return;
  for (auto const& [due, agent] : health_.by_due(model)) {
    for (auto const engine : slots_.engines_at(model, agent)) {
      auto const load = slots_.load_of(engine);
      route_candidate last{.engine = engine, .busy = load.busy, .total = load.total};
      know(last, request, wish);
      if (load.busy == load.total || last.filter != route_filter::breaker_open) continue;
      last.filter = route_filter::none;
      last.kept = true;
      if (auto const known = std::ranges::find(found.candidates, engine, &route_candidate::engine);
          known != found.candidates.end()) {
        last.cached_blocks = known->cached_blocks;
        found.candidates.erase(known);
      }
      found.candidates.push_back(last);
      auto const prompt_blocks = request == nullptr ? 0 : request->prompt_blocks;
      found.choice = choose_route({.candidates = found.candidates, .prompt_blocks = prompt_blocks, .turn = turn_},
                                  policy_.routing);
      return;
    }
  }
}

// Whether an engine that would do is not left out, busy or idle.
bool dispatcher::is_any_sound(std::string const& model, std::uint64_t identity) const {
  if (identity == 0) return slots_.engines_of(model) > slots_.withheld_of(model);
  return std::ranges::any_of(engines_, [&](auto const& each) {
    return each.second.identity == identity && !slots_.is_withheld(each.first) &&
           slots_.key_of(each.first)->model == model;
  });
}

std::optional<duration> dispatcher::time_of(agent_model const& where) const {
  std::optional<duration> out;
  for (auto const engine : slots_.engines_at(where.model, where.agent)) out = engines_.at(engine).pace.average();
  return out;
}

} // namespace paddler
