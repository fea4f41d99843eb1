#include "core/engine/engine_parameters.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

namespace paddler {
namespace {

enum class value_kind { integer, number, number_list, choice, on_off };

struct parameter {
  std::string_view name;
  std::string_view flag;
  value_kind kind;
  double low = 0;
  double high = 0;
  std::span<std::string_view const> choices = {};
  std::string_view flag_off = {}; // on_off: what "off" becomes; nothing at all where empty
};

constexpr std::array<std::string_view, 3> switches = {"auto", "off", "on"};
constexpr std::array<std::string_view, 9> cache_types = {"bf16", "f16",  "f32",  "iq4_nl", "q4_0",
                                                         "q4_1", "q5_0", "q5_1", "q8_0"};
constexpr std::array<std::string_view, 6> load_modes = {"auto", "dio", "mlock", "mmap", "mmap+mlock", "none"};
constexpr std::array<std::string_view, 3> numa_modes = {"distribute", "isolate", "numactl"};
constexpr std::array<std::string_view, 3> reasoning_formats = {"deepseek", "deepseek-legacy", "none"};
constexpr std::array<std::string_view, 3> rope_scalings = {"linear", "none", "yarn"};
constexpr std::array<std::string_view, 3> split_modes = {"layer", "none", "row"};

constexpr double max_batch = 65'536;
constexpr double max_cache_mib = 1024 * 1024;

using enum value_kind;
constexpr std::array parameters = std::to_array<parameter>({
    {"batch_size", "--batch-size", integer, 32, max_batch},
    {"cache_ram_mib", "--cache-ram", integer, 0, max_cache_mib},
    {"cache_reuse", "--cache-reuse", integer, 0, max_batch},
    {"cache_type_k", "--cache-type-k", choice, 0, 0, cache_types},
    {"cache_type_v", "--cache-type-v", choice, 0, 0, cache_types},
    {"context_shift", "--context-shift", on_off, 0, 0, {}, "--no-context-shift"},
    {"flash_attention", "--flash-attn", choice, 0, 0, switches},
    {"load_mode", "--load-mode", choice, 0, 0, load_modes},
    {"main_gpu", "--main-gpu", integer, 0, 63},
    {"n_cpu_moe", "--n-cpu-moe", integer, 0, 1024},
    {"numa", "--numa", choice, 0, 0, numa_modes},
    {"poll", "--poll", integer, 0, 100},
    {"reasoning", "--reasoning", choice, 0, 0, switches},
    {"reasoning_budget", "--reasoning-budget", integer, -1, 1'000'000},
    {"reasoning_format", "--reasoning-format", choice, 0, 0, reasoning_formats},
    {"repeat_last_n", "--repeat-last-n", integer, 0, max_batch},
    {"rope_freq_base", "--rope-freq-base", number, 0, 1e9},
    {"rope_freq_scale", "--rope-freq-scale", number, 0, 1000},
    {"rope_scaling", "--rope-scaling", choice, 0, 0, rope_scalings},
    {"split_mode", "--split-mode", choice, 0, 0, split_modes},
    {"swa_full", "--swa-full", on_off},
    {"tensor_split", "--tensor-split", number_list, 0, 1'000'000},
    {"threads_batch", "--threads-batch", integer, 1, 1024},
    {"typical_p", "--typical-p", number, 0, 1},
    {"ubatch_size", "--ubatch-size", integer, 1, max_batch},
    {"warmup", "--warmup", on_off, 0, 0, {}, "--no-warmup"},
    {"yarn_orig_ctx", "--yarn-orig-ctx", integer, 0, 16.0 * 1024 * 1024},
});

parameter const* find(std::string_view name) {
  auto const found = std::ranges::find(parameters, name, &parameter::name);
  return found == parameters.end() ? nullptr : found;
}

// Words such as "nan" and "inf", which parse_number() does take, are no numbers here.
std::optional<double> to_number(std::string_view text) {
  auto const value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string plain(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

bool in_bounds(parameter const& p, double value) { return value >= p.low && value <= p.high; }

constexpr std::size_t max_list_length = 64;

bool is_number_list(parameter const& p, std::string_view text) {
  for (std::size_t count = 1;; ++count) {
    auto const comma = text.find(',');
    auto const value = to_number(text.substr(0, comma));
    if (!value || !in_bounds(p, *value) || count > max_list_length) return false;
    if (comma == text.npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool is_on(std::string_view value) { return value == "on" || value == "true"; }

bool is_off(std::string_view value) { return value == "off" || value == "false"; }

// What a right value looks like; empty if `value` is right.
std::string wanted_instead_of(parameter const& p, std::string_view value) {
  std::string const range = " from " + plain(p.low) + " to " + plain(p.high);
  switch (p.kind) {
  case integer: {
    auto const number = parse_number<std::int64_t>(value);
    return number && in_bounds(p, static_cast<double>(*number)) ? "" : "a whole number" + range;
  }
  case number: {
    auto const given = to_number(value);
    return given && in_bounds(p, *given) ? "" : "a number" + range;
  }
  case number_list: return is_number_list(p, value) ? "" : "numbers" + range + ", with commas between them";
  case choice: return std::ranges::find(p.choices, value) != p.choices.end() ? "" : one_of(p.choices);
  case on_off: return is_on(value) || is_off(value) ? "" : "on or off";
  }
  return "another value";
}

void append(std::vector<std::string>& out, parameter const& p, std::string const& value) {
  if (p.kind != on_off) {
    out.emplace_back(p.flag);
    out.push_back(value);
  } else if (is_on(value)) {
    out.emplace_back(p.flag);
  } else if (!p.flag_off.empty()) {
    out.emplace_back(p.flag_off);
  }
}

field_error unknown_name(std::string const& name) {
  auto const names = engine_parameter_names();
  auto const near = nearest(name, names);
  return {name, "is not an engine parameter that may be set",
          near.empty() ? "there are: " + one_of(names) : "did you mean '" + near + "'?", 0};
}

} // namespace

std::vector<std::string_view> engine_parameter_names() {
  std::vector<std::string_view> names;
  for (auto const& p : parameters) names.push_back(p.name);
  return names;
}

result<std::vector<std::string>> engine_parameter_arguments(std::map<std::string, std::string> const& given) {
  std::vector<std::string> arguments;
  error wrong{error_code::invalid_input, "the engine parameters are not valid", {}, {}};
  for (auto const& [name, value] : given) {
    parameter const* p = find(name);
    if (p == nullptr) {
      wrong.fields.push_back(unknown_name(name));
      continue;
    }
    if (auto const wanted = wanted_instead_of(*p, value); !wanted.empty())
      wrong.fields.push_back({name, "is '" + value + "'", "give " + wanted, 0});
    else
      append(arguments, *p, value);
  }
  if (!wrong.fields.empty()) return std::unexpected(std::move(wrong));
  return arguments;
}

} // namespace paddler
