#include "engine/output_lines.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::vector<std::string> lines_of(std::vector<std::string> const& pieces) {
  output_lines lines;
  for (auto const& piece : pieces) lines.write(piece);
  lines.close();
  return lines.recent();
}

using strings = std::vector<std::string>;

TEST(OutputLines, JoinsPiecesAndSplitsLines) {
  EXPECT_EQ(lines_of({"a", "b\nc", "\n\nd"}), (strings{"ab", "c", "d"}));
  EXPECT_EQ(lines_of({}), strings{});
}

TEST(OutputLines, AreBoundedInLengthAndNumber) {
  EXPECT_EQ(lines_of({std::string(10'000, 'x') + "\ny"}), (strings{std::string(4096, 'x'), "y"}));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += std::to_string(i) + '\n';
  auto const kept = lines_of({many});
  EXPECT_EQ(kept.size(), output_lines::kept_lines);
  EXPECT_EQ(kept.back(), "999");
}

TEST(OutputLines, MayGoIntoDocuments) {
  EXPECT_EQ(lines_of({"\x1b[31mred\x1b[0m\r\n"}), (strings{" [31mred [0m"}));
  EXPECT_EQ(lines_of({"caf\xC3\xA9\nbad\xFF\n"}), (strings{"caf\xC3\xA9", "bad?"}));
}

TEST(OutputLines, TellsEachLineOnce) {
  strings told;
  output_lines lines([&](std::string_view line) { told.emplace_back(line); });
  lines.write("a\nb");
  EXPECT_EQ(told, strings{"a"});
  lines.close();
  lines.close();
  EXPECT_EQ(told, (strings{"a", "b"}));
}

} // namespace
} // namespace paddler
