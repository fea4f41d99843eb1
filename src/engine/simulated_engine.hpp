// The simulated engine: a llama-server as its clients see it, whose tokens are a hash chain
// (core/engine/hash_chain.hpp) and whose times and faults are set (core/engine/engine_simulation.hpp).
//
// Served: GET /health, /v1/health, /v1/models, /models, /slots, /props, /metrics; POST /v1/chat/completions,
// /v1/completions, /v1/responses, /v1/messages, each streaming or not; /v1/embeddings; /tokenize, /apply-template,
// /v1/messages/count_tokens, /v1/chat/completions/input_tokens, /v1/responses/input_tokens. Shapes, error bodies and
// statuses are llama-server's. What it says is in simulated_answer.hpp; which faults a prompt may ask for in
// simulated_request.hpp. One difference: without --embeddings it serves embeddings too; with it, nothing else, as
// llama-server does.
#pragma once
#include "base/random.hpp"
#include "base/result.hpp"
#include "core/engine/engine_simulation.hpp"
#include "engine/simulated_answer.hpp"
#include "engine/simulated_format.hpp"
#include "engine/simulated_request.hpp"
#include "engine/slot_pool.hpp"
#include "net/http_server.hpp"
#include "runtime/task.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

inline constexpr std::string_view json_content_type = "application/json; charset=utf-8";

struct simulated_engine_config {
  std::string socket_path = {};
  std::string alias = "simulated";
  std::size_t slots = 1;
  std::size_t context_per_slot = 4096;
  bool embeddings_only = false;
  std::optional<std::size_t> default_max_tokens = {};
  engine_simulation simulation = {};
  std::function<void()> crash = {};  // what a crash does; empty: the process aborts
  std::function<bool()> broken = {}; // while it says so, what clients ask for (who have an id) is answered with 500
};

// Lives on one executor; stop() before destruction.
class simulated_engine {
public:
  simulated_engine(asio::any_io_executor executor, simulated_engine_config config);

  // Listens at once, and answers 503 until the load time is over.
  result<void> start();

  // Returns when it could not load (false), or, loaded, when the task is cancelled (true).
  task<bool> run();

  // Ends every answer.
  task<> stop();

private:
  task<> handle(http_exchange& exchange);
  task<> handle_post(http_exchange& exchange);
  task<> list_slots(http_exchange& exchange);
  task<> answer_document(http_exchange& exchange, api_result<std::string> (*make)(std::string_view body));
  task<> respond(http_exchange& exchange, std::string body, std::string_view type = json_content_type);
  task<> refuse(http_exchange& exchange, api_error error);

  // simulated_generation.cpp
  struct job; // one answer under way
  task<> generate(http_exchange& exchange, generation_api api);
  task<> embed(http_exchange& exchange);
  task<> serve_generation(http_exchange& exchange, job& work);
  task<> serve_embedding(http_exchange& exchange, embedding_request const& request);
  task<> stream_answer(http_exchange& exchange, job& work);
  task<bool> prefill(job& work);
  task<bool> read_tokens(std::size_t count);
  task<bool> before_token(requested_faults faults, std::size_t number);
  task<> hang();
  answer_identity next_identity();

  [[nodiscard]] std::optional<std::string> page_of(std::string_view path) const;
  [[nodiscard]] std::string models_json() const;
  [[nodiscard]] std::string slots_json() const;
  [[nodiscard]] std::string props_json() const;
  [[nodiscard]] std::string metrics_text() const;

  asio::any_io_executor executor_;
  simulated_engine_config config_;
  bool loaded_ = false;
  bool hung_ = false;
  random_source random_;
  std::uint64_t tokens_sent_ = 0;
  std::uint64_t tokens_read_ = 0;
  slot_pool slots_;
  wakeup never_; // what a hung answer waits for
  http_server server_;
};

} // namespace paddler
