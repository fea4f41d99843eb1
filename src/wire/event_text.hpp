// Server-sent events (WHATWG HTML, section 9.2) as engines write them: one line of data, then a blank line.
#pragma once
#include "base/result.hpp"
#include "wire/inference_error.hpp"

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

// Whether nothing follows the event that begins so (64 bytes of it are enough) in a stream of this API: it is the last
// one of a whole answer, or says what went wrong. Engines end every stream with such an event, so one that ends without
// was broken off, whatever its transfer encoding says.
bool ends_stream(std::string_view event_start, api_dialect dialect);

} // namespace paddler
