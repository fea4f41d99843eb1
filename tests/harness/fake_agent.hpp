// An agent that is nothing but its connections: it says whatever a test has it say, right or wrong.
#pragma once
#include "harness/connection.hpp"
#include "model/link.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddler_test {

link_hello hello_of(std::string agent, std::uint64_t process);

// One WebSocket frame of a client (RFC 6455, section 5.2), masked with zeros; `first_byte` is FIN, RSV and opcode.
std::string websocket_frame(std::string_view payload, std::uint8_t first_byte = 0x81);

// How the peer ended a WebSocket.
struct link_end {
  std::uint16_t code = 0; // 0: without a word
  std::string reason;
};

// A link as a test's own WebSocket client speaks it.
class fake_link {
public:
  // Opens it, and says hello where one is given.
  static task<fake_link> open(std::string address, std::string agent, std::optional<link_hello> hello);

  task<> say(agent_message message);
  task<> send_bytes(std::string bytes);

  // The next message; nothing when the link has ended.
  task<std::optional<std::string>> listen();

  // Listens until the link ends.
  task<link_end> wait_end();

  connection& line() { return line_; }

private:
  explicit fake_link(connection line) : line_(std::move(line)) {}

  task<bool> need(std::size_t bytes);

  connection line_;
  std::string received_;
  std::optional<link_end> end_;
};

http_headers slot_headers(std::string process, std::string version, std::string model);

// Opens a slot connection; where the answer's status is 101, the balancer's requests come on it from then on.
struct fake_slot {
  connection line;
  int status = 0;
  std::string body;
};

task<fake_slot> open_slot(std::string address, std::string agent, http_headers headers);

} // namespace paddler_test
