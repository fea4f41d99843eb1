#include "wire/event_text.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <cstddef>

namespace paddler {
namespace {

constexpr std::size_t longest_quote = 80;

// Takes the first line, without its end, off `rest`.
std::string_view take_line(std::string_view& rest) {
  std::size_t const end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

} // namespace

std::optional<std::string_view> take_event(std::string_view& rest) {
  for (auto at = rest.find('\n'); at != std::string_view::npos; at = rest.find('\n', at + 1)) {
    auto const line = rest.substr(0, at);
    if (!line.ends_with('\n') && !line.ends_with("\n\r")) continue;
    auto const event = rest.substr(0, at + 1);
    rest.remove_prefix(at + 1);
    return event;
  }
  return std::nullopt;
}

result<std::string_view> event_data(std::string_view event) {
  constexpr std::string_view data_field = "data:";
  std::string_view data;
  while (!event.empty()) {
    auto line = take_line(event);
    if (line.empty() || line.starts_with(':')) continue;
    if (!line.starts_with(data_field) || !data.empty())
      return fail(error_code::protocol,
                  "an event has a line that means more than its data: " + quote_shortened(line, longest_quote));
    line.remove_prefix(data_field.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    data = line;
  }
  return data;
}

} // namespace paddler
