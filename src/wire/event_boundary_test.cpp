#include "wire/event_boundary.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::string fed(event_boundary& boundary, std::string_view piece) {
  auto const out = boundary.feed(piece);
  return std::string(out.kept) + std::string(out.fresh);
}

TEST(EventBoundary, WholeEventsPassAsTheyAre) {
  event_boundary boundary;
  EXPECT_EQ(fed(boundary, "data: a\n\ndata: b\n\n"), "data: a\n\ndata: b\n\n");
  auto const end = boundary.finish("");
  EXPECT_TRUE(end.empty());
}

TEST(EventBoundary, TheStartOfAnEventWaitsForItsRest) {
  event_boundary boundary;
  EXPECT_EQ(fed(boundary, "data: a\n\nda"), "data: a\n\n");
  EXPECT_EQ(fed(boundary, "ta: b"), "");
  EXPECT_EQ(fed(boundary, "\n\ndata: c"), "data: b\n\n");
  auto const end = boundary.finish("!");
  EXPECT_EQ(std::string(end.kept) + std::string(end.fresh), "data: c!");
}

TEST(EventBoundary, EverySplitGivesTheSameBytesInTheSameOrder) {
  std::string const stream = ": hi\n\nevent: x\r\ndata: 1\r\n\r\ndata: 2\n\ndata: [DONE]\n\n";
  for (std::size_t i = 0; i <= stream.size(); ++i)
    for (std::size_t j = i; j <= stream.size(); ++j) {
      event_boundary boundary;
      std::string out;
      for (auto const& piece : {stream.substr(0, i), stream.substr(i, j - i), stream.substr(j)}) {
        out += fed(boundary, piece);
        EXPECT_TRUE(out.empty() || out.ends_with("\n\n") || out.ends_with("\r\n\r\n")) << out;
      }
      EXPECT_EQ(out, stream);
    }
}

TEST(EventBoundary, AHugeEventIsDeliveredInPieces) {
  event_boundary boundary;
  EXPECT_EQ(fed(boundary, std::string(event_boundary::max_kept_bytes, 'x')), "");
  EXPECT_EQ(fed(boundary, "y").size(), event_boundary::max_kept_bytes + 1);
}

} // namespace
} // namespace paddler
