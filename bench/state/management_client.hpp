// Requests to a management API, one after the other on a kept connection.
#pragma once
#include "net/http_client.hpp"
#include "net/transport.hpp"

#include <memory>
#include <string>

namespace paddler {

// Lives on one executor.
class management_client {
public:
  explicit management_client(host_and_port server) : server_(std::move(server)) {}

  // Throws std::runtime_error where there is no whole answer.
  task<http_answer> ask(std::string method, std::string target, std::string body = {});

  // The same; and where the status is not 200 it throws, too.
  task<std::string> want(std::string method, std::string target, std::string body = {});

private:
  host_and_port const server_;
  std::unique_ptr<http_connection> connection_;
};

} // namespace paddler
