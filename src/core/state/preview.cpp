#include "core/state/preview.hpp"

#include "core/state/applicable.hpp"

#include <utility>

namespace paddler {
namespace {

// An entry as it would be; null where there would be none.
template <class Spec>
Spec const* find_after(layered_list<Spec> const& before, changed_entries<Spec> const& effect, id_of<Spec> const& id) {
  auto const changed = effect.find(id);
  if (changed == effect.end()) return before.find(id);
  return changed->second ? &*changed->second : nullptr;
}

// The only models[] entry that there would be; null where there would be none, or several.
model_spec const* only_model_after(layered_list<model_spec> const& before, changed_entries<model_spec> const& effect) {
  model_spec const* only = nullptr;
  for (auto const& [id, entry] : effect) {
    if (!entry) continue;
    if (only != nullptr) return nullptr;
    only = &*entry;
  }
  for (auto const& [id, entry] : before.merged()) {
    if (effect.contains(id)) continue;
    if (only != nullptr) return nullptr;
    only = &entry;
  }
  return only;
}

std::optional<applicable_model> resolve_after(layer_table const& before, entry_changes const& effect,
                                              agent_id const& agent) {
  auto const* const entry = find_after(before.agents(), effect.agents, agent);
  if (entry == nullptr) return std::nullopt;
  auto const* const served = entry->model ? find_after(before.models(), effect.models, model_id{*entry->model})
                                          : only_model_after(before.models(), effect.models);
  return resolve_applicable(*entry, served);
}

} // namespace

std::vector<agent_preview> preview(desired_state const& state, desired_change const& change) {
  auto const said = state.table().difference(change.source, change.document);
  auto const effect = state.table().effect(change.source, said);
  std::vector<agent_preview> out;
  for (auto const& agent : state.affected(effect)) {
    auto before = state.applicable(agent);
    auto model = resolve_after(state.table(), effect, agent);
    if (before.model == model) continue;
    out.push_back({agent, std::move(before), {generation{state.current().next().value}, std::move(model)}});
  }
  return out;
}

} // namespace paddler
