#include "core/session/resource_questions.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace paddler {
namespace {

// "agents[0]" or "agents/ID"; the same for models.
template <class Spec> std::string entry_place(std::string_view list, std::vector<Spec> const& entries, auto const& id) {
  auto const at = std::ranges::find(entries, id, &Spec::id);
  if (at == entries.end()) return std::string(list) + "/" + id.value;
  return std::string(list) + "[" + std::to_string(at - entries.begin()) + "]";
}

bool begins(std::string_view text, std::string_view with) {
  return text.starts_with(with) && (text.size() == with.size() || text[with.size()] == '.');
}

std::string place_of(desired_document const& document, agent_id const& agent, applicable_state const& state,
                     std::string_view path) {
  auto entry = entry_place("agents", document.agents, agent);
  std::string_view const reference = "model.reference";
  if (begins(path, reference)) return entry + ".desired_model" + std::string(path.substr(reference.size()));
  if (path == "model.slots" || path == "model.max_context_length")
    return entry + std::string(path.substr(std::string_view("model").size()));
  bool const of_model = begins(path, "model.chat_template") || begins(path, "model.parameters");
  if (of_model && state.model)
    return entry_place("models", document.models, model_id{state.model->name}) +
           std::string(path.substr(std::string_view("model").size()));
  return entry;
}

} // namespace

bool takes_other_resources(applicable_state const& before, applicable_state const& after) {
  if (!before.model) return true;
  auto const& old = *before.model;
  auto const& next = *after.model;
  return old.reference != next.reference || old.slots != next.slots ||
         old.max_context_length != next.max_context_length;
}

resource_questions questions_about(desired_state const& state, agent_table const& agents,
                                   desired_change const& change) {
  resource_questions out;
  for (auto& each : preview(state, change)) {
    if (!each.after.model || !takes_other_resources(each.before, each.after)) continue;
    auto const known = agents.agents().find(each.agent);
    if (known == agents.agents().end() || !known->second.connected)
      out.unasked.push_back({each.agent, "it is not connected"});
    else if (out.ask.size() == max_questions_a_change)
      out.unasked.push_back(
          {each.agent, "a change asks " + std::to_string(max_questions_a_change) + " agents at most"});
    else
      out.ask.push_back({known->second.link, each.agent, std::move(each.after)});
  }
  return out;
}

std::vector<field_error> errors_in_document(desired_document const& document, agent_id const& agent,
                                            applicable_state const& state, std::vector<field_error> const& found) {
  std::vector<field_error> out;
  for (auto const& each : found)
    out.push_back(
        {place_of(document, agent, state, each.path), "on agent '" + agent.value + "': " + each.message, each.hint, 0});
  return out;
}

std::vector<std::string> warnings_of(std::vector<unasked_agent> const& unasked) {
  std::vector<std::string> out;
  for (auto const& [agent, why] : unasked) {
    if (out.size() == max_listed_warnings) {
      out.push_back("and " + std::to_string(unasked.size() - max_listed_warnings) + " more agents");
      break;
    }
    out.push_back("whether agent '" + agent.value + "' can run this was not checked: " + why);
  }
  return out;
}

} // namespace paddler
