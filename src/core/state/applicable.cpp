#include "core/state/applicable.hpp"

namespace paddler {
namespace {

std::string stem(std::string_view path) {
  auto const slash = path.find_last_of('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  if (path.ends_with(".gguf")) path.remove_suffix(5);
  return std::string(path);
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

model_spec const* served_entry(std::map<model_id, model_spec> const& models, agent_spec const& agent) {
  if (!agent.model) return models.size() == 1 ? &models.begin()->second : nullptr;
  auto const at = models.find(model_id{*agent.model});
  return at == models.end() ? nullptr : &at->second;
}

std::optional<applicable_model> resolve_applicable(agent_spec const& agent, model_spec const* served) {
  if (!agent.desired_model) return std::nullopt;
  applicable_model out;
  out.reference = *agent.desired_model;
  out.slots = agent.slots.value_or(default_slots);
  out.max_context_length = agent.max_context_length.value_or(default_max_context_length);
  if (served != nullptr) {
    out.name = served->id.value;
    out.chat_template = served->chat_template.value_or("");
    out.parameters = served->parameters.value_or(model_parameters{});
  } else {
    out.name = default_model_name(out.reference);
  }
  return out;
}

} // namespace paddler
