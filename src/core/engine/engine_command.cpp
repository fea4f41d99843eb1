#include "core/engine/engine_command.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "core/engine/engine_parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace paddler {
namespace {

using arguments = std::vector<std::string>;

// llama.cpp rounds the context of a sequence up to a multiple of this.
constexpr int context_padding = 256;
// An embedding's input has to fit into one batch; larger ones cost compute buffers that grow with their square.
constexpr int smallest_embedding_batch = 512;
constexpr int largest_embedding_batch = 8192;
// Prompts of idle slots are kept in memory; llama.cpp's own limit is 8 GiB.
constexpr int prompt_cache_mib = 512;

// --- checks ---

struct checker {
  std::vector<field_error> errors;

  void add(std::string path, std::string message, std::string hint) {
    errors.push_back({std::move(path), std::move(message), std::move(hint), 0});
  }

  template <class T> void range(std::string const& path, T value, T low, T high) {
    if (value >= low && value <= high) return; // a NaN is in no range
    add(path, "is " + print_number(value), "give a value from " + print_number(low) + " to " + print_number(high));
  }

  template <class T> void range(std::string const& path, std::optional<T> const& value, T low, T high) {
    if (value) range(path, *value, low, high);
  }

  void path(std::string const& name, std::string const& value) {
    if (value.empty())
      add(name, "is missing", "name a file");
    else if (value.find('\0') != value.npos)
      add(name, "contains a zero byte", "remove it");
  }
};

void check_parameters(checker& check, model_parameters const& p) {
  check.range("parameters.temperature", p.temperature, 0.0, 10.0);
  check.range("parameters.top_p", p.top_p, 0.0, 1.0);
  check.range("parameters.top_k", p.top_k, 0, 1'000'000);
  check.range("parameters.min_p", p.min_p, 0.0, 1.0);
  check.range("parameters.repeat_penalty", p.repeat_penalty, 0.01, 10.0);
  check.range("parameters.presence_penalty", p.presence_penalty, -2.0, 2.0);
  check.range("parameters.frequency_penalty", p.frequency_penalty, -2.0, 2.0);
  check.range("parameters.max_tokens", p.max_tokens, 1, max_engine_context);
  check.range("parameters.seed", p.seed, std::int64_t{0}, std::int64_t{std::numeric_limits<std::uint32_t>::max()});
}

void check_socket(checker& check, std::string const& path) {
  bool const fits = path.size() <= max_socket_path_bytes && path.starts_with('/') && path.ends_with(".sock");
  // llama-server takes --host as a row of comma-separated values, in which these mean something.
  bool const clean = std::ranges::none_of(path, [](char c) { return c == ',' || c == '"' || c <= ' '; });
  if (!fits || !clean)
    check.add("socket_path", "'" + path + "' is no path that an engine can listen on",
              "use an absolute path of at most 107 bytes that ends in .sock, without commas, quotes and spaces");
}

void check_spec(checker& check, engine_program const& program, engine_spec const& spec) {
  if (program.kind != engine_kind::simulated) check.path("model_path", spec.model_path);
  if (program.kind == engine_kind::llama_server) check.path("program", program.path);
  if (!is_valid_name(spec.alias))
    check.add("alias", "'" + spec.alias + "' is not a valid name",
              "use 1 to 128 letters, digits and - _ . / : @, starting with a letter or a digit");
  check.range("slots", spec.slots, 1, max_engine_slots);
  check.range("context_per_slot", spec.context_per_slot, 1, max_engine_context);
  check.range("threads", spec.threads, 0, 1024);
  check.range("gpu_layers", spec.gpu_layers, 0, 100'000);
  if (spec.chat_template.size() > max_template_bytes)
    check.add("chat_template", "has " + std::to_string(spec.chat_template.size()) + " bytes",
              "the limit is " + std::to_string(max_template_bytes));
}

// --- command lines ---

template <class T> void add_option(arguments& out, std::string_view flag, std::optional<T> const& value) {
  if (!value) return;
  out.emplace_back(flag);
  out.push_back(print_number(*value));
}

void add_sampling(arguments& out, model_parameters const& p) {
  add_option(out, "--temp", p.temperature);
  add_option(out, "--top-p", p.top_p);
  add_option(out, "--top-k", p.top_k);
  add_option(out, "--min-p", p.min_p);
  add_option(out, "--repeat-penalty", p.repeat_penalty);
  add_option(out, "--presence-penalty", p.presence_penalty);
  add_option(out, "--frequency-penalty", p.frequency_penalty);
  add_option(out, "--predict", p.max_tokens);
  add_option(out, "--seed", p.seed);
}

std::string_view to_flag(embedding_pooling pooling) {
  switch (pooling) {
  case embedding_pooling::none: return "none";
  case embedding_pooling::mean: return "mean";
  case embedding_pooling::cls: return "cls";
  case embedding_pooling::last: return "last";
  case embedding_pooling::rank: return "rank";
  }
  return "mean";
}

void add_embedding(arguments& out, engine_spec const& spec) {
  out.emplace_back("--embeddings");
  if (spec.pooling) {
    out.emplace_back("--pooling");
    out.emplace_back(to_flag(*spec.pooling));
  }
  int const batch = std::clamp(spec.context_per_slot, smallest_embedding_batch, largest_embedding_batch);
  for (auto flag : {"--batch-size", "--ubatch-size"}) {
    out.emplace_back(flag);
    out.push_back(print_number(std::int64_t{batch}));
  }
}

// What every engine is told, the simulated one too.
void add_common(arguments& out, engine_spec const& spec, engine_files const& files, int context) {
  auto const add = [&](std::string_view flag, std::string value) {
    out.emplace_back(flag);
    out.push_back(std::move(value));
  };
  add("--host", files.socket_path);
  add("--alias", spec.alias);
  add("--parallel", std::to_string(spec.slots));
  add("--ctx-size", print_number(std::int64_t{spec.slots} * context));
}

arguments simulated_arguments(engine_program const& program, engine_spec const& spec, engine_files const& files) {
  arguments out = {"engine", "--simulate", to_text(program.simulation)};
  add_common(out, spec, files, spec.context_per_slot);
  add_option(out, "--predict", spec.parameters.max_tokens);
  if (spec.embedding) out.emplace_back("--embeddings");
  return out;
}

// A separate cache for each slot, and no more than that slot's tokens: with the shared cache one long request could
// take the context of all others.
arguments llama_arguments(engine_program const& program, engine_spec const& spec, engine_files const& files,
                          arguments extra) {
  arguments out;
  if (program.kind == engine_kind::built_in) out.emplace_back("engine");
  add_common(out, spec, files, padded_context(spec.context_per_slot));
  out.insert(out.end(), {"--no-kv-unified", "--model", spec.model_path});
  if (program.kind == engine_kind::built_in)
    out.insert(out.end(), {"--kv-unified-per-slot", std::to_string(spec.context_per_slot), "--cors-origins",
                           "localhost", "--no-agent"});
  out.insert(out.end(), {"--jinja", "--no-webui", "--slots", "--metrics", "--offline", "--log-verbosity",
                         program.verbose ? "3" : "2"});
  if (!spec.chat_template.empty()) out.insert(out.end(), {"--chat-template-file", files.chat_template_path});
  if (!spec.extra.contains("cache_ram_mib")) out.insert(out.end(), {"--cache-ram", std::to_string(prompt_cache_mib)});
  if (spec.threads > 0) out.insert(out.end(), {"--threads", std::to_string(spec.threads)});
  add_option(out, "--gpu-layers", spec.gpu_layers);
  if (spec.embedding)
    add_embedding(out, spec);
  else
    add_sampling(out, spec.parameters);
  out.insert(out.end(), std::make_move_iterator(extra.begin()), std::make_move_iterator(extra.end()));
  return out;
}

// --- environment ---

constexpr std::array<std::string_view, 8> allowed_variables = {
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME"};
// Devices (CUDA, ROCm, Vulkan, Metal, oneAPI), OpenMP and the sanitizers. None of them holds a secret.
constexpr std::array<std::string_view, 15> allowed_prefixes = {
    "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "ROCM_",        "HSA_",          "GPU_",        "VK_",
    "GGML_", "MTL_",    "ZE_",  "OMP_",  "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"};

bool is_allowed(std::string_view variable) {
  auto const name = variable.substr(0, variable.find('='));
  return std::ranges::find(allowed_variables, name) != allowed_variables.end() ||
         std::ranges::any_of(allowed_prefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

} // namespace

int padded_context(int context_per_slot) {
  return (context_per_slot + context_padding - 1) / context_padding * context_padding;
}

result<arguments> engine_arguments(engine_program const& program, engine_spec const& spec, engine_files const& files) {
  checker check;
  check_spec(check, program, spec);
  check_parameters(check, spec.parameters);
  check_socket(check, files.socket_path);
  auto extra = engine_parameter_arguments(spec.extra);
  if (!extra)
    for (auto& field : extra.error().fields) {
      field.path = "extra." + field.path;
      check.errors.push_back(std::move(field));
    }
  if (!check.errors.empty())
    return std::unexpected(
        error{error_code::invalid_input, "the engine cannot be started as specified", {}, std::move(check.errors)});
  if (program.kind == engine_kind::simulated) return simulated_arguments(program, spec, files);
  return llama_arguments(program, spec, files, std::move(*extra));
}

std::vector<std::string> engine_environment(std::vector<std::string> const& environment,
                                            std::string const& config_directory) {
  std::vector<std::string> out;
  std::ranges::copy_if(environment, std::back_inserter(out), is_allowed);
  out.push_back("XDG_CONFIG_HOME=" + config_directory);
  // A failed assertion would start a debugger on the engine to print its stack, and wait for it.
  out.emplace_back("GGML_NO_BACKTRACE=1");
  return out;
}

} // namespace paddler
