#include "core/request_dump.hpp"

#include <algorithm>
#include <functional>

namespace paddler {
namespace {

std::uint16_t number(engine_ordinal engine) { return static_cast<std::uint16_t>(engine); }

dumped_score to_dump(route_score const& score) {
  return {.filter = score.filter,
          .avoided = score.avoided,
          .saturated = score.saturated,
          .cached_blocks = score.cached_blocks,
          .prefill_nanoseconds = score.prefill.count(),
          .load_nanoseconds = score.load.count(),
          .token_nanoseconds = score.token.count(),
          .away_nanoseconds = score.away.count(),
          .pace_nanoseconds = score.pace.count()};
}

route_score from_dump(dumped_score const& score, engine_ordinal engine) {
  return {.engine = engine,
          .filter = score.filter,
          .avoided = score.avoided,
          .saturated = score.saturated,
          .cached_blocks = score.cached_blocks,
          .prefill = duration(score.prefill_nanoseconds),
          .load = duration(score.load_nanoseconds),
          .token = duration(score.token_nanoseconds),
          .away = duration(score.away_nanoseconds),
          .pace = duration(score.pace_nanoseconds)};
}

dumped_candidate to_dump(route_row const& row) {
  auto const& it = row.candidate;
  return {.agent = row.agent,
          .engine = number(it.engine),
          .busy = it.busy,
          .total = it.total,
          .filter = it.filter,
          .lost_it = it.lost_it,
          .kept = it.kept,
          .has_session = it.has_session,
          .cached_blocks = it.cached_blocks,
          .prefill_speed = it.prefill_speed,
          .decode_speed = it.decode_speed,
          .ahead_nanoseconds = it.ahead.count(),
          .score = to_dump(row.score)};
}

route_row from_dump(dumped_candidate const& it) {
  engine_ordinal const engine{it.engine};
  return {.agent = it.agent,
          .candidate = {.engine = engine,
                        .busy = it.busy,
                        .total = it.total,
                        .filter = it.filter,
                        .lost_it = it.lost_it,
                        .kept = it.kept,
                        .has_session = it.has_session,
                        .cached_blocks = it.cached_blocks,
                        .prefill_speed = it.prefill_speed,
                        .decode_speed = it.decode_speed,
                        .ahead = duration(it.ahead_nanoseconds)},
          .score = from_dump(it.score, engine)};
}

dumped_request to_dump(request_record const& request, std::vector<route_note> const& routes) {
  dumped_request out{.id = request.id, .state = request.state, .tries = request.tries.value};
  for (auto const& each : request.steps) out.steps.push_back({each.at, each.state, each.number.value});
  for (auto const& each : request.attempts)
    out.attempts.push_back({each.number.value, each.agent, each.version, each.outcome});
  for (auto const& each : routes) out.routes.push_back(to_dump(each));
  return out;
}

} // namespace

dumped_ledger dump_ledger(dispatcher const& requests) {
  auto all = requests.requests();
  std::ranges::sort(all, std::greater(), &request_record::serial);
  dumped_ledger out;
  std::size_t candidates = 0;
  for (auto const& each : all) {
    auto const& routes = *requests.routes_of(each.serial);
    for (auto const& note : routes) candidates += note.rows.size();
    if (out.requests.size() == max_dumped_requests || candidates > max_dumped_candidates) break;
    out.requests.push_back(to_dump(each, routes));
  }
  out.left_out = all.size() - out.requests.size();
  return out;
}

dumped_route to_dump(route_note const& note) {
  dumped_route out{.attempt = note.number.value,
                   .agent = note.chosen,
                   .engine = number(note.engine),
                   .reason = note.reason,
                   .policies = note.policies,
                   .strategy = note.by.strategy,
                   .saturation_percent = note.by.saturation_percent,
                   .full_load_nanoseconds = note.by.full_load.count(),
                   .pace_percent = note.by.pace_percent,
                   .prompt_blocks = note.prompt_blocks,
                   .turn = number(note.turn)};
  for (auto const& row : note.rows) out.candidates.push_back(to_dump(row));
  return out;
}

route_note from_dump(dumped_route const& route) {
  route_note out{.number = {route.attempt},
                 .policies = route.policies,
                 .by = {.strategy = route.strategy,
                        .saturation_percent = route.saturation_percent,
                        .full_load = duration(route.full_load_nanoseconds),
                        .pace_percent = route.pace_percent},
                 .turn = engine_ordinal{route.turn},
                 .reason = route.reason,
                 .chosen = route.agent,
                 .engine = engine_ordinal{route.engine},
                 .prompt_blocks = route.prompt_blocks};
  for (auto const& each : route.candidates) out.rows.push_back(from_dump(each));
  return out;
}

} // namespace paddler
