// Text as a JSON string.
#pragma once
#include <string>
#include <string_view>

namespace paddler {

// Appends `text` in quotes, escaped as RFC 8259 wants it. Bytes that are not UTF-8 become U+FFFD: what an engine or a
// client sent must never make our own output invalid.
void append_json_text(std::string& out, std::string_view text);

std::string json_text(std::string_view text);

} // namespace paddler
