#include "net/http_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

struct outcome {
  unsigned status = 0; // of the refusal; 0: parsed
  std::string method = {};
  std::string path = {};
  std::string body = {};
  bool done = false;
  std::string rest = {}; // what follows the message
  friend bool operator==(outcome const&, outcome const&) = default;
};

// Parses a request that arrives in pieces of `step` bytes.
outcome parse_in_pieces(std::string const& text, std::size_t step) {
  http_limits const limits;
  http_parser parser(http_parser::role::server, limits);
  http_head head;
  outcome out;
  std::string pending;
  bool in_body = false;
  for (std::size_t at = 0; at < text.size() && out.status == 0; at += step) {
    pending += text.substr(at, step);
    if (!in_body) {
      auto const n = parser.parse_head(pending, head);
      if (!n) out.status = n.error().status;
      if (!n || *n == 0) continue;
      pending.erase(0, *n);
      out.method = head.method;
      out.path = head.path;
      in_body = true;
    }
    while (!parser.body_done()) {
      auto const took = parser.parse_body(pending);
      if (!took) {
        out.status = took.error().status;
        break;
      }
      out.body.append(took->payload.data(), took->payload.size());
      pending.erase(0, took->consumed);
      if (took->consumed == 0) break;
    }
  }
  out.done = parser.body_done();
  out.rest = pending;
  return out;
}

TEST(http_parser, the_same_however_the_bytes_are_cut) {
  std::vector<std::string> const messages{
      "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
      "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next",
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET ",
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;e=1\r\n yo\r\n0\r\n\r\nrest",
      "POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: v\r\n\r\n",
      "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
      "GET / HTTP/1.1\nHost: x\r\n\r\n",
  };
  for (auto const& text : messages) {
    auto const whole = parse_in_pieces(text, text.size());
    for (std::size_t step = 1; step < text.size(); ++step)
      EXPECT_EQ(parse_in_pieces(text, step).status, whole.status) << text << " in pieces of " << step;
    if (whole.status != 0) continue;
    for (std::size_t step = 1; step < text.size(); ++step) {
      auto cut = parse_in_pieces(text, step);
      EXPECT_EQ(cut, whole) << text << " in pieces of " << step;
    }
  }
}

TEST(http_parser, bodies_come_out_whole) {
  auto const chunked = parse_in_pieces("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                       "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /",
                                       7);
  EXPECT_EQ(chunked.body, "hello world");
  EXPECT_TRUE(chunked.done);
  EXPECT_EQ(chunked.rest, "GET /");
}

TEST(http_parser, responses_and_their_ends) {
  http_limits const limits;
  http_response_head head;
  {
    http_parser parser(http_parser::role::client, limits);
    ASSERT_TRUE(parser.parse_head("HTTP/1.1 204 No Content\r\n\r\n", head, false).has_value());
    EXPECT_EQ(head.status, 204);
    EXPECT_TRUE(parser.body_done());
  }
  {
    http_parser parser(http_parser::role::client, limits);
    ASSERT_TRUE(parser.parse_head("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", head, true).has_value());
    EXPECT_TRUE(parser.body_done());
  }
  {
    http_parser parser(http_parser::role::client, limits);
    ASSERT_TRUE(parser.parse_head("HTTP/1.0 200 OK\r\n\r\n", head, false).has_value());
    EXPECT_TRUE(parser.ends_with_stream());
    EXPECT_TRUE(parser.parse_end());
  }
  {
    http_parser parser(http_parser::role::client, limits);
    ASSERT_TRUE(parser.parse_head("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", head, false).has_value());
    EXPECT_FALSE(parser.parse_end()) << "cut off";
  }
}

TEST(http_types, percent_decoding_refuses_what_is_unsafe) {
  EXPECT_EQ(percent_decode("a%2Fb+c"), "a/b+c");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  for (auto const* bad : {"%", "%2", "%zz", "%00", "%0a", "%7f"}) EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
}

TEST(http_types, heads_answer_questions) {
  http_limits const limits;
  http_parser parser(http_parser::role::server, limits);
  http_head head;
  std::string const text =
      "GET http://X/a/b?q=1%202&flag HTTP/1.1\r\nHost: x\r\nAccept: text/html, Text/Event-Stream;q=1\r\n"
      "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
  ASSERT_EQ(parser.parse_head(text, head), text.size());
  auto moved = std::move(head);
  EXPECT_EQ(moved.path, "/a/b");
  EXPECT_EQ(moved.query_param("q"), "1 2");
  EXPECT_EQ(moved.query_param("flag"), "");
  EXPECT_EQ(moved.query_param("none"), std::nullopt);
  EXPECT_TRUE(moved.has_token("accept", "text/event-stream"));
  EXPECT_TRUE(moved.upgrade);
  EXPECT_EQ(moved.header("HOST"), "x");
}

} // namespace
} // namespace paddler
