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
};

// A connection; `unavailable` where nobody listens, with how to start a balancer.
task<result<std::unique_ptr<http_connection>>> connect_api(api_server server, http_limits limits = {});

// Sends a request on it and reads the answer's head.
task<result<http_response_head const*>> send_api_request(http_connection& connection, api_request request);

// One request and its whole answer, whatever its status.
task<result<api_answer>> call_api(api_server server, api_request request);

// The same on a loop of its own; an answer that is no success is an error.
result<api_answer> blocking_call_api(api_server server, api_request request);

} // namespace paddler
