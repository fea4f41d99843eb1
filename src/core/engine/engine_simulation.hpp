// The simulated engine's settings, and their text form.
#pragma once
#include "base/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// How the simulated engine behaves. Token numbers count from 1 within each answer; 0 means never. The readiness probe
// asks for one token, so a fault at token 2 or later hits requests only.
struct engine_simulation {
  using microseconds = std::chrono::microseconds;
  microseconds load_time{0};       // until /health says ok
  microseconds prefill_time{0};    // for each token of the prompt, before the first token of the answer
  microseconds token_time{0};      // before each token of the answer
  std::uint32_t answer_tokens = 0; // an answer ends by itself after so many; 0: after natural_length()
  std::uint32_t crash_at = 0;      // the process aborts instead of sending this token
  std::uint32_t hang_at = 0;       // at this token all answers and /slots stop for ever; /health goes on
  std::uint32_t stall_at = 0;      // at this token this one answer stops for ever
  std::uint32_t drip_at = 0;       // from this token on each one takes drip_time
  microseconds drip_time{1'000'000};
  bool fail_load = false;     // the process says that the model is bad and ends with status 1
  bool refuse_health = false; // /health stays at 503 for ever
  std::string fail_model;     // as fail_load, for the engine that serves this name alone; no commas in it
  friend bool operator==(engine_simulation const&, engine_simulation const&) = default;
};

// `load-time=500ms,token-time=2ms,crash-at=5,fail-load` and back. Times are whole numbers with us, ms or s. The text of
// an unchanged engine_simulation is empty.
std::string to_text(engine_simulation const& simulation);
result<engine_simulation> parse_simulation(std::string_view text);

} // namespace paddler
