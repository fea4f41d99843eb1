// The inference API on port 8061: OpenAI's and Anthropic's paths, relayed to slots; models and health answered here.
#pragma once
#include "balancer/idempotent_answers.hpp"
#include "balancer/inference_request.hpp"
#include "base/keyed_hash.hpp"
#include "net/router.hpp"
#include "runtime/clock.hpp"

#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <utility>

namespace paddler {

// In the order in which they came.
using writer_list = std::list<answer_writer*>;

struct inference_limits {
  duration comment_interval; // a stream that has nothing to say gets an SSE comment after so long, at the latest
};

// Lives on one executor; `core` and `slots` must outlive it.
class inference_service {
public:
  inference_service(asio::any_io_executor executor, core_service& core, slot_registry& slots,
                    inference_limits const& limits, std::size_t max_body_bytes)
      : core_(core),
        slots_(slots),
        limits_(limits),
        max_body_bytes_(max_body_bytes),
        answers_changed_(std::move(executor)) {}

  // Its task, until cancelled: comments for streams that have nothing to say.
  void spawn_into(task_group& group);

  // Every path it serves.
  std::vector<route> routes();

  // The core's decisions.
  void run(run_request const& decision);
  void fail(fail_request const& decision);
  void interrupt(interrupt_attempt const& decision);

  // Running requests end with an error that says why.
  void abort_all();

  // How much the bodies of all requests that are here may have together; more are refused before they are read.
  void limit_bodies(std::uint64_t bytes) { max_bodies_ = bytes; }

  // Where memory is short: whether requests are refused from now on, before their bodies are read.
  void refuse_new(bool wanted) { refuses_new_ = wanted; }

  // The request that holds most ends with an error that says why.
  void give_up_largest();

  [[nodiscard]] std::size_t size() const { return live_.size(); }

private:
  task<> keep_awake(task_group& group);
  task<> infer(http_exchange& exchange);
  task<> serve(http_exchange& exchange);
  task<bool> run(http_exchange& exchange, answer_writer& writer, request_wishes const& wishes, std::string body,
                 probed_request asked);
  task<> run_once(http_exchange& exchange, answer_writer& writer, request_wishes const& wishes, std::string body,
                  probed_request asked);
  task<> wait_for_answer(idempotency_key const& key, std::uint64_t digest, idempotent_answers::found& found);
  task<> list_models(http_exchange& exchange);
  task<> show_model(http_exchange& exchange);
  task<> refuse(http_exchange& exchange, inference_error wrong);

  core_service& core_;
  slot_registry& slots_;
  inference_limits const limits_;
  std::size_t const max_body_bytes_;
  hash_key const prompts_{random_number(), random_number()}; // nobody shall know which of them look alike
  stream_memory memory_;
  std::map<request_serial, inference_request*> live_;
  writer_list streams_; // whose clients get comments
  idempotent_answers answers_{{}};
  wakeup answers_changed_;
  std::uint64_t serials_ = 0;
  bool refuses_new_ = false;
  std::uint64_t max_bodies_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bodies_ = 0; // bytes that were promised to requests that are here
};

} // namespace paddler
