// One request from a slot connection to the engine, and its answer back, as bytes.
#pragma once
#include "agent/engine_keeper.hpp"
#include "net/http_server.hpp"

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

// Answers the exchange with what the engine says; nothing of the content is looked at. `engine` lives as long as the
// task.
//   - Another version than the engine's was asked for: 409, `X-Paddler-Refused: version`; nothing was done.
//   - The engine cannot be reached: 502, `X-Paddler-Refused: engine`; nothing was done.
//   - The engine breaks off: the connection is aborted, so that the answer ends cut off.
//   - The balancer closes the connection: so is the engine's, which frees its slot.
task<relay_end> relay_to_engine(http_exchange& exchange, ready_engine const& engine);

} // namespace paddler
