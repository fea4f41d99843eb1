#include "cli/units.hpp"

#include "base/text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace paddler {
namespace {

using namespace std::chrono_literals;

struct unit {
  std::string_view name;
  duration length;
};

constexpr std::array units{unit{"d", 24h}, unit{"h", 1h}, unit{"m", 1min}, unit{"s", 1s}, unit{"ms", 1ms}};
constexpr duration longest = 365 * 24h;
constexpr std::array<std::string_view, 7> byte_units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::size_t readable_byte_units = 5;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 50;

std::unexpected<error> not_a_duration(std::string_view text) {
  return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is not a duration",
              "Write it as 500ms, 30s, 5m or 1h30m; at most 365d.");
}

// One "NUMBER UNIT" at the start of `rest`, which is shortened by it. Nothing where there is none.
std::optional<duration> take_part(std::string_view& rest) {
  auto const count = take_number<std::int64_t>(rest);
  if (!count || *count < 0) return std::nullopt;
  auto const end = rest.find_first_of("0123456789");
  auto const name = rest.substr(0, end);
  for (auto const& unit : units) {
    if (unit.name != name || *count > longest / unit.length) continue;
    rest.remove_prefix(name.size());
    return *count * unit.length;
  }
  return std::nullopt;
}

} // namespace

result<duration> parse_duration(std::string_view text) {
  duration total{};
  auto rest = text;
  do {
    auto const part = take_part(rest);
    if (!part || total + *part > longest) return not_a_duration(text);
    total += *part;
  } while (!rest.empty());
  return total;
}

std::string print_duration(duration time) {
  std::string out;
  for (auto const& unit : units) {
    auto const count = time / unit.length;
    if (count > 0) out += std::to_string(count) + std::string(unit.name);
    time -= count * unit.length;
  }
  return out.empty() ? "0s" : out;
}

std::string print_age(duration time) {
  constexpr int small = 10; // below it the next unit tells something
  for (std::size_t i = 0; i + 2 < units.size(); ++i) {
    auto const count = time / units[i].length;
    if (count <= 0) continue;
    auto out = std::to_string(count) + std::string(units[i].name);
    auto const next = (time - count * units[i].length) / units[i + 1].length;
    if (count < small && next > 0) out += std::to_string(next) + std::string(units[i + 1].name);
    return out;
  }
  return std::to_string(std::max<std::int64_t>(time / 1s, 0)) + "s";
}

std::string count_of(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

result<std::uint64_t> parse_bytes(std::string_view text) {
  auto rest = text;
  auto const count = take_number<std::uint64_t>(rest);
  for (std::size_t unit = 0; count && unit < readable_byte_units; ++unit) {
    auto const power = unit * 10;
    if (byte_units[unit] == rest && *count <= most_bytes >> power) return *count << power;
  }
  return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is no size",
              "Write it as 512MiB or 2GiB; at most 1024TiB.");
}

std::string print_bytes(std::uint64_t bytes) {
  constexpr auto const& names = byte_units;
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= 1023.5 && unit + 1 < names.size()) {
    value /= 1024;
    ++unit;
  }
  bool const tenths = unit > 0 && value < 9.95;
  auto const rounded = tenths ? std::round(value * 10) / 10 : std::round(value);
  std::array<char, 16> digits{};
  auto const end =
      tenths ? std::to_chars(digits.data(), digits.data() + digits.size(), rounded, std::chars_format::fixed, 1)
             : std::to_chars(digits.data(), digits.data() + digits.size(), rounded, std::chars_format::fixed, 0);
  return std::string(digits.data(), end.ptr).append(names[unit]);
}

} // namespace paddler
