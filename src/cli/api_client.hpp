// Talking to a balancer.
#pragma once
#include "cli/api_answer.hpp"
#include "net/http_client.hpp"
#include "runtime/task.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_api_answer_bytes = std::size_t{64} << 20;

// A balancer's address, and how a person names another one.
struct api_server {
  host_and_port address;
  std::string what;     // "management API"
  std::string flag;     // "--management"
  std::string variable; // "PADDLER_MANAGEMENT"
};

api_server management_server(host_and_port address);
api_server inference_server(host_and_port address);

struct api_request {
  std::string method = "GET";
  std::string target = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::size_t answer_limit = max_api_answer_bytes;
};

// A connection; `unavailable` where nobody listens, with how to start a balancer.
task<result<std::unique_ptr<http_connection>>> connect_api(api_server server, http_limits limits = {});

// Sends a request on it and reads the answer's head.
task<result<http_response_head const*>> send_api_request(http_connection& connection, api_request request);

// One request and its whole answer, whatever its status.
task<result<api_answer>> call_api(api_server server, api_request request);

// The same of a GET.
task<result<api_answer>> get_api(api_server server, std::string target);

// "/management/v1/PATH?NAME=VALUE&..."; parameters that are empty are left out.
std::string management_target(std::string const& path,
                              std::vector<std::pair<std::string, std::string>> const& parameters = {});

// One request on a loop of its own; an answer that is no success is an error.
result<api_answer> blocking_call_api(api_server server, api_request request);

// What a GET of the management API answers, as one of the model's structs or as rows.
template <class T> result<T> blocking_get(host_and_port const& management, std::string target) {
  auto const answer = blocking_call_api(management_server(management), {.target = std::move(target)});
  if (!answer) return std::unexpected(answer.error());
  return value_of<T>(*answer);
}

template <class Row> result<std::vector<Row>> blocking_rows(host_and_port const& management, std::string target) {
  auto const answer = blocking_call_api(management_server(management), {.target = std::move(target)});
  if (!answer) return std::unexpected(answer.error());
  return rows_in<Row>(*answer);
}

} // namespace paddler
