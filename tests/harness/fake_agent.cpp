#include "harness/fake_agent.hpp"

#include "harness/system_test.hpp"
#include "wire/link_codec.hpp"

namespace paddler_test {

link_hello hello_of(std::string agent, std::uint64_t process) {
  link_hello out;
  out.agent = {std::move(agent)};
  out.process = {process};
  return out;
}

std::string websocket_frame(std::string_view payload, std::uint8_t first_byte) {
  constexpr std::uint8_t masked = 0x80;
  std::string out(1, static_cast<char>(first_byte));
  auto const size = payload.size();
  if (size < 126) {
    out += static_cast<char>(masked | size);
  } else {
    int const bytes = size < 65'536 ? 2 : 8;
    out += static_cast<char>(masked | (bytes == 2 ? 126 : 127));
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8)
      out += static_cast<char>(static_cast<std::uint64_t>(size) >> shift & 0xff);
  }
  out.append(4, '\0');
  out += payload;
  return out;
}

task<fake_link> fake_link::open(std::string address, std::string agent, std::optional<link_hello> hello) {
  auto line = co_await connection::open(std::move(address));
  http_headers upgrade;
  upgrade.emplace_back("Connection", "Upgrade");
  upgrade.emplace_back("Upgrade", "websocket");
  upgrade.emplace_back("Sec-WebSocket-Version", "13");
  upgrade.emplace_back("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  co_await line.send_request("GET", "/management/v1/agents/" + agent + "/link", std::move(upgrade));
  auto const head = co_await line.read_head();
  require(head && head->status == 101, "the link opens");
  fake_link out(std::move(line));
  if (hello) co_await out.say(std::move(*hello));
  co_return out;
}

task<> fake_link::say(agent_message message) { co_await send_bytes(websocket_frame(encode_agent_message(message))); }

task<> fake_link::send_bytes(std::string bytes) { co_await line_.send(std::move(bytes)); }

task<bool> fake_link::need(std::size_t bytes) {
  while (received_.size() < bytes) {
    auto const more = co_await line_.read_some();
    if (more.empty()) co_return false;
    received_ += more;
  }
  co_return true;
}

// The balancer's frames are whole messages, not masked; pings are passed over.
task<std::optional<std::string>> fake_link::listen() {
  while (!end_) {
    if (!co_await need(2)) co_return std::nullopt;
    auto const byte = [this](std::size_t i) { return static_cast<std::uint8_t>(received_[i]); };
    std::size_t size = byte(1) & 0x7f;
    std::size_t head = 2;
    if (size == 126) head = 4;
    require(size < 127, "messages of the balancer are short");
    if (!co_await need(head)) co_return std::nullopt;
    if (head == 4) size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
    if (!co_await need(head + size)) co_return std::nullopt;
    auto const opcode = byte(0) & 0x0f;
    auto payload = received_.substr(head, size);
    received_.erase(0, head + size);
    if (opcode == 1) co_return payload;
    if (opcode == 8 && size >= 2) {
      end_.emplace();
      end_->code = static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                              static_cast<std::uint8_t>(payload[1]));
      end_->reason = payload.substr(2);
    }
  }
  co_return std::nullopt;
}

task<link_end> fake_link::wait_end() {
  while (co_await listen()) {
  }
  line_.close();
  co_return end_.value_or(link_end{});
}

http_headers slot_headers(std::string process, std::string version, std::string model) {
  http_headers out;
  out.emplace_back("Connection", "Upgrade");
  out.emplace_back("Upgrade", "paddler-slot/1");
  out.emplace_back("X-Paddler-Process", std::move(process));
  out.emplace_back("X-Paddler-Version", std::move(version));
  out.emplace_back("X-Paddler-Model", std::move(model));
  return out;
}

task<fake_slot> open_slot(std::string address, std::string agent, http_headers headers) {
  auto line = co_await connection::open(std::move(address));
  co_await line.send_request("POST", "/management/v1/agents/" + agent + "/slots", std::move(headers));
  auto const head = co_await line.read_head();
  require(head.has_value(), "the slot's door answers");
  std::string body;
  while (line.how_body_ended() == body_end::open) body += co_await line.read_piece();
  fake_slot out(std::move(line), head->status, std::move(body));
  co_return out;
}

} // namespace paddler_test
