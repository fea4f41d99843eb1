#include "engine/output_lines.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace paddler {
namespace {

std::string printable(std::string line) {
  bool const utf8 = is_valid_utf8(line);
  for (char& c : line) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F)
      c = ' ';
    else if (byte >= 0x80 && !utf8)
      c = '?';
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

} // namespace

output_lines::output_lines(handler on_line) : on_line_(std::move(on_line)) {}

void output_lines::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const end = std::min(bytes.find('\n'), bytes.size());
    line_.append(bytes.substr(0, std::min(end, max_line_bytes - line_.size())));
    if (end == bytes.size()) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

void output_lines::close() {
  if (!line_.empty()) end_line();
}

std::vector<std::string> output_lines::recent() const { return {recent_.begin(), recent_.end()}; }

void output_lines::end_line() {
  std::string line = printable(std::move(line_));
  line_.clear();
  if (line.empty()) return;
  if (on_line_) on_line_(line);
  recent_.push(std::move(line));
}

} // namespace paddler
