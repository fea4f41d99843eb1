// Where in a text something stands, for messages; and what every document must be before it is parsed.
#pragma once
#include "base/result.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace paddler {

struct text_position {
  int line = 1;   // from 1
  int column = 1; // from 1, in bytes
};

text_position position_of(std::string_view text, std::size_t offset);

// Follows a parser through `text`, in time linear in its length. A text of one line has no lines worth naming: 0.
class line_counter {
public:
  explicit line_counter(std::string_view text);

  // Moves on to `place` if that points into the text, behind where the counter is; does nothing otherwise.
  void advance_to(char const* place);

  [[nodiscard]] int line() const { return line_; }

private:
  std::string_view rest_;
  int line_ = 0;
};

// Says why `text` cannot be a document of any format: too large, not UTF-8, or with control characters.
std::optional<error> refuse_document(std::string_view text, std::size_t byte_limit);

} // namespace paddler
