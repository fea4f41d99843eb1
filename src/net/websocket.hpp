// WebSocket (RFC 6455), text messages only, without compression (it costs five times the CPU and is a bomb's fuse).
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "net/http_server.hpp"
#include "net/http_types.hpp"
#include "net/transport.hpp"
#include "runtime/task.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler {

struct websocket_limits {
  std::size_t message_bytes = 4 * 1024 * 1024;   // a larger one ends the connection with 1009
  std::size_t outgoing_messages = 1024;          // more than that unsent ends it with 1013
  std::size_t outgoing_bytes = 8 * 1024 * 1024;  // the same
  std::size_t incoming_messages = 64;            // unread; then the peer is made to wait
  duration handshake = std::chrono::seconds(10); // and closing
  duration idle = std::chrono::seconds(30);      // silence; pings are sent at half of it
};

// Codes of RFC 6455, section 7.4.1, that we use.
namespace websocket_code {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t unsupported = 1003;
inline constexpr std::uint16_t policy = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t internal = 1011;
inline constexpr std::uint16_t try_again_later = 1013;
} // namespace websocket_code

struct websocket_end {
  std::uint16_t code = 0; // the peer's or ours; 0: the connection just broke
  std::string reason = {};
};

// Whether a request asks for one; else answer it like any other (426 fits).
bool is_websocket_upgrade(http_head const& head);

// One connection. Lives on one executor. Reading goes on by itself, so that pings are answered and the end is noticed
// while nobody waits in read(). Destroying it drops the connection without a word.
class websocket {
public:
  // The server's side, for a request that is_websocket_upgrade(); `protocol` answers Sec-WebSocket-Protocol if not
  // empty.
  static task<result<websocket>> accept(taken_connection connection, http_head const& head,
                                        websocket_limits limits = {}, std::string protocol = {});

  // The client's side. `target` is a path; headers go into the request.
  static task<result<websocket>> connect(std::unique_ptr<transport> stream, std::string authority, std::string target,
                                         std::vector<std::pair<std::string, std::string>> headers = {},
                                         websocket_limits limits = {});

  websocket(websocket&&) noexcept;
  websocket& operator=(websocket&&) noexcept;
  ~websocket();

  // The next message. `closed` after the end, with code and reason in ended(); `cancelled` when the waiting task is:
  // the connection stays whole, and no message is lost.
  task<result<std::string>> read();

  // Queues a message; never waits. Valid UTF-8 is the caller's duty. False when the connection has ended or is closing,
  // also by this very message: too much unsent means that the peer is stuck, and ends it with 1013.
  bool send(std::string message);

  // Sends what is queued, says goodbye, waits for the peer's (at most limits.handshake). Idempotent.
  task<> close(std::uint16_t code, std::string reason);

  // How it ended; nothing while it is open.
  [[nodiscard]] std::optional<websocket_end> ended() const;

  [[nodiscard]] std::size_t unsent_bytes() const;
  [[nodiscard]] std::string const& peer() const;

private:
  class impl;
  explicit websocket(std::shared_ptr<impl> my);

  std::shared_ptr<impl> impl_; // also held by the operations under way
};

} // namespace paddler
