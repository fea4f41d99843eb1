// Tables for people and for `awk`: columns aligned, one row an object, no cell empty or with spaces in it.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace paddler {

struct table_column {
  std::string title;
  bool right = false;     // numbers
  bool shortens = false;  // may be cut in its middle where the table is too wide
  bool only_wide = false; // shown with -o wide only
};

class table {
public:
  explicit table(std::vector<table_column> columns) : columns_(std::move(columns)) {}

  // One cell for each column, wide ones too. An empty cell is shown as "-"; white space in a cell as "_".
  void add(std::vector<std::string> cells);

  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  // With titles, every line ended by "\n" and without spaces at its end. `max_width` in characters, 0 for any width:
  // columns that may be shortened are, the widest first, but none below `least_shortened` characters.
  [[nodiscard]] std::string print(std::size_t max_width, bool wide) const;

  // Widths of columns that several tables below each other share.
  using widths = std::vector<std::size_t>;

  // The same, beneath what was printed with `kept` before: titles only where that is empty. Columns grow where they
  // must, and do not shrink.
  [[nodiscard]] std::string print_below(widths& kept, std::size_t max_width, bool wide) const;

  static constexpr std::size_t least_shortened = 8;
  static constexpr std::size_t gap = 2; // between columns

private:
  struct shown_column {
    std::size_t index = 0; // among columns_
    std::size_t width = 0;
  };

  using layout = std::vector<shown_column>;

  [[nodiscard]] layout lay_out(std::size_t max_width, bool wide) const;
  [[nodiscard]] std::string print_with(layout const& shown, bool titles) const;

  std::vector<table_column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

} // namespace paddler
