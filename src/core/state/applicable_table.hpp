// The applicable state of every agent, kept by what each change touches.
#pragma once
#include "core/state/layer_table.hpp"
#include "model/applicable.hpp"

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

class applicable_table {
public:
  // The agents whose state, or whose right to be, may depend on these changes of effective entries: those that changed,
  // and those that serve a model that did.
  [[nodiscard]] std::set<agent_id> affected(layer_table const& before, entry_changes const& effect) const;

  // Resolves anew: `layers` holds the changes already, `affected` are the agents they may matter to. Gives the agents
  // whose state is another now.
  std::vector<agent_id> update(layer_table const& layers, entry_changes const& effect,
                               std::set<agent_id> const& affected, generation version);

  // An agent's version as it was when a snapshot was taken.
  void restore(layer_table const& layers, agent_id const& agent, generation version);

  // Once every entry of a snapshot is in `layers`.
  void restore_references(layer_table const& layers);

  [[nodiscard]] std::map<agent_id, applicable_state> const& states() const { return states_; }

  // The names of the models that agents are to serve, with these agents; at least one each.
  [[nodiscard]] std::map<std::string, std::set<agent_id>, std::less<>> const& served_names() const { return names_; }

  // How often a name came into or left served_names().
  [[nodiscard]] std::size_t name_changes() const { return name_changes_; }

private:
  void refer(agent_id const& agent, agent_spec const* entry);
  void assign(agent_id const& agent, applicable_state now);

  std::map<agent_id, applicable_state> states_;
  std::map<std::string, std::set<agent_id>, std::less<>> names_;
  std::size_t name_changes_ = 0;
  std::map<agent_id, std::string> refers_to_;             // which models[] entry an agent names; "": none
  std::map<std::string, std::set<agent_id>> referred_by_; // the same from the other side
};

} // namespace paddler
