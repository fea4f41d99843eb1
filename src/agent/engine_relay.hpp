// One request from a slot connection to the engine, and its answer back, as bytes.
#pragma once
#include "agent/slot_target.hpp"
#include "base/time.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"

#include <functional>
#include <memory>
#include <string_view>

namespace paddler {

// Whether a request may reach an engine at all: inference only. llama-server also has paths that write files, change
// its settings or show other clients' prompts.
bool is_relayed(std::string_view method, std::string_view path);

enum class relay_end {
  answered,      // to the end, be it with a refusal
  engine_failed, // it could not be reached, or broke off: it may be dead
  balancer_gone, // nobody takes the answer
};

// A slot's connection to its engine, kept from one request to the next: dialling costs two wake-ups and a thread there.
// For one request at a time.
class engine_line {
public:
  // A kept connection, where it is so young that the engine will hardly have closed it, or a new one.
  task<result<http_connection*>> open(ready_engine const& engine);

  // Whether open() gave a kept one.
  [[nodiscard]] bool reused() const { return reused_; }

  void close() { connection_.reset(); }

  // After a request: keeps the connection if it is good for another one.
  void settle();

private:
  std::unique_ptr<http_connection> connection_;
  mono_time idle_since_{};
  bool reused_ = false;
};

// Answers the exchange with what the engine says; nothing of the content is looked at. `engine` lives as long as the
// task, and `line` is used with this engine alone.
//   - Another version than `runs_now()` was asked for: 409, `X-Paddler-Refused: version`; nothing was done. It is
//   called
//     once the request is whole: the engine may have got another version since the connection was opened.
//   - The engine cannot be reached: 502, `X-Paddler-Refused: engine`; nothing was done.
//   - The engine breaks off: the connection is aborted, so that the answer ends cut off.
//   - The balancer closes the connection: so is the engine's, which frees its slot.
task<relay_end> relay_to_engine(http_exchange& exchange, ready_engine const& engine, engine_line& line,
                                std::function<generation()> runs_now);

} // namespace paddler
