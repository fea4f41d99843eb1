// What a server refuses, and with which status: one row a case, each on a connection of its own.
#include "net/test_support.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paddler {
namespace {

struct refusal {
  char const* name;
  std::string bytes;
  unsigned status;
};

std::string const get = "GET / HTTP/1.1\r\n";
std::string const post = "POST / HTTP/1.1\r\nHost: x\r\n";
std::string const chunked = post + "Transfer-Encoding: chunked\r\n\r\n";

std::string const get_with(std::string const& line) { return get + "Host: x\r\n" + line + "\r\n\r\n"; }

std::vector<refusal> refusals_of_length_and_coding() {
  using namespace std::string_literals;
  return {
      {"length beside chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunks beside length", post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
      {"the same length twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello", 400},
      {"negative length", post + "Content-Length: -5\r\n\r\nhello", 400},
      {"signed length", post + "Content-Length: +5\r\n\r\nhello", 400},
      {"hexadecimal length", post + "Content-Length: 0x5\r\n\r\nhello", 400},
      {"empty length", post + "Content-Length:\r\n\r\nhello", 400},
      {"length too big for a number", post + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"length with a space", post + "Content-Length: 5 5\r\n\r\nhello", 400},
      {"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"coding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"coding after chunked", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501},
      {"chunked with a vertical tab", post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400},
      {"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunk size is no number", chunked + "x\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk size is negative", chunked + "-5\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk size is empty", chunked + "\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk size overflows", chunked + "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk size has a prefix", chunked + "0x5\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk without its end", chunked + "5\r\nhelloX\r\n0\r\n\r\n", 400},
      {"chunk line with a bare line feed", chunked + "5\nhello\r\n0\r\n\r\n", 400},
      {"chunk extension too long", chunked + "5;" + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n", 400},
      {"chunk head without end", chunked + "5;" + std::string(20'000, 'a'), 400},
      {"chunk larger than the body limit", chunked + "ffffff\r\n" + std::string(2000, 'x'), 413},
      {"body larger than its limit", post + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'), 413},
  };
}

std::vector<refusal> refusals_of_headers() {
  using namespace std::string_literals;
  return {
      {"bare line feed in the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
      {"bare line feed in a header", get + "Host: x\nA: b\r\n\r\n", 400},
      {"bare carriage return", get + "Host: x\rA: b\r\n\r\n", 400},
      {"folded header", get + "Host: x\r\nA: b\r\n c\r\n\r\n", 400},
      {"folded first header", get + " Host: x\r\n\r\n", 400},
      {"NUL in a value", get_with("A: b\0c"s), 400},
      {"NUL in a name", get_with("A\0: b"s), 400},
      {"control character in a value", get_with("A: b\x01"), 400},
      {"space before the colon", get_with("A : b"), 400},
      {"empty header name", get_with(": b"), 400},
      {"header without a colon", get_with("nonsense"), 400},
      {"no Host", get + "\r\n", 400},
      {"two Hosts", get + "Host: x\r\nHost: y\r\n\r\n", 400},
      {"Host with a path", get + "Host: x/y\r\n\r\n", 400},
      {"Host with user", get + "Host: a@b\r\n\r\n", 400},
      {"Host and target differ", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
  };
}

std::vector<refusal> refusals_of_the_request_line() {
  using namespace std::string_literals;
  std::string many_headers = get + "Host: x\r\n";
  for (int i = 0; i < 101; ++i) many_headers += "X-" + std::to_string(i) + ": 1\r\n";
  return {
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"HTTP/0.9", "GET /\r\n\r\n", 400},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400},
      {"lower-case version", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
      {"two spaces in the request line", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"method with a bracket", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"path without a slash", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 400},
      {"dot segments", "GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"escaped dot segments", "GET /a/%2e%2E/b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"escaped NUL", "GET /a%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"broken escape", "GET /a%2 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"backslash in the path", "GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"fragment in the target", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"unknown expectation", get_with("Expect: tea"), 417},
      {"long request line", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {"large head", get_with("A: " + std::string(33'000, 'a')), 431},
      {"large head without end", get + "A: " + std::string(40'000, 'a'), 431},
      {"too many headers", many_headers + "\r\n", 431},
  };
}

std::vector<refusal> refusals() {
  auto all = refusals_of_length_and_coding();
  for (auto const& more : {refusals_of_headers(), refusals_of_the_request_line()})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

task<> read_and_answer(http_exchange& exchange) {
  auto const body = co_await exchange.read_body(1000);
  if (!body)
    co_await exchange.respond_error(body.error());
  else
    co_await exchange.respond(200, {}, "fine");
}

// A second request in the same bytes must never be answered: that would be smuggling.
TEST(http_refusals, each_gets_its_status_and_the_connection_is_closed) {
  served s(read_and_answer);
  for (auto const& each : refusals()) {
    auto const answer = s.run(talk(s.port, each.bytes + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::to_string(each.status) + " ")) << each.name << ": " << answer;
    EXPECT_NE(answer.find("\r\nConnection: close\r\n"), std::string::npos) << each.name << ": " << answer;
    EXPECT_NE(answer.find("application/problem+json"), std::string::npos) << each.name;
    EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos) << each.name << " was answered twice: " << answer;
  }
}

TEST(http_refusals, nothing_that_is_allowed_is_among_them) {
  served s(read_and_answer);
  std::vector<std::string> const allowed{
      get + "Host:\r\nConnection: close\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
      "GET http://x:80/p?q HTTP/1.1\r\nHost: X:80\r\nConnection: close\r\n\r\n",
      "GET /a%20b/..c/.d/%C3%BC HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
      "M-SEARCH / HTTP/1.1\r\nHost: x\r\nA:\r\nB: \xc3\xbc\tx\r\nConnection: close\r\n\r\n",
      post + "Connection: close\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'),
      post + "Connection: close\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n00\r\nT: v\r\n\r\n",
  };
  for (auto const& bytes : allowed) {
    auto const answer = s.run(talk(s.port, bytes));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << bytes << "\n" << answer;
  }
}

} // namespace
} // namespace paddler
