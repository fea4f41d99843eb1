// A management API whose answers a test writes down.
#pragma once
#include "cli/command_test.hpp"
#include "net/problem.hpp"

#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace paddler {

struct canned_answer {
  unsigned status = 200;
  std::string body;
  std::string type = "application/json";
};

// Answers "METHOD /PATH?QUERY", or, where that is not written down, "METHOD /PATH" beneath /management/v1; 404 for what
// nobody wrote down. Where several answers are given for one call each is used once, the last one for ever.
class canned_api {
public:
  using script = std::map<std::string, std::vector<canned_answer>>;

  explicit canned_api(script answers)
      : answers_(std::move(answers)), server_([this](http_exchange& exchange) { return serve(exchange); }) {}

  [[nodiscard]] host_and_port address() const { return server_.address(); }

  // What was asked, in order: "METHOD /PATH?QUERY [If-Match] BODY".
  [[nodiscard]] std::vector<std::string> asked() {
    std::scoped_lock const lock(mutex_);
    return asked_;
  }

private:
  task<> serve(http_exchange& exchange) {
    auto const body = co_await exchange.read_body();
    auto const answer = next(exchange.head(), body ? *body : "");
    std::vector<header_view> const headers = {{"Content-Type", answer.type}, {"ETag", "\"41\""}};
    co_await exchange.respond(answer.status, headers, answer.body);
  }

  canned_answer next(http_head const& head, std::string const& body) {
    std::scoped_lock const lock(mutex_);
    constexpr std::string_view root = "/management/v1";
    auto target = std::string(head.target);
    auto path = std::string(head.path);
    for (auto* const each : {&target, &path})
      if (each->starts_with(root)) each->erase(0, root.size());
    auto const method = std::string(head.method) + " ";
    auto line = method + target;
    if (auto const condition = head.header("if-match"); !condition.empty()) line += " " + std::string(condition);
    asked_.push_back(line + (body.empty() ? "" : " " + body));
    auto at = answers_.find(method + target);
    if (at == answers_.end()) at = answers_.find(method + path);
    if (at == answers_.end()) return problem(404, "nothing at " + target);
    auto const out = at->second.front();
    if (at->second.size() > 1) at->second.erase(at->second.begin());
    return out;
  }

public:
  static canned_answer problem(unsigned status, std::string const& detail,
                               std::vector<field_error> const& errors = {}) {
    return {status, problem_json(status, "refused", detail, "req_1", errors), std::string(problem_content_type)};
  }

private:
  std::mutex mutex_;
  script answers_;
  std::vector<std::string> asked_;
  test_server server_;
};

} // namespace paddler
