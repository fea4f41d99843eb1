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
  EXPECT_EQ(fed(boundary, ""), "");
}

TEST(EventBoundary, TheStartOfAnEventWaitsForItsRest) {
  event_boundary boundary;
  EXPECT_EQ(fed(boundary, "data: a\n\nda"), "data: a\n\n");
  EXPECT_EQ(fed(boundary, "ta: b"), "");
  EXPECT_EQ(fed(boundary, "\n\ndata: c"), "data: b\n\n");
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

TEST(EventBoundary, EverySplitKnowsTheNewestEvent) {
  std::string const stream = ": hi\n\nevent: x\r\ndata: 1\r\n\r\n: a\n\ndata: 2\n\n: b\n\n";
  for (std::size_t i = 0; i <= stream.size(); ++i)
    for (std::size_t j = i; j <= stream.size(); ++j) {
      event_boundary boundary;
      std::string out;
      for (auto const& piece : {stream.substr(0, i), stream.substr(i, j - i), stream.substr(j)}) {
        out += fed(boundary, piece);
        auto const expected = out.contains("data: 2")   ? "data: 2\n\n"
                              : out.contains("data: 1") ? "event: x\r\ndata: 1\r\n\r\n"
                                                        : "";
        EXPECT_EQ(boundary.newest_event(), expected) << i << " " << j;
      }
    }
}

TEST(EventBoundary, OfALongEventTheStartIsKept) {
  event_boundary boundary;
  std::string const event = "data: " + std::string(1000, 'x') + "\n\n";
  fed(boundary, event.substr(0, 3));
  fed(boundary, event.substr(3));
  EXPECT_EQ(boundary.newest_event(), event.substr(0, event_boundary::max_start_bytes));
}

TEST(EventBoundary, AHugeEventIsDeliveredInPieces) {
  event_boundary boundary;
  EXPECT_EQ(fed(boundary, "data: 1\n\n" + std::string(event_boundary::max_kept_bytes, 'x')), "data: 1\n\n");
  EXPECT_EQ(boundary.newest_event(), "data: 1\n\n");
  EXPECT_EQ(fed(boundary, "y").size(), event_boundary::max_kept_bytes + 1);
  EXPECT_EQ(boundary.newest_event(), "");
  EXPECT_EQ(fed(boundary, "data: [DONE]\n\n"), "data: [DONE]\n\n");
  EXPECT_EQ(boundary.newest_event(), "") << "text of an event was taken for one";
  fed(boundary, "data: 2\n\n");
  EXPECT_EQ(boundary.newest_event(), "data: 2\n\n");
}

} // namespace
} // namespace paddler
