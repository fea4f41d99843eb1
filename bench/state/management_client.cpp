#include "bench/state/management_client.hpp"

#include "base/result.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr auto connect_limit = std::chrono::seconds(30);
constexpr std::size_t answer_limit = std::size_t{256} << 20;

[[noreturn]] void failed(std::string const& what, error const& why) {
  throw std::runtime_error(what + " failed: " + describe(why));
}

} // namespace

task<http_answer> management_client::ask(std::string method, std::string target, std::string body) {
  auto const what = method + " " + target;
  if (!connection_ || !connection_->reusable()) {
    auto stream = co_await connect_tcp(server_.host, server_.port, connect_limit);
    if (!stream) failed(what, stream.error());
    http_client_config config;
    config.authority = to_string(server_);
    connection_ = std::make_unique<http_connection>(std::move(*stream), std::string(), config);
  }
  std::vector<header_view> headers;
  if (!body.empty()) headers.push_back({"Content-Type", "application/json"});
  auto const sent = co_await connection_->send(method, target, headers, body);
  if (!sent) failed(what, sent.error());
  auto const head = co_await connection_->read_head();
  if (!head) failed(what, head.error());
  http_answer out;
  out.status = (*head)->status;
  auto text = co_await connection_->read_body(answer_limit);
  if (!text) failed(what, text.error());
  out.body = std::move(*text);
  co_return out;
}

task<std::string> management_client::want(std::string method, std::string target, std::string body) {
  auto const what = method + " " + target;
  auto answer = co_await ask(std::move(method), std::move(target), std::move(body));
  if (answer.status != 200)
    throw std::runtime_error(what + " was answered with " + std::to_string(answer.status) + ": " + answer.body);
  co_return std::move(answer.body);
}

} // namespace paddler
