#include "core/state/applicable_table.hpp"

#include "base/canary.hpp"
#include "core/state/applicable.hpp"

#include <algorithm>

namespace paddler {

std::set<agent_id> applicable_table::affected(layer_table const& before, entry_changes const& effect) const {
  std::set<agent_id> out;
  for (auto const& [id, entry] : effect.agents) out.insert(id);
  auto const add_those_of = [&](std::string const& name) {
    if (auto const at = referred_by_.find(name); at != referred_by_.end())
      out.insert(at->second.begin(), at->second.end());
  };
  auto count = before.models().merged().size();
  auto fewest = count;
  for (auto const& [id, entry] : effect.models) {
    add_those_of(id.value);
    bool const was_there = before.models().find(id) != nullptr;
    if (entry && !was_there) ++count;
    if (!entry && was_there) --count;
  }
  fewest = std::min(fewest, count);
  if (!effect.models.empty() && fewest <= 1) add_those_of(""); // they serve the only model, while it is the only one
  return out;
}

std::vector<agent_id> applicable_table::update(layer_table const& layers, entry_changes const& effect,
                                               std::set<agent_id> const& affected, generation version) {
  for (auto const& [id, entry] : effect.agents) refer(id, layers.agents().find(id));
  std::vector<agent_id> changed;
  for (auto const& agent : affected) {
    auto const* entry = layers.agents().find(agent);
    std::optional<applicable_model> model;
    if (entry != nullptr) model = resolve_applicable(*entry, served_entry(layers.models().merged(), *entry));
    auto const at = states_.find(agent);
    bool const same = at == states_.end() ? !model : at->second.model == model;
    if (same || (is_loose(canary::model_change_unseen) && at != states_.end() && at->second.model && model)) continue;
    assign(agent, {version, std::move(model)});
    changed.push_back(agent);
  }
  return changed;
}

void applicable_table::restore(layer_table const& layers, agent_id const& agent, generation version) {
  auto const* entry = layers.agents().find(agent);
  std::optional<applicable_model> model;
  if (entry != nullptr) model = resolve_applicable(*entry, served_entry(layers.models().merged(), *entry));
  assign(agent, {version, std::move(model)});
}

void applicable_table::restore_references(layer_table const& layers) {
  for (auto const& [id, entry] : layers.agents().merged()) refer(id, &entry);
}

void applicable_table::refer(agent_id const& agent, agent_spec const* entry) {
  if (auto const at = refers_to_.find(agent); at != refers_to_.end()) {
    auto const by = referred_by_.find(at->second);
    by->second.erase(agent);
    if (by->second.empty()) referred_by_.erase(by);
    refers_to_.erase(at);
  }
  if (entry == nullptr) return;
  auto const name = entry->model.value_or("");
  refers_to_.emplace(agent, name);
  referred_by_[name].insert(agent);
}

void applicable_table::assign(agent_id const& agent, applicable_state now) {
  auto& state = states_[agent];
  std::string const* const before = state.model ? &state.model->name : nullptr;
  std::string const* const after = now.model ? &now.model->name : nullptr;
  bool const same_name = before != nullptr && after != nullptr && *before == *after;
  if (after != nullptr && !same_name) {
    auto& agents = names_[*after];
    if (agents.empty()) ++name_changes_;
    agents.insert(agent);
  }
  if (before != nullptr && !same_name) {
    auto const at = names_.find(*before);
    at->second.erase(agent);
    if (at->second.empty()) {
      ++name_changes_;
      names_.erase(at);
    }
  }
  state = std::move(now);
}

} // namespace paddler
