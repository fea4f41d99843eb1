#include "base/random.hpp"
#include "cli/line_diff.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::string text_of(std::vector<diff_line> const& lines) {
  std::string out;
  for (auto const& line : lines) {
    auto const sign = line.change == line_change::removed ? "-"
                      : line.change == line_change::added ? "+"
                      : line.change == line_change::hunk  ? ""
                                                          : " ";
    out += sign + line.text + "\n";
  }
  return out;
}

std::string diff(std::string_view before, std::string_view after) { return text_of(unified_diff(before, after)); }

TEST(UnifiedDiff, ShowsWhatChangedWithItsSurroundings) {
  EXPECT_EQ(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  EXPECT_EQ(diff("a\nb", "a\nb\nc"), "@@ -1,2 +1,3 @@\n a\n b\n+c\n");
  EXPECT_EQ(diff("a\n", "a\n"), "");
  EXPECT_EQ(diff("a", "a\n"), "");
}

TEST(UnifiedDiff, OfTextsThatComeAndGo) {
  EXPECT_EQ(diff("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
  EXPECT_EQ(diff("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
}

TEST(UnifiedDiff, PlacesThatLieFarApartAreHunksOfTheirOwn) {
  std::string before;
  std::string after;
  for (int i = 1; i <= 30; ++i) {
    before += std::to_string(i) + "\n";
    after += (i == 2 || i == 29 ? "x" : "") + std::to_string(i) + "\n";
  }
  EXPECT_EQ(diff(before, after), "@@ -1,5 +1,5 @@\n 1\n-2\n+x2\n 3\n 4\n 5\n"
                                 "@@ -26,5 +26,5 @@\n 26\n 27\n 28\n-29\n+x29\n 30\n");
}

// Applying a diff gives the other text, whatever the texts are.
TEST(UnifiedDiff, LeadsFromOneTextToTheOther) {
  random_source random(5);
  for (int round = 0; round < 500; ++round) {
    auto const text = [&] {
      std::string out;
      for (auto n = random.below(25); n > 0; --n)
        out += std::string(1, static_cast<char>('a' + random.below(4))) + "\n";
      return out;
    };
    auto const before = text();
    auto const after = text();
    std::string kept;
    std::string made;
    for (auto const& line : unified_diff(before, after)) {
      if (line.change == line_change::hunk) continue;
      if (line.change != line_change::added) kept += line.text + "\n";
      if (line.change != line_change::removed) made += line.text + "\n";
    }
    // What is not shown is the same in both, so that removing the shown lines leaves the same rest.
    EXPECT_EQ(before.size() - kept.size(), after.size() - made.size());
    EXPECT_EQ(before == after, kept.empty() && made.empty());
  }
}

TEST(UnifiedDiff, OfHugeTextsReplacesTheMiddle) {
  std::string before;
  std::string after;
  for (int i = 0; i < 3'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  EXPECT_EQ(unified_diff(before, after).size(), 6'001U);
}

} // namespace
} // namespace paddler
