// Server-sent events (WHATWG HTML, section 9.2) as engines write them: one line of data, then a blank line.
#pragma once
#include "base/result.hpp"

#include <optional>
#include <string_view>

namespace paddler {

// The data of the event that ends a stream of OpenAI's API.
inline constexpr std::string_view end_of_stream = "[DONE]";

// Takes the first whole event, with the blank line behind it ("\n\n", "\r\n\r\n"), off `rest`. Nothing, and `rest` as
// it was, where its end has not come. Views into `rest`.
std::optional<std::string_view> take_event(std::string_view& rest);

// The data of one whole event, a view into it; empty where it has none, as comments have. Errors: protocol, for more
// than one line of data and for any other field, as in "event: x": such an event means more than its data.
result<std::string_view> event_data(std::string_view event);

} // namespace paddler
