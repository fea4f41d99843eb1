// What pages of `describe` are made of. Pure.
#pragma once
#include "cli/console.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace paddler {

inline constexpr std::size_t page_label_width = 12;

inline std::string page_line(std::string label, std::string const& text) {
  label.resize(std::max(page_label_width, label.size() + 1), ' ');
  return "  " + label + text + "\n";
}

inline std::string page_title(std::string const& text, console const& terminal) {
  return terminal.on_out(text_style::bold, text) + "\n";
}

inline std::string page_heading(std::string const& text, console const& terminal) {
  return "\n" + page_title(text, terminal);
}

} // namespace paddler
