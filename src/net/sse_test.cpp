#include "net/sse.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace paddler {
namespace {

std::vector<std::string> split(std::string const& bytes, std::size_t step) {
  std::vector<std::string> out;
  sse_splitter splitter;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    auto const fed = splitter.feed(bytes.substr(at, step), [&out](sse_event const& event) {
      out.push_back(event.event + "|" + event.id + "|" + event.data);
    });
    EXPECT_TRUE(fed.has_value());
  }
  return out;
}

TEST(sse, what_is_written_is_read_back) {
  EXPECT_EQ(sse_data("x"), "data: x\n\n");
  EXPECT_EQ(sse_data("a\r\nb\n\rc"), "data: a\ndata: b\ndata: \ndata: c\n\n");
  EXPECT_EQ(sse_comment("waiting"), ": waiting\n\n");
  EXPECT_EQ(sse_format({.event = "done\nx", .data = "y", .id = "7"}), "event: donex\nid: 7\ndata: y\n\n");
  EXPECT_EQ(split(sse_format({.event = "e", .data = "a\nb", .id = "7"}), 100), std::vector<std::string>{"e|7|a\nb"});
}

TEST(sse, streams_are_split_however_they_are_cut) {
  std::string const stream = "\xef\xbb\xbf"
                             "data: one\n\n: comment\n\ndata:two\r\ndata: more\r\n\r\nevent: e\rid: 1\rdata\r\r"
                             "unknown: x\ndata: four\nretry: 5\n\nevent: nothing\n\ndata: unfinished\n";
  std::vector<std::string> const expected{"||one", "||two\nmore", "e|1|", "|1|four"};
  for (std::size_t step = 1; step <= stream.size(); ++step) EXPECT_EQ(split(stream, step), expected) << step;
}

TEST(sse, events_are_bounded) {
  sse_splitter splitter(10);
  EXPECT_EQ(splitter.feed("data: 0123456789", [](sse_event const&) {}).error().code, error_code::too_large);
}

} // namespace
} // namespace paddler
