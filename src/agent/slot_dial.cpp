#include "agent/slot_dial.hpp"

#include "net/http_client.hpp"
#include "wire/slot_papers.hpp"

#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t max_refusal_bytes = 4096;
constexpr int switching_protocols = 101;

http_client_config client_config(host_and_port const& balancer, duration limit) {
  http_client_config out;
  out.authority = to_string(balancer);
  out.limits.head_timeout = out.limits.body_silence = out.limits.write_silence = limit;
  return out;
}

task<result<void>> ask_to_reverse(http_connection& connection, slot_target const& target) {
  auto const path = "/management/v1/agents/" + percent_encode(target.from.agent.value) + "/slots";
  auto const process = std::to_string(target.from.process.value);
  auto const version = std::to_string(target.engine.version.value);
  auto const number = std::to_string(target.engine.number);
  auto const resumes = print_resumable(target.engine.resumes);
  auto const identity = print_identity(target.engine.identity);
  std::vector<header_view> headers{{"Connection", "Upgrade"},
                                   {"Upgrade", "paddler-slot/1"},
                                   {"X-Paddler-Process", process},
                                   {"X-Paddler-Version", version},
                                   {"X-Paddler-Model", target.engine.model},
                                   {"X-Paddler-Engine", number}};
  if (!resumes.empty()) headers.push_back({"X-Paddler-Resumes", resumes});
  if (target.engine.identity != 0) headers.push_back({"X-Paddler-Identity", identity});
  co_return co_await connection.send("POST", path, headers);
}

task<error> refusal(http_connection& connection, int status) {
  auto const body = co_await connection.read_body(max_refusal_bytes);
  auto message = "the balancer answered " + std::to_string(status) + " to a slot connection";
  if (body) message += ": " + *body;
  co_return error{error_code::unavailable, std::move(message), {}, {}};
}

} // namespace

task<result<taken_connection>> dial_slot(std::shared_ptr<slot_target const> target, duration limit) {
  auto stream = co_await connect_tcp(target->from.balancer.host, target->from.balancer.port, limit);
  if (!stream) co_return std::unexpected(std::move(stream).error());
  http_connection connection(std::move(*stream), {}, client_config(target->from.balancer, limit));
  if (auto const sent = co_await ask_to_reverse(connection, *target); !sent) co_return std::unexpected(sent.error());
  auto const head = co_await connection.read_head();
  if (!head) co_return std::unexpected(head.error());
  if ((*head)->status != switching_protocols) {
    auto why = co_await refusal(connection, (*head)->status);
    co_return std::unexpected(std::move(why));
  }
  taken_connection out;
  out.stream = connection.release(&out.initial_bytes);
  co_return out;
}

} // namespace paddler
