#include "core/engine/engine_simulation.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <variant>

namespace paddler {
namespace {

using microseconds = std::chrono::microseconds;
using time_member = microseconds engine_simulation::*;
using count_member = std::uint32_t engine_simulation::*;
using flag_member = bool engine_simulation::*;
using text_member = std::string engine_simulation::*;

struct setting {
  std::string_view name;
  std::variant<time_member, count_member, flag_member, text_member> member;
};

constexpr std::array settings = std::to_array<setting>({
    {"load-time", &engine_simulation::load_time},
    {"prefill-time", &engine_simulation::prefill_time},
    {"token-time", &engine_simulation::token_time},
    {"answer-tokens", &engine_simulation::answer_tokens},
    {"crash-at", &engine_simulation::crash_at},
    {"hang-at", &engine_simulation::hang_at},
    {"stall-at", &engine_simulation::stall_at},
    {"drip-at", &engine_simulation::drip_at},
    {"drip-time", &engine_simulation::drip_time},
    {"fail-load", &engine_simulation::fail_load},
    {"refuse-health", &engine_simulation::refuse_health},
    {"fail-model", &engine_simulation::fail_model},
});

constexpr std::int64_t longest_time_seconds = 24 * 60 * 60;
constexpr std::uint32_t most_tokens = 1'000'000;

std::optional<microseconds> parse_time(std::string_view text) {
  auto unit = text;
  auto const value = take_number<std::int64_t>(unit);
  if (!value || *value < 0 || *value > longest_time_seconds * 1'000'000) return std::nullopt;
  std::int64_t const scale = unit == "us" ? 1 : unit == "ms" ? 1'000 : unit == "s" ? 1'000'000 : 0;
  if (scale == 0 || *value > longest_time_seconds * (1'000'000 / scale)) return std::nullopt;
  return microseconds(*value * scale);
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  auto const value = parse_number<std::uint32_t>(text);
  return value && *value <= most_tokens ? value : std::nullopt;
}

std::string time_text(microseconds time) {
  auto const us = time.count();
  if (us % 1'000'000 == 0) return std::to_string(us / 1'000'000) + "s";
  if (us % 1'000 == 0) return std::to_string(us / 1'000) + "ms";
  return std::to_string(us) + "us";
}

// Sets one member from its text; what was wanted instead if the text is wrong.
struct assign {
  engine_simulation& simulation;
  std::string_view value;

  std::string operator()(time_member member) const {
    auto const time = parse_time(value);
    if (!time) return "give a time up to a day, as in 20ms, 500us or 3s";
    simulation.*member = *time;
    return {};
  }

  std::string operator()(count_member member) const {
    auto const count = parse_count(value);
    if (!count) return "give the number of a token, from 0 to 1000000";
    simulation.*member = *count;
    return {};
  }

  std::string operator()(flag_member member) const {
    if (!value.empty()) return "write the word alone";
    simulation.*member = true;
    return {};
  }

  std::string operator()(text_member member) const {
    if (value.empty()) return "give the name of a model";
    simulation.*member = std::string(value);
    return {};
  }
};

// `name=value` for a member that differs from its default; empty otherwise.
struct print {
  engine_simulation const& simulation;
  std::string_view name;

  std::string operator()(time_member member) const {
    auto const time = simulation.*member;
    return time == engine_simulation{}.*member ? "" : std::string(name) + '=' + time_text(time);
  }

  std::string operator()(count_member member) const {
    return simulation.*member == 0 ? "" : std::string(name) + '=' + std::to_string(simulation.*member);
  }

  std::string operator()(flag_member member) const { return simulation.*member ? std::string(name) : ""; }

  std::string operator()(text_member member) const {
    auto const& text = simulation.*member;
    return text.empty() ? "" : std::string(name) + '=' + text;
  }
};

field_error unknown_setting(std::string_view name) {
  std::array<std::string_view, settings.size()> names;
  std::ranges::transform(settings, names.begin(), &setting::name);
  auto const near = nearest(name, names);
  return {std::string(name), "is not a setting of the simulated engine",
          near.empty() ? "there are: " + one_of(names) : "did you mean '" + near + "'?", 0};
}

} // namespace

std::string to_text(engine_simulation const& simulation) {
  std::string out;
  for (auto const& s : settings) {
    std::string const part = std::visit(print{simulation, s.name}, s.member);
    if (!part.empty()) out += (out.empty() ? "" : ",") + part;
  }
  return out;
}

result<engine_simulation> parse_simulation(std::string_view text) {
  engine_simulation simulation;
  error wrong{error_code::invalid_input, "the settings of the simulated engine are not valid", {}, {}};
  while (!text.empty()) {
    auto const comma = std::min(text.find(','), text.size());
    auto const part = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    auto const equals = std::min(part.find('='), part.size());
    auto const name = part.substr(0, equals);
    auto const value = part.substr(std::min(equals + 1, part.size()));
    auto const found = std::ranges::find(settings, name, &setting::name);
    if (found == settings.end()) {
      wrong.fields.push_back(unknown_setting(name));
    } else if (auto hint = std::visit(assign{simulation, value}, found->member); !hint.empty()) {
      wrong.fields.push_back({std::string(name), "is '" + std::string(value) + "'", std::move(hint), 0});
    }
  }
  if (!wrong.fields.empty()) return std::unexpected(std::move(wrong));
  return simulation;
}

} // namespace paddler
