#include "core/dispatch/route_search.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t more_asked = 4; // times as many

class candidate_list {
public:
  candidate_list(slot_table const& slots, std::string const& model) : slots_(slots), model_(model) {}

  // One of another model by now counts as one that is not there.
  route_candidate* add(engine_ordinal engine) {
    auto const at = std::ranges::find(list, engine, &route_candidate::engine);
    if (at != list.end()) return &*at;
    auto const* const key = slots_.key_of(engine);
    if (key == nullptr || key->model != model_) return nullptr;
    auto const load = slots_.load_of(engine);
    list.push_back({.engine = engine, .busy = load.busy, .total = load.total});
    return &list.back();
  }

  std::vector<route_candidate> list;

private:
  slot_table const& slots_;
  std::string const& model_;
};

// So many, from the one whose turn it is.
std::vector<engine_ordinal> next_in_turn(slot_table const& slots, route_request const& request, std::size_t count) {
  std::vector<engine_ordinal> out;
  auto turn = request.turn;
  while (out.size() < count) {
    auto const next = slots.in_turn(request.model, turn);
    if (!next || (!out.empty() && *next == out.front())) break;
    out.push_back(*next);
    turn = next_turn(*next);
  }
  return out;
}

} // namespace

route_search_result search_route(slot_table const& slots, prefix_index const& index, route_request const& request,
                                 routing_policy const& policy, candidate_knowledge const& know) {
  candidate_list all(slots, request.model);
  if (policy.strategy == routing_strategy::prefix)
    for (auto const& [engine, blocks] : index.find(request.blocks))
      if (auto* const it = all.add(engine)) it->cached_blocks = blocks;
  if (policy.strategy == routing_strategy::session && request.session_engine)
    if (auto* const it = all.add(*request.session_engine)) it->has_session = true;
  std::size_t known = 0;
  for (auto count = least_busy_asked;; count *= more_asked) {
    auto const engines = policy.strategy == routing_strategy::round_robin
                             ? next_in_turn(slots, request, count)
                             : slots.least_busy(request.model, count, request.turn);
    for (auto const engine : engines) all.add(engine);
    for (; known < all.list.size(); ++known) know(all.list[known]);
    auto choice =
        choose_route({.candidates = all.list, .prompt_blocks = request.prompt_blocks, .turn = request.turn}, policy);
    if (choice.engine || engines.size() < count) return {std::move(choice), std::move(all.list)};
  }
}

} // namespace paddler
