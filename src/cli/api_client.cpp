#include "cli/api_client.hpp"

#include "runtime/event_loop.hpp"

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration connect_limit = 5s;

error unreachable(api_server const& server, error const& why) {
  return {error_code::unavailable,
          "no balancer answers at " + to_string(server.address) + " (" + server.what + "): " + why.message,
          "Start one: paddler up\nOr name another: " + server.flag + " HOST:PORT, or the variable " + server.variable,
          {}};
}

error lost(api_server const& server, error why) {
  why.message = "the " + server.what + " at " + to_string(server.address) + ": " + why.message;
  return why;
}

} // namespace

api_server management_server(host_and_port address) {
  return {std::move(address), "management API", "--management", "PADDLER_MANAGEMENT"};
}

api_server inference_server(host_and_port address) {
  return {std::move(address), "OpenAI API", "--inference", "PADDLER_INFERENCE"};
}

task<result<std::unique_ptr<http_connection>>> connect_api(api_server server, http_limits limits) {
  auto stream = co_await connect_tcp(server.address.host, server.address.port, connect_limit);
  if (!stream) co_return std::unexpected(unreachable(server, stream.error()));
  http_client_config config{.authority = to_string(server.address), .limits = limits};
  co_return std::make_unique<http_connection>(std::move(*stream), std::string(), std::move(config));
}

task<result<http_response_head const*>> send_api_request(http_connection& connection, api_request request) {
  std::vector<header_view> headers;
  for (auto const& [name, value] : request.headers) headers.push_back({name, value});
  auto const sent = co_await connection.send(request.method, request.target, headers, request.body);
  if (!sent) co_return std::unexpected(sent.error());
  co_return co_await connection.read_head();
}

task<result<api_answer>> call_api(api_server server, api_request request) {
  auto const limit = request.answer_limit;
  auto const connection = co_await connect_api(server);
  if (!connection) co_return std::unexpected(connection.error());
  auto const head = co_await send_api_request(**connection, std::move(request));
  if (!head) co_return std::unexpected(lost(server, head.error()));
  api_answer answer{.status = (*head)->status, .content_type = std::string((*head)->header("Content-Type"))};
  auto const tag = (*head)->header("ETag");
  if (tag.size() >= 2 && tag.starts_with('"')) answer.etag = std::string(tag.substr(1, tag.size() - 2));
  auto body = co_await (*connection)->read_body(limit);
  if (!body) co_return std::unexpected(lost(server, body.error()));
  answer.body = std::move(*body);
  co_return answer;
}

task<result<api_answer>> get_api(api_server server, std::string target) {
  api_request request;
  request.target = std::move(target);
  co_return co_await call_api(std::move(server), std::move(request));
}

std::string management_target(std::string const& path,
                              std::vector<std::pair<std::string, std::string>> const& parameters) {
  auto out = "/management/v1/" + path;
  char joint = '?';
  for (auto const& [name, value] : parameters) {
    if (value.empty()) continue;
    out += std::exchange(joint, '&') + name + "=" + percent_encode(value);
  }
  return out;
}

result<api_answer> blocking_call_api(api_server server, api_request request) {
  event_loop loop;
  auto answer = loop.run_until_done(call_api(std::move(server), std::move(request)));
  if (answer && !is_success(answer->status)) return std::unexpected(error_of(*answer));
  return answer;
}

} // namespace paddler
