// Sets of bytes that are asked for on every request. Internal to net.
#pragma once
#include <array>
#include <string_view>

namespace paddler {

class char_set {
public:
  explicit constexpr char_set(std::string_view members) {
    for (char const c : members) table_[static_cast<unsigned char>(c)] = true;
  }

  [[nodiscard]] constexpr bool contains(char c) const { return table_[static_cast<unsigned char>(c)]; }

  [[nodiscard]] constexpr bool contains_all(std::string_view text) const {
    for (char const c : text) {
      if (!contains(c)) return false;
    }
    return true;
  }

  [[nodiscard]] constexpr bool contains_any(std::string_view text) const {
    for (char const c : text) {
      if (contains(c)) return true;
    }
    return false;
  }

private:
  std::array<bool, 256> table_{};
};

// Whether the text would end a header line, or a message in other eyes.
inline bool breaks_lines(std::string_view text) {
  return text.find('\n') != std::string_view::npos || text.find('\r') != std::string_view::npos ||
         text.find('\0') != std::string_view::npos;
}

} // namespace paddler
