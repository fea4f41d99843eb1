// Answers of the simulated engine in the shapes of four APIs, as llama-server writes them: whole, and as server-sent
// events. Pure.
#pragma once
#include "base/time.hpp"
#include "engine/simulated_answer.hpp"
#include "engine/simulated_request.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace paddler {

// What names one answer.
struct answer_identity {
  answer_identity() = default;

  std::string key;          // 32 letters and digits; goes behind "chatcmpl-", "resp_", ...
  std::string model;        // in "model"
  std::int64_t created = 0; // seconds since 1970
};

// How long an answer took: for llama-server's `timings`.
struct answer_times {
  duration prompt{};
  duration predicted{};
};

// One answer on its way. The events are to be sent in this order: begin() with the first token (or with end(), if there
// is none), one event(s) text for each token, end().
class simulated_writer {
public:
  virtual ~simulated_writer() = default;
  virtual std::string begin() = 0;
  virtual std::string token(std::string_view text) = 0;
  virtual std::string end(answer_times const& took) = 0;

  // The answer as one JSON document.
  virtual std::string whole(answer_times const& took) = 0;
};

// The plan and the request must outlive the writer.
std::unique_ptr<simulated_writer> make_simulated_writer(generation_request const& request, answer_plan const& plan,
                                                        answer_identity identity);

// The text as a JSON string without its quotes.
std::string json_escaped(std::string_view text);

} // namespace paddler
