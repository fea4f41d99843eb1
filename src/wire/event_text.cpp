#include "wire/event_text.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace paddler {
namespace {

constexpr std::size_t longest_quote = 80;

// How the last events of streams begin; `data: {"error"` is how engines say in every dialect what went wrong.
constexpr std::array any_dialect{std::string_view(R"(data: {"error")")};
constexpr std::array openai_ends{std::string_view("data: [DONE]")};
constexpr std::array anthropic_ends{std::string_view("event: message_stop\n"), std::string_view("event: error\n")};
constexpr std::array responses_ends{std::string_view("event: response.completed\n"),
                                    std::string_view("event: response.incomplete\n"),
                                    std::string_view("event: response.failed\n"), std::string_view("event: error\n")};

bool begins_with_one_of(std::string_view text, std::span<std::string_view const> starts) {
  return std::ranges::any_of(starts, [&](std::string_view start) { return text.starts_with(start); });
}

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

bool ends_stream(std::string_view event_start, api_dialect dialect) {
  if (begins_with_one_of(event_start, any_dialect)) return true;
  switch (dialect) {
  case api_dialect::openai: return begins_with_one_of(event_start, openai_ends);
  case api_dialect::responses: return begins_with_one_of(event_start, responses_ends);
  case api_dialect::anthropic: return begins_with_one_of(event_start, anthropic_ends);
  }
  return false;
}

} // namespace paddler
