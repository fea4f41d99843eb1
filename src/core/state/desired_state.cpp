#include "core/state/desired_state.hpp"

#include "core/state/applicable.hpp"
#include "core/state/layers.hpp"
#include "core/state/validation.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

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

// A loss is an old one as long as the same source wants the same value and loses to the same one: when it began does
// not count.
bool is_same(lost_field const& a, lost_field const& b) {
  auto const same_word = [](field_claim const& x, field_claim const& y) {
    return x.source == y.source && x.value == y.value;
  };
  return a.path == b.path && same_word(a.lost, b.lost) && same_word(a.winner, b.winner);
}

std::vector<lost_field> new_ones(std::vector<lost_field> const& before, std::vector<lost_field> const& now) {
  std::vector<lost_field> out;
  auto old = before.begin();
  for (auto const& each : now) {
    auto const key = std::tie(each.path, each.lost.source);
    old = std::find_if(old, before.end(), [&](lost_field const& b) { return std::tie(b.path, b.lost.source) >= key; });
    if (old == before.end() || !is_same(*old, each)) out.push_back(each);
  }
  return out;
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

desired_news desired_state::apply(log_record const& record) {
  current_ = record.number;
  layers_ = with(std::move(layers_), record.source, record.document);
  effective_ = merge_layers(layers_);
  claims_.replace(record.source, record.document, record.number);
  auto losses = claims_.losses();
  desired_news news{resolve_all(), new_ones(losses_, losses)};
  losses_ = std::move(losses);
  return news;
}

// The agents whose applicable state is another now.
std::vector<agent_id> desired_state::resolve_all() {
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
