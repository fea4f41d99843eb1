#include "core/state/validation.hpp"

#include "base/text.hpp"
#include "model/words.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

namespace paddler {
namespace {

using errors = std::vector<field_error>;

void add(errors& out, std::string path, std::string message, std::string hint) {
  out.push_back({std::move(path), std::move(message), std::move(hint), 0});
}

std::string at(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

template <class T>
void check_range(errors& out, std::string const& path, std::optional<T> const& value, T low, T high) {
  if (!value || (*value >= low && *value <= high)) return;
  add(out, path, "is " + print_number(*value), "give a value from " + print_number(low) + " to " + print_number(high));
}

void check_name(errors& out, std::string const& path, std::string const& name) {
  if (is_valid_name(name)) return;
  add(out, path, name.empty() ? "is empty" : "'" + name + "' is not a valid name",
      "use 1 to 128 letters, digits and - _ . / : @, starting with a letter or a digit");
}

// The fields of a model reference that belong to one kind of source.
struct source_field {
  std::string_view name;
  std::optional<std::string> model_reference::* member;
  model_source source;
  bool required;
};

constexpr source_field source_fields[] = {
    {"model_id", &model_reference::model_id, model_source::huggingface, true},
    {"revision", &model_reference::revision, model_source::huggingface, false},
    {"file", &model_reference::file, model_source::huggingface, false},
    {"quantization", &model_reference::quantization, model_source::huggingface, false},
    {"path", &model_reference::path, model_source::local, true},
    {"url", &model_reference::url, model_source::url, true},
};

void check_reference(errors& out, std::string const& path, model_reference const& reference) {
  if (!reference.source) {
    add(out, path + ".source", "is missing", "write source: huggingface, local or url");
    return;
  }
  for (auto const& field : source_fields) {
    auto const& value = reference.*field.member;
    std::string const where = path + "." + std::string(field.name);
    bool const belongs = field.source == *reference.source;
    if (belongs && field.required && (!value || value->empty()))
      add(out, where, "is missing", "source: " + std::string(to_string(*reference.source)) + " needs it");
    if (!belongs && value)
      add(out, where, "does not belong to source: " + std::string(to_string(*reference.source)), "remove it");
  }
  if (reference.path && !reference.path->empty() && !reference.path->starts_with('/'))
    add(out, path + ".path", "'" + *reference.path + "' is not absolute",
        "write the path from / on the agent's machine");
}

void check_parameters(errors& out, std::string const& path, model_parameters const& p) {
  check_range(out, path + ".temperature", p.temperature, 0.0, 10.0);
  check_range(out, path + ".top_p", p.top_p, 0.0, 1.0);
  check_range(out, path + ".top_k", p.top_k, 0, 1'000'000);
  check_range(out, path + ".min_p", p.min_p, 0.0, 1.0);
  check_range(out, path + ".repeat_penalty", p.repeat_penalty, 0.01, 10.0); // engines divide by it
  check_range(out, path + ".presence_penalty", p.presence_penalty, -2.0, 2.0);
  check_range(out, path + ".frequency_penalty", p.frequency_penalty, -2.0, 2.0);
  check_range(out, path + ".max_tokens", p.max_tokens, 1, max_context_length_limit);
  check_range(out, path + ".seed", p.seed, std::int64_t{0}, std::int64_t{std::numeric_limits<std::uint32_t>::max()});
}

void check_agent(errors& out, std::string const& path, agent_spec const& agent) {
  check_name(out, path + ".id", agent.id.value);
  if (agent.desired_model) check_reference(out, path + ".desired_model", *agent.desired_model);
  check_range(out, path + ".slots", agent.slots, 1, max_slots);
  check_range(out, path + ".max_context_length", agent.max_context_length, min_context_length,
              max_context_length_limit);
  check_range(out, path + ".drain_seconds", agent.drain_seconds, 0, max_drain_seconds);
}

void check_model(errors& out, std::string const& path, model_spec const& model) {
  check_name(out, path + ".id", model.id.value);
  if (model.chat_template && model.chat_template->size() > max_chat_template_bytes)
    add(out, path + ".chat_template", "has " + std::to_string(model.chat_template->size()) + " bytes",
        "the limit is " + std::to_string(max_chat_template_bytes));
  if (model.parameters) check_parameters(out, path + ".parameters", *model.parameters);
}

void check_policies(errors& out, policies_spec const& p) {
  check_range(out, "policies.routing.saturation_percent", p.routing.saturation_percent, 0, 100);
  check_range(out, "policies.queue.max_requests", p.queue.max_requests, std::int64_t{0}, max_queue_requests);
  check_range(out, "policies.queue.max_bytes", p.queue.max_bytes, std::int64_t{1}, max_queue_bytes);
  check_range(out, "policies.queue.timeout_seconds", p.queue.timeout_seconds, shortest_wait_seconds,
              longest_wait_seconds);
  check_range(out, "policies.limits.requests_per_minute", p.limits.requests_per_minute, 1, max_client_requests);
  check_range(out, "policies.limits.concurrent_requests", p.limits.concurrent_requests, 1, max_client_requests);
  check_range(out, "policies.retries.max_attempts", p.retries.max_attempts, 1, max_tries);
  check_range(out, "policies.retries.budget_percent", p.retries.budget_percent, 0, 100);
  check_range(out, "policies.retries.burst", p.retries.burst, 0, max_retry_burst);
  check_range(out, "policies.resume.max_resumes", p.resume.max_resumes, 0, max_tries);
  check_range(out, "policies.resume.wait_seconds", p.resume.wait_seconds, shortest_wait_seconds, longest_wait_seconds);
}

template <class Spec, class Check>
void check_list(errors& out, std::string_view list, std::vector<Spec> const& entries, std::size_t limit, Check check) {
  if (entries.size() > limit)
    add(out, std::string(list), "has " + std::to_string(entries.size()) + " entries",
        "the limit is " + std::to_string(limit));
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    check(out, at(list, i), entries[i]);
    if (!seen.insert(entries[i].id.value).second)
      add(out, at(list, i) + ".id", "'" + entries[i].id.value + "' stands there twice",
          "give each entry an id of its own");
  }
}

} // namespace

std::vector<field_error> validate_document(desired_document const& document) {
  errors out;
  check_list(out, "agents", document.agents, max_agents, check_agent);
  check_list(out, "models", document.models, max_models, check_model);
  check_policies(out, document.policies);
  return out;
}

std::vector<field_error> validate_references(std::string const& path, agent_spec const& agent,
                                             std::span<std::string_view const> models) {
  errors out;
  if (agent.model && !std::ranges::binary_search(models, std::string_view(*agent.model))) {
    auto const near = nearest(*agent.model, models);
    add(out, path + ".model", "names '" + *agent.model + "', and no models[] entry has this id",
        near.empty() ? (models.empty() ? "add it to models[]" : "there are: " + one_of(models))
                     : "did you mean '" + near + "'?");
  }
  if (agent.desired_model && !agent.model && models.size() > 1)
    add(out, path + ".model", "is missing, and models[] has " + std::to_string(models.size()) + " entries",
        "name one: " + one_of(models));
  return out;
}

std::vector<field_error> validate_effective(desired_document const& effective) {
  std::vector<std::string_view> models;
  for (auto const& model : effective.models) models.push_back(model.id.value);
  std::ranges::sort(models);
  errors out;
  for (std::size_t i = 0; i < effective.agents.size(); ++i)
    std::ranges::move(validate_references(at("agents", i), effective.agents[i], models), std::back_inserter(out));
  return out;
}

error refusal_of(std::vector<field_error> found) {
  std::string const count = found.size() == 1 ? "1 error" : std::to_string(found.size()) + " errors";
  return {error_code::invalid_input, "The document has " + count + "; nothing was changed.", {}, std::move(found)};
}

} // namespace paddler
