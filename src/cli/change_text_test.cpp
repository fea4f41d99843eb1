#include "cli/change_text.hpp"
#include "cli/command_test.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

field_value whole(std::int64_t value) { return value; }

std::vector<field_change> const changes{
    {"agents/a1.slots", whole(4), whole(8)},
    {"agents/a2", std::nullopt, field_value{}},
    {"agents/a3.model", field_value{std::string("chat \"x\"")}, std::nullopt},
    {"models/m.chat_template", field_value{std::string("a\nb\033[31m\n")}, field_value{std::string("a\nc\n")}},
};

TEST(TextOfChanges, HasALineForEachSide) {
  test_console console;
  EXPECT_EQ(text_of_changes(changes, 3, console.terminal), "- agents/a1.slots: 4\n"
                                                           "+ agents/a1.slots: 8\n"
                                                           "+ agents/a2\n"
                                                           "- agents/a3.model: \"chat \\\"x\\\"\"\n"
                                                           "~ models/m.chat_template:\n"
                                                           "    @@ -1,2 +1,2 @@\n"
                                                           "     a\n"
                                                           "    -b?[31m\n"
                                                           "    +c\n"
                                                           "... and 3 more changes that are not listed\n");
}

TEST(TextOfChanges, IsColouredWhereThereAreColours) {
  test_console console;
  console.terminal.colours_on_out = true;
  EXPECT_EQ(text_of_changes(std::span(changes).first(1), 0, console.terminal),
            "\033[31m- agents/a1.slots: 4\033[0m\n\033[32m+ agents/a1.slots: 8\033[0m\n");
}

TEST(SummaryOfChanges, FitsACell) {
  EXPECT_EQ(summary_of_changes({}, 0), "");
  EXPECT_EQ(summary_of_changes(std::span(changes).first(1), 0), "agents/a1.slots:4->8");
  EXPECT_EQ(summary_of_changes(changes, 2), "agents/a1.slots:4->8,+5");
  EXPECT_EQ(summary_of_changes(std::span(changes).subspan(1, 1), 0), "+agents/a2");
  EXPECT_EQ(summary_of_changes(std::span(changes).subspan(2, 1), 0), "agents/a3.model:\"chat \\\"x\\\"\"->-");
}

TEST(TextOfLoss, SaysWhoDecides) {
  lost_field const loss{
      "agents/a1.slots", {{source_kind::file, "/etc/c.yaml"}, whole(8), {3}}, {{source_kind::api, ""}, whole(4), {7}}};
  EXPECT_EQ(text_of_loss(loss), "agents/a1.slots: 8 of file /etc/c.yaml is not in effect: api decides it (4)");
  EXPECT_EQ(cell_of(loss.lost.source), "file:/etc/c.yaml");
  EXPECT_EQ(cell_of(loss.winner.source), "api");
}

} // namespace
} // namespace paddler
