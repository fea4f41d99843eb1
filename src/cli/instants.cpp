#include "cli/instants.hpp"

#include "cli/flag_values.hpp"
#include "cli/units.hpp"
#include "wire/rfc3339.hpp"

#include <array>
#include <limits>
#include <optional>

namespace paddler {
namespace {

constexpr std::array<std::string_view, 6> layers{"desired", "applicable", "current", "api", "file", "discovery"};

constexpr std::string_view how_moments_look =
    "A moment is a revision (41), a time (2026-01-31T12:00:00Z), or how long ago (10m).";

// "41" and times as they are, "10m" as the time that it was then.
std::optional<std::string> moment_of(std::string_view text, wall_time now) {
  bool const is_revision = parse_whole_number(text, 0, std::numeric_limits<std::uint64_t>::max()).has_value();
  if (is_revision || parse_rfc3339(text)) return std::string(text);
  if (auto const ago = parse_duration(text)) return print_rfc3339(now - *ago);
  return std::nullopt;
}

} // namespace

result<std::string> parse_instant(std::string_view text, wall_time now, state_layer layer) {
  auto word = std::string(layers.at(static_cast<std::size_t>(layer)));
  bool const names_layer = !text.empty() && (text.front() < '0' || text.front() > '9');
  if (names_layer) {
    word = text.substr(0, text.find('@'));
    text.remove_prefix(word.size());
    if (auto const known = parse_word(word, layers); !known)
      return fail(known.error().code, known.error().message,
                  known.error().hint + (known.error().hint.empty() ? "" : "\n") + std::string(how_moments_look));
    if (text.empty()) return word;
    text.remove_prefix(1);
  }
  auto const moment = moment_of(text, now);
  if (!moment)
    return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is no revision and no time",
                std::string(how_moments_look));
  if (word == "current")
    return fail(error_code::invalid_input, "current state has no past",
                "What agents observe is known for now only: paddler diff desired current");
  return word + "@" + *moment;
}

} // namespace paddler
