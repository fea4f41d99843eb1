#include "cli/table.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

table agents() {
  table out({{.title = "NAME", .shortens = true},
             {.title = "STATUS"},
             {.title = "MODEL", .shortens = true},
             {.title = "SLOTS", .right = true},
             {.title = "PID", .only_wide = true},
             {.title = "SEEN", .right = true}});
  return out;
}

TEST(table, aligns_its_columns) {
  auto rows = agents();
  rows.add({"local", "ready", "demo", "1/4", "42", "2s"});
  rows.add({"gpu-1", "loading", "qwen3-0.6b", "0/16", "43", "11m"});
  EXPECT_EQ(rows.print(80, false), "NAME   STATUS   MODEL       SLOTS  SEEN\n"
                                   "local  ready    demo          1/4    2s\n"
                                   "gpu-1  loading  qwen3-0.6b   0/16   11m\n");
}

TEST(table, shows_more_columns_when_wide) {
  auto rows = agents();
  rows.add({"local", "ready", "demo", "1/4", "42", "2s"});
  EXPECT_EQ(rows.print(0, true), "NAME   STATUS  MODEL  SLOTS  PID  SEEN\n"
                                 "local  ready   demo     1/4  42     2s\n");
}

TEST(table, has_no_empty_cells_and_none_with_spaces) {
  auto rows = agents();
  rows.add({"a\tb c", "", "x\ny"});
  EXPECT_EQ(rows.print(0, false), "NAME   STATUS  MODEL  SLOTS  SEEN\n"
                                  "a_b_c  -       x_y        -     -\n");
}

TEST(table, has_no_spaces_at_the_end_of_a_line) {
  table rows({{.title = "NAME"}, {.title = "AGENTS"}});
  rows.add({"demo", "a"});
  rows.add({"other", "a,b,c,d,e"});
  EXPECT_EQ(rows.print(0, false), "NAME   AGENTS\ndemo   a\nother  a,b,c,d,e\n");
}

TEST(table, shortens_the_widest_column_in_its_middle) {
  auto rows = agents();
  rows.add({"local", "ready", "qwen3-235b-a22b-instruct-2507-q4_k_m", "1/4", "42", "2s"});
  EXPECT_EQ(rows.print(50, false), "NAME   STATUS  MODEL                   SLOTS  SEEN\n"
                                   "local  ready   qwen3-235b-…507-q4_k_m    1/4    2s\n");
}

TEST(table, keeps_what_can_not_be_shortened) {
  auto rows = agents();
  rows.add({"a-long-name-of-an-agent", "ready", "demo", "1/4", "42", "2s"});
  auto const printed = rows.print(10, false);
  EXPECT_THAT(printed, testing::HasSubstr("\na-lo…ent  ready   demo     1/4    2s\n"));
}

TEST(table, counts_characters_not_bytes) {
  table rows({{.title = "NAME"}, {.title = "N", .right = true}});
  rows.add({"größe", "1"});
  rows.add({"plain", "2"});
  EXPECT_EQ(rows.print(0, false), "NAME   N\ngröße  1\nplain  2\n");
}

TEST(table, of_no_rows_is_its_titles) { EXPECT_EQ(agents().print(80, false), "NAME  STATUS  MODEL  SLOTS  SEEN\n"); }

} // namespace
} // namespace paddler
