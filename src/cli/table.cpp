#include "cli/table.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace paddler {
namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// In characters, not bytes: names may be any UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !is_continuation(byte); }));
}

// The byte at which character number `index` begins.
std::size_t offset_of(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (is_continuation(text[at])) continue;
    if (index-- == 0) break;
  }
  return at;
}

// "qwen3-0.6b-instruct-q8_0" → "qwen3-0.6…uct-q8_0": names differ at their ends.
std::string shortened(std::string const& text, std::size_t width) {
  auto const length = width_of(text);
  if (length <= width) return text;
  auto const head = width / 2;
  auto const tail = width - head - 1;
  return text.substr(0, offset_of(text, head)) + "…" + text.substr(offset_of(text, length - tail));
}

std::string cell_text(std::string text) {
  if (text.empty()) return "-";
  std::ranges::replace_if(text, [](unsigned char c) { return std::isspace(c) != 0 || std::iscntrl(c) != 0; }, '_');
  return text;
}

void append_padded(std::string& line, std::string const& cell, std::size_t width, bool right) {
  std::string const padding(width - std::min(width, width_of(cell)), ' ');
  line += right ? padding + cell : cell + padding;
}

} // namespace

void table::add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (auto& cell : cells) cell = cell_text(std::move(cell));
  rows_.push_back(std::move(cells));
}

table::layout table::lay_out(std::size_t max_width, bool wide) const {
  layout out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].only_wide && !wide) continue;
    auto width = width_of(columns_[i].title);
    for (auto const& row : rows_) width = std::max(width, width_of(row[i]));
    out.push_back({i, width});
  }
  auto total = out.empty() ? 0 : gap * (out.size() - 1);
  for (auto const& column : out) total += column.width;
  for (; max_width > 0 && total > max_width; --total) {
    auto const can = [&](shown_column const& column) {
      return columns_[column.index].shortens ? std::max(column.width, least_shortened) : least_shortened;
    };
    auto const widest = std::ranges::max_element(out, {}, can);
    if (widest == out.end() || can(*widest) == least_shortened) break;
    --widest->width;
  }
  return out;
}

std::string table::print(std::size_t max_width, bool wide) const { return print_with(lay_out(max_width, wide), true); }

std::string table::print_below(widths& kept, std::size_t max_width, bool wide) const {
  auto shown = lay_out(max_width, wide);
  bool const titles = kept.empty();
  kept.resize(columns_.size());
  for (auto& column : shown) {
    auto& width = kept[column.index];
    width = column.width = std::max(column.width, width);
  }
  return print_with(shown, titles);
}

std::string table::print_with(layout const& shown, bool titles) const {
  std::string out;
  auto const add_line = [&](auto const& cell_of) {
    std::string line;
    for (auto const& column : shown) {
      if (!line.empty()) line.append(gap, ' ');
      append_padded(line, shortened(cell_of(column.index), column.width), column.width, columns_[column.index].right);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  if (titles) add_line([&](std::size_t i) { return columns_[i].title; });
  for (auto const& row : rows_) add_line([&](std::size_t i) { return row[i]; });
  return out;
}

} // namespace paddler
