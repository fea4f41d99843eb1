#include "cli/line_diff.hpp"

#include <algorithm>
#include <cstdint>

namespace paddler {
namespace {

using lines = std::vector<std::string_view>;

lines lines_of(std::string_view text) {
  lines out;
  while (!text.empty()) {
    auto const end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string range(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? first : first + 1) + "," + std::to_string(count);
}

// Every line of both texts, in order, with what became of it.
class alignment {
public:
  alignment(lines before, lines after) : before_(std::move(before)), after_(std::move(after)) {
    auto const shorter = std::min(before_.size(), after_.size());
    while (head_ < shorter && before_[head_] == after_[head_]) ++head_;
    while (tail_ < shorter - head_ && before_[before_.size() - 1 - tail_] == after_[after_.size() - 1 - tail_]) ++tail_;
    for (std::size_t i = 0; i < head_; ++i) add(line_change::context, before_[i]);
    align_middle();
    for (std::size_t i = before_.size() - tail_; i < before_.size(); ++i) add(line_change::context, before_[i]);
  }

  [[nodiscard]] std::vector<diff_line> const& all() const { return out_; }

private:
  void add(line_change change, std::string_view text) { out_.push_back({change, std::string(text)}); }

  void align_middle() {
    auto const rows = before_.size() - head_ - tail_;
    auto const columns = after_.size() - head_ - tail_;
    bool const too_large = rows > 0 && columns > max_diff_cells / rows;
    if (too_large || rows == 0 || columns == 0) return replace_middle(rows, columns);
    // length[i][j]: of the longest common subsequence of what is left behind line i and line j
    std::vector<std::uint32_t> length((rows + 1) * (columns + 1), 0);
    auto const at = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return length[i * (columns + 1) + j]; };
    for (std::size_t i = rows; i-- > 0;)
      for (std::size_t j = columns; j-- > 0;)
        at(i, j) = old_line(i) == new_line(j) ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < rows || j < columns) {
      if (i < rows && j < columns && old_line(i) == new_line(j)) {
        add(line_change::context, old_line(i++));
        ++j;
      } else if (j == columns || (i < rows && at(i + 1, j) >= at(i, j + 1))) {
        add(line_change::removed, old_line(i++));
      } else {
        add(line_change::added, new_line(j++));
      }
    }
  }

  void replace_middle(std::size_t rows, std::size_t columns) {
    for (std::size_t i = 0; i < rows; ++i) add(line_change::removed, old_line(i));
    for (std::size_t j = 0; j < columns; ++j) add(line_change::added, new_line(j));
  }

  [[nodiscard]] std::string_view old_line(std::size_t i) const { return before_[head_ + i]; }

  [[nodiscard]] std::string_view new_line(std::size_t j) const { return after_[head_ + j]; }

  lines before_;
  lines after_;
  std::size_t head_ = 0; // lines that both begin with
  std::size_t tail_ = 0; // lines that both end with
  std::vector<diff_line> out_;
};

} // namespace

std::vector<diff_line> unified_diff(std::string_view before, std::string_view after) {
  alignment const aligned(lines_of(before), lines_of(after));
  auto const& all = aligned.all();
  auto const changed = [&](std::size_t i) { return all[i].change != line_change::context; };
  std::vector<diff_line> out;
  std::size_t old_line = 0;
  std::size_t new_line = 0;
  for (std::size_t i = 0; i < all.size();) {
    auto next = i;
    while (next < all.size() && !changed(next)) ++next;
    if (next == all.size()) break;
    auto const skipped = next - i > diff_context ? next - i - diff_context : 0;
    auto const first = i + skipped;
    auto end = next;
    for (std::size_t quiet = 0; end < all.size() && quiet <= 2 * diff_context; ++end)
      quiet = changed(end) ? 0 : quiet + 1;
    while (end > next && !changed(end - 1)) --end;
    end = std::min(end + diff_context, all.size());
    old_line += skipped;
    new_line += skipped;
    std::size_t old_count = 0;
    std::size_t new_count = 0;
    for (auto k = first; k < end; ++k) {
      old_count += all[k].change != line_change::added;
      new_count += all[k].change != line_change::removed;
    }
    out.push_back({line_change::hunk, "@@ -" + range(old_line, old_count) + " +" + range(new_line, new_count) + " @@"});
    out.insert(out.end(), all.begin() + static_cast<std::ptrdiff_t>(first),
               all.begin() + static_cast<std::ptrdiff_t>(end));
    old_line += old_count;
    new_line += new_count;
    i = end;
  }
  return out;
}

} // namespace paddler
