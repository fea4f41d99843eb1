#include "agent/model_check.hpp"

#include "core/engine/gguf.hpp"
#include "hub/local_models.hpp"

#include <utility>

namespace paddler {
namespace {

std::unexpected<error> wrong(std::string path, std::string message, std::string hint) {
  error out{error_code::invalid_input, "this agent cannot run the model", {}, {}};
  out.fields.push_back({std::move(path), std::move(message), std::move(hint), 0});
  return std::unexpected(std::move(out));
}

result<std::string> local_path(model_reference const& reference) {
  if (reference.source.value_or(model_source::local) != model_source::local)
    return wrong("model.reference.source", "this version of paddler serves files that are on the agent's machine only",
                 "download the model's GGUF file to the agent's machine, then set `source: local` and `path:` to its "
                 "absolute path");
  if (reference.path.value_or("").empty())
    return wrong("model.reference.path", "no file is named", "set `path:` to the absolute path of a GGUF file");
  if (reference.path->front() != '/')
    return wrong("model.reference.path", "'" + *reference.path + "' is not an absolute path",
                 "begin it with '/': the agent may run in any folder");
  return *reference.path;
}

engine_spec spec_of(applicable_model const& model, agent_config const& config) {
  engine_spec out;
  out.model_path = model.reference.path.value_or("");
  out.alias = model.name;
  out.slots = model.slots;
  out.context_per_slot = model.max_context_length;
  out.chat_template = model.chat_template;
  out.parameters = model.parameters;
  out.threads = config.engine_threads;
  out.gpu_layers = config.engine_gpu_layers;
  return out;
}

// The names of the applicable state for the fields of a specification.
std::string state_path(std::string const& spec_field) {
  if (spec_field == "alias") return "model.name";
  if (spec_field == "context_per_slot") return "model.max_context_length";
  if (spec_field == "model_path") return "model.reference.path";
  return "model." + spec_field;
}

// The check that an engine's start makes, before one is started.
result<void> startable(engine_program const& program, engine_spec const& spec) {
  auto arguments = engine_arguments(program, spec, {"/check.sock", "/check.jinja"});
  if (arguments) return {};
  auto why = std::move(arguments).error();
  for (auto& field : why.fields) field.path = state_path(field.path);
  return std::unexpected(std::move(why));
}

} // namespace

result<engine_spec> blocking_plan_engine(applicable_model const& model, agent_config const& config) {
  auto spec = spec_of(model, config);
  if (config.program.kind != engine_kind::simulated) {
    auto path = local_path(model.reference);
    if (!path) return std::unexpected(std::move(path).error());
    auto const info = blocking_inspect_model(*path);
    if (!info) return wrong("model.reference.path", info.error().message, info.error().hint);
    spec.embedding = is_embedding_model(*info);
  }
  if (auto fit = startable(config.program, spec); !fit) return std::unexpected(std::move(fit).error());
  return spec;
}

} // namespace paddler
