#include "core/state/desired_state.hpp"

#include "core/state/applicable.hpp"
#include "core/state/layers.hpp"
#include "core/state/validation.hpp"

#include <set>

namespace paddler {
namespace {

desired_layers with(desired_layers layers, source_id const& source, desired_document const& document) {
  if (document == desired_document{})
    layers.erase(source);
  else
    layers[source] = document;
  return layers;
}

result<void> validate(desired_layers const& changed, desired_document const& document) {
  auto found = validate_document(document);
  if (found.empty()) found = validate_effective(merge_layers(changed));
  if (found.empty()) return {};
  std::string const count = found.size() == 1 ? "1 error" : std::to_string(found.size()) + " errors";
  return std::unexpected(
      error{error_code::invalid_input, "The document has " + count + "; nothing was changed.", {}, std::move(found)});
}

} // namespace

result<std::optional<log_record>> desired_state::check(desired_change const& change, wall_time now) const {
  if (change.if_match && *change.if_match != current_)
    return fail(error_code::conflict,
                "Desired state is at revision " + std::to_string(current_.value) + ", not at " +
                    std::to_string(change.if_match->value) + ": somebody changed it in between. Nothing was changed.",
                "Read it again, merge your change, and send it with the new ETag.");
  auto const existing = layers_.find(change.source);
  bool const same =
      existing == layers_.end() ? change.document == desired_document{} : existing->second == change.document;
  if (same) return std::nullopt;
  auto const valid = validate(with(layers_, change.source, change.document), change.document);
  if (!valid) return std::unexpected(valid.error());
  return log_record{current_.next(), now, change.source, change.document, change.origin};
}

std::vector<agent_id> desired_state::apply(log_record const& record) {
  current_ = record.number;
  layers_ = with(std::move(layers_), record.source, record.document);
  effective_ = merge_layers(layers_);

  std::set<agent_id> known;
  for (auto const& agent : effective_.agents) known.insert(agent.id);
  for (auto const& [agent, state] : applicable_) known.insert(agent);

  std::vector<agent_id> changed;
  for (auto const& agent : known) {
    auto resolved = resolve_applicable(effective_, agent);
    auto& state = applicable_[agent];
    if (state.version != generation{} && state.model == resolved) continue;
    if (state.version == generation{} && !resolved) continue;
    state = {generation{current_.value}, std::move(resolved)};
    changed.push_back(agent);
  }
  return changed;
}

applicable_state desired_state::applicable(agent_id const& agent) const {
  auto const at = applicable_.find(agent);
  return at == applicable_.end() ? applicable_state{} : at->second;
}

std::vector<std::string> desired_state::served_names() const {
  std::set<std::string> names;
  for (auto const& model : effective_.models) names.insert(model.id.value);
  for (auto const& [agent, state] : applicable_)
    if (state.model) names.insert(state.model->name);
  return {names.begin(), names.end()};
}

} // namespace paddler
