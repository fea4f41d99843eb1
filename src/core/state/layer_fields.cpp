#include "core/state/layer_fields.hpp"

#include "base/text.hpp"
#include "core/session/agent_trouble.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layers.hpp"
#include "model/words.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace paddler {
namespace {

constexpr std::string_view how_instants_look =
    "Write LAYER or LAYER@REVISION, with desired, applicable, current, api, file or discovery as LAYER; a number alone "
    "is a revision of desired state.";

std::unexpected<error> no_instant(std::string_view text, std::string why) {
  return fail(error_code::invalid_input, "'" + std::string(text) + "' is no instant of a layer: " + std::move(why),
              std::string(how_instants_look));
}

std::string name_of(state_layer layer) { return boost::describe::enum_to_string(layer, "desired"); }

template <class Number> void set(field_map& out, std::string path, Number value) {
  out.insert_or_assign(std::move(path), field_value{std::int64_t(value)});
}

void set_text(field_map& out, std::string path, std::string value) {
  out.insert_or_assign(std::move(path), field_value{std::move(value)});
}

// An applicable state with the names of the document format.
void add_applicable(field_map& out, agent_id const& agent, applicable_state const& state) {
  if (!state.model) return;
  auto const& model = *state.model;
  agent_spec as_spec;
  as_spec.id = agent;
  as_spec.desired_model = model.reference;
  as_spec.model = model.name;
  as_spec.slots = model.slots;
  as_spec.max_context_length = model.max_context_length;
  out.merge(flatten(as_spec));
  auto const entry = entry_path(agent);
  set(out, entry + ".version", state.version.value);
  if (!model.chat_template.empty()) set_text(out, entry + ".chat_template", model.chat_template);
  model_spec parameters;
  parameters.id.value = "m";
  parameters.parameters = model.parameters;
  auto const prefix = entry_path(parameters.id);
  for (auto& [path, value] : flatten(parameters))
    if (path != prefix) out.insert_or_assign(entry + path.substr(prefix.size()), value);
}

bool is_wanted(state_layer layer) { return layer == state_layer::desired || is_source(layer); }

// The fields of agents/ID that a layer can speak of, by their last words.
bool speaks_of(state_layer layer, std::string_view path) {
  auto const of_agent = path.starts_with("agents/");
  if (is_wanted(layer))
    return !path.ends_with(".version") && !path.ends_with(".status") && path.find(".parameters") == path.npos &&
           !path.ends_with(".chat_template");
  if (layer == state_layer::applicable) return of_agent && !path.ends_with(".status");
  static constexpr std::array<std::string_view, 4> told{".model", ".slots", ".max_context_length", ".version"};
  return of_agent && std::ranges::any_of(told, [path](std::string_view end) { return path.ends_with(end); });
}

// What nobody wants otherwise is no difference from what runs: it got its default.
bool is_default_that_runs(state_layer from, state_layer to, field_change const& change) {
  return (is_wanted(from) && to == state_layer::current && !change.before) ||
         (from == state_layer::current && is_wanted(to) && !change.after);
}

} // namespace

result<layer_instant> parse_layer_instant(std::string_view text) {
  layer_instant out;
  if (auto const number = parse_number<std::uint64_t>(text)) {
    out.at = revision{*number};
    return out;
  }
  auto const mark = text.find('@');
  std::string const layer(text.substr(0, mark));
  if (!boost::describe::enum_from_string(layer.c_str(), out.layer) || layer.find('\0') != std::string::npos)
    return no_instant(text, "there is no layer '" + layer + "'.");
  if (mark == std::string_view::npos) return out;
  auto const number = parse_number<std::uint64_t>(text.substr(mark + 1));
  if (!number) return no_instant(text, "'" + std::string(text.substr(mark + 1)) + "' is no revision.");
  if (out.layer == state_layer::current)
    return no_instant(text, "what agents run is known as of now only, not as of a revision.");
  out.at = revision{*number};
  return out;
}

std::string print_layer_instant(layer_instant const& instant) {
  auto const layer = name_of(instant.layer);
  return instant.at ? layer + "@" + std::to_string(instant.at->value) : layer;
}

bool is_source(state_layer layer) {
  return layer == state_layer::api || layer == state_layer::file || layer == state_layer::discovery;
}

desired_document layer_document(desired_state const& state, state_layer layer) {
  if (!is_source(layer)) return state.effective();
  auto layers = state.layers();
  std::erase_if(layers, [layer](auto const& each) { return to_string(each.first.kind) != name_of(layer); });
  return merge_layers(layers);
}

field_map layer_fields(desired_state const& state, state_layer layer) {
  if (layer != state_layer::applicable) return flatten(layer_document(state, layer));
  field_map out;
  for (auto const& [agent, wanted] : state.applicable_states()) add_applicable(out, agent, wanted);
  return out;
}

field_map current_fields(agent_table const& agents) {
  field_map out;
  for (auto const& [id, agent] : agents.agents()) {
    auto const entry = entry_path(id);
    auto const status = status_of(agent);
    out.emplace(entry, field_value{});
    set_text(out, entry + ".status", std::string(to_string(status)));
    auto const& engine = agent.report.engine;
    if (status == engine_status::unknown || status == engine_status::none) continue;
    set_text(out, entry + ".model", engine.model);
    set(out, entry + ".slots", engine.slots);
    set(out, entry + ".max_context_length", engine.max_context_length);
    set(out, entry + ".version", engine.version.value);
  }
  return out;
}

std::vector<field_change> compare_layers(state_layer from, field_map const& before, state_layer to,
                                         field_map const& after, std::string_view path) {
  auto out = compare(before, after);
  std::erase_if(out, [&](field_change const& each) {
    if (!path_covers(path, each.path)) return true;
    if (is_default_that_runs(from, to, each)) return true;
    return from != to && (!speaks_of(from, each.path) || !speaks_of(to, each.path));
  });
  return out;
}

} // namespace paddler
