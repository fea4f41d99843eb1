#include "agent/model_check.hpp"

#include "core/engine/gguf.hpp"
#include "core/reconcile/planner.hpp"

#include <utility>

namespace paddler {
namespace {

constexpr std::uint64_t engine_overhead_bytes = std::uint64_t{256} << 20U; // compute buffers, tokenizer, the process

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

// Weights, key and value caches of all slots, and what computing takes.
std::optional<std::uint64_t> memory_need(gguf_info const& info, applicable_model const& model) {
  if (info.split_count > 1 || info.tensor_bytes == 0) return std::nullopt; // the other files are not looked at
  auto const tokens = static_cast<std::uint64_t>(model.slots) * static_cast<std::uint64_t>(model.max_context_length);
  return info.tensor_bytes + kv_cache_bytes(info, tokens) + engine_overhead_bytes;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

result<void> fits_alone(std::uint64_t need, std::uint64_t memory, applicable_model const& model) {
  if (need <= memory) return {};
  return wrong("model",
               "it needs about " + mebibytes(need) + " (weights, and caches for " + std::to_string(model.slots) +
                   " slots of " + std::to_string(model.max_context_length) + " tokens), and this agent has " +
                   mebibytes(memory) + " for engines",
               "set fewer `slots`, a smaller `max_context_length`, or a smaller model");
}

} // namespace

engine_spec engine_spec_of(applicable_model const& model, agent_config const& config) {
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

result<engine_need> blocking_check_model(applicable_model const& model, agent_config const& config,
                                         machine_facts const& machine, model_headers& headers) {
  auto spec = engine_spec_of(model, config);
  engine_need need{0};
  if (config.program.kind != engine_kind::simulated) {
    auto path = local_path(model.reference);
    if (!path) return std::unexpected(std::move(path).error());
    auto const info = headers.blocking_inspect(*path);
    if (!info) return wrong("model.reference.path", info.error().message, info.error().hint);
    spec.embedding = is_embedding_model(*info);
    need.memory_bytes = memory_need(*info, model);
  }
  if (auto fit = startable(config.program, spec); !fit) return std::unexpected(std::move(fit).error());
  auto const memory = memory_for_engines(machine, config);
  if (memory && need.memory_bytes)
    if (auto fit = fits_alone(*need.memory_bytes, *memory, model); !fit) return std::unexpected(std::move(fit).error());
  return need;
}

std::optional<std::uint64_t> memory_for_engines(machine_facts const& machine, agent_config const& config) {
  bool const on_device = !machine.gpus.empty() && config.engine_gpu_layers != 0;
  if (machine.memory_bytes == 0 || on_device) return std::nullopt;
  return share_for_engines(machine.memory_bytes);
}

} // namespace paddler
