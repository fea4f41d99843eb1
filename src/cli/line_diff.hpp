// What differs between two texts, line by line, in the unified form. Pure.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

enum class line_change { context, removed, added, hunk };

struct diff_line {
  line_change change = line_change::context;
  std::string text; // without its line end; "@@ -1,4 +1,5 @@" of a hunk
  friend bool operator==(diff_line const&, diff_line const&) = default;
};

inline constexpr std::size_t diff_context = 3;           // unchanged lines around what changed
inline constexpr std::size_t max_diff_cells = 4'000'000; // of the table that is filled in; above it all is replaced

// Empty where both are equal. A line end at the end of a text counts for nothing.
std::vector<diff_line> unified_diff(std::string_view before, std::string_view after);

} // namespace paddler
