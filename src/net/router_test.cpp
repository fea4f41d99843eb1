#include "net/host_guard.hpp"
#include "net/http_parser.hpp"
#include "net/problem.hpp"
#include "net/router.hpp"
#include "net/test_support.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

task<> say_route(http_exchange& exchange) {
  std::string body(exchange.operation_id());
  for (auto const* name : {"id", "name", "rest"}) {
    if (!exchange.param(name).empty()) body += " " + std::string(name) + "=" + std::string(exchange.param(name));
  }
  co_await exchange.respond(200, {}, body);
}

std::vector<route> table() {
  return {
      {"GET", "/", "index", 0, say_route},
      {"GET", "/v1/models", "list_models", 0, say_route},
      {"GET", "/v1/models/{id}", "get_model", 0, say_route},
      {"DELETE", "/v1/models/{id}", "delete_model", 0, say_route},
      {"GET", "/v1/models/{id}/versions/{name}", "get_version", 0, say_route},
      {"GET", "/v1/models/special", "special", 0, say_route},
      {"GET", "/assets/{rest*}", "asset", 0, say_route},
  };
}

struct routing {
  char const* method;
  char const* path;
  char const* operation; // empty: none
  std::vector<std::string> params = {};
  char const* allow = nullptr;
};

TEST(router, finds_rows_by_decoded_segments) {
  router const routes(table());
  std::vector<routing> const cases{
      {"GET", "/", "index"},
      {"GET", "/v1/models", "list_models"},
      {"HEAD", "/v1/models", "list_models"},
      {"GET", "/v1/mod%65ls", "list_models"},
      {"GET", "/v1/models/a", "get_model", {"a"}},
      {"GET", "/v1/models/Qwen%2FQwen3", "get_model", {"Qwen/Qwen3"}},
      {"GET", "/v1/models/special", "special"},
      {"GET", "/v1/models/special/versions/2", "get_version", {"special", "2"}},
      {"DELETE", "/v1/models/a", "delete_model", {"a"}},
      {"GET", "/assets/a/b.js", "asset", {"a/b.js"}},
      {"POST", "/v1/models/a", "", {}, "GET, HEAD, DELETE"},
      {"GET", "/v1/models/", ""},
      {"GET", "/v1//models", ""},
      {"GET", "/V1/models", ""},
      {"GET", "/v1/models/a/b", ""},
      {"GET", "/v1", ""},
      {"OPTIONS", "*", ""},
  };
  for (auto const& each : cases) {
    auto const found = routes.find(each.method, each.path);
    EXPECT_EQ(found.row != nullptr ? found.row->operation_id : "", each.operation) << each.path;
    std::vector<std::string> values;
    for (auto const& [name, value] : found.params) values.push_back(value);
    EXPECT_EQ(values, each.params) << each.path;
    if (each.allow != nullptr)
      EXPECT_EQ(found.allow, each.allow);
    else if (*each.operation == '\0')
      EXPECT_EQ(found.allow, "") << each.path;
  }
}

TEST(router, answers_what_has_no_row) {
  served s(routed(router(table())));
  auto const ask = [&](std::string const& line) {
    return s.run(talk(s.port, line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  };
  EXPECT_TRUE(ask("GET /v1/models/m-1").ends_with("\r\n\r\nget_model id=m-1"));
  EXPECT_TRUE(ask("GET /nowhere").starts_with("HTTP/1.1 404 "));
  auto const refused = ask("PUT /v1/models/a");
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 405 "));
  EXPECT_NE(refused.find("Allow: GET, HEAD, DELETE\r\n"), std::string::npos) << refused;
  EXPECT_TRUE(ask("OPTIONS /v1/models").starts_with("HTTP/1.1 204 "));
  served elsewhere(routed(router(table(), "that is next door")));
  auto const lost = elsewhere.run(talk(elsewhere.port, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_NE(lost.find("there is nothing at /a; that is next door"), std::string::npos) << lost;
}

TEST(router_death, wrong_tables_are_bugs) {
  EXPECT_DEATH(router({{"GET", "/a", "a", 0, say_route}, {"GET", "/a", "b", 0, say_route}}), "two routes");
  EXPECT_DEATH(router({{"GET", "a", "a", 0, say_route}}), "slash");
}

struct guard_case {
  char const* head; // of the request, without the last line
  unsigned status;  // 0: may pass
};

TEST(host_guard, lets_own_names_and_origins_pass) {
  host_guard const guard({.loopback = true, .names = {"paddler.local"}, .origins = {"https://ui.example.org"}});
  std::vector<guard_case> const cases{
      {"GET / HTTP/1.1\r\nHost: localhost:8061\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: LOCALHOST\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: 127.9.9.9:1\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: [::1]:8061\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: Paddler.local:80\r\n", 0},
      {"GET / HTTP/1.0\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: evil.example\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: localhost.evil.example\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: localhost.\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: 2130706433\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: 0x7f.1\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: localhost:80:80\r\n", 421},
      {"GET / HTTP/1.1\r\nHost:\r\n", 421},
      {"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n", 421},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n", 0},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:1\r\n", 0},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: https://ui.example.org\r\n", 0},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://localhost:2\r\n", 403},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: http://evil.example\r\n", 403},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: null\r\n", 403},
      {"POST / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: https://sub.ui.example.org\r\n", 403},
      {"DELETE / HTTP/1.1\r\nHost: localhost:1\r\nOrigin: file://localhost:1\r\n", 403},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\nOrigin: http://a.b\r\n", 403},
  };
  http_limits const limits;
  for (auto const& each : cases) {
    http_parser parser(http_parser::role::server, limits);
    http_head head;
    ASSERT_TRUE(parser.parse_head(std::string(each.head) + "\r\n", head).has_value()) << each.head;
    auto const refused = guard.check(head);
    EXPECT_EQ(refused ? refused->status : 0, each.status) << each.head;
  }
}

TEST(host_guard, other_listeners_take_any_address_but_no_foreign_name) {
  served s(guarded(host_guard({.loopback = false}), say_route));
  auto const ask = [&](std::string const& host) {
    return s.run(talk(s.port, "GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"));
  };
  EXPECT_TRUE(ask("192.0.2.1:80").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(ask("evil.example").starts_with("HTTP/1.1 421 "));
}

TEST(problem, lists_everything_found) {
  std::vector<field_error> const fields{{"agents[0].slots", "must be a number", "write 4", 7}};
  EXPECT_EQ(
      problem_json(422, "Unprocessable Content", "not applied", "req_1", fields, "mend it"),
      R"({"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"not applied","hint":"mend it",)"
      R"("instance":"req_1","errors":[{"path":"agents[0].slots","message":"must be a number","line":7,"hint":"write 4"}]})");
}

} // namespace
} // namespace paddler
