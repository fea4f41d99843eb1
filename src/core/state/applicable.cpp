#include "core/state/applicable.hpp"

#include <algorithm>

namespace paddler {
namespace {

std::string stem(std::string_view path) {
  auto const slash = path.find_last_of('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  if (path.ends_with(".gguf")) path.remove_suffix(5);
  return std::string(path);
}

// The models[] entry that an agent serves: the one it names, else the only one.
model_spec const* served_entry(desired_document const& effective, agent_spec const& agent) {
  if (!agent.model) return effective.models.size() == 1 ? effective.models.data() : nullptr;
  auto const at = std::ranges::find(effective.models, model_id{*agent.model}, &model_spec::id);
  return at == effective.models.end() ? nullptr : &*at;
}

} // namespace

std::string default_model_name(model_reference const& reference) {
  std::string name;
  if (reference.path)
    name = stem(*reference.path);
  else if (reference.file)
    name = stem(*reference.file);
  else if (reference.model_id)
    name = stem(*reference.model_id);
  else if (reference.url)
    name = stem(*reference.url);
  return is_valid_name(name) ? name : "default";
}

std::optional<applicable_model> resolve_applicable(desired_document const& effective, agent_id const& agent) {
  auto const entry = std::ranges::find(effective.agents, agent, &agent_spec::id);
  if (entry == effective.agents.end() || !entry->desired_model) return std::nullopt;
  applicable_model out;
  out.reference = *entry->desired_model;
  out.slots = entry->slots.value_or(default_slots);
  out.max_context_length = entry->max_context_length.value_or(default_max_context_length);
  if (auto const* model = served_entry(effective, *entry)) {
    out.name = model->id.value;
    out.chat_template = model->chat_template.value_or("");
    out.parameters = model->parameters.value_or(model_parameters{});
  } else {
    out.name = default_model_name(out.reference);
  }
  return out;
}

} // namespace paddler
