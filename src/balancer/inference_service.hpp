// The inference API on port 8061: OpenAI's and Anthropic's paths, relayed to slots; models and health answered here.
#pragma once
#include "balancer/inference_request.hpp"
#include "net/router.hpp"

#include <map>

namespace paddler {

// Lives on one executor; `core` and `slots` must outlive it.
class inference_service {
public:
  inference_service(core_service& core, slot_registry& slots, inference_limits const& limits,
                    std::size_t max_body_bytes)
      : core_(core), slots_(slots), limits_(limits), max_body_bytes_(max_body_bytes) {}

  // Every path it serves.
  std::vector<route> routes();

  // The core's decisions.
  void run(run_request const& decision);
  void fail(fail_request const& decision);

  // Running requests end with an error that says why.
  void abort_all();

  [[nodiscard]] std::size_t size() const { return live_.size(); }

private:
  task<> infer(http_exchange& exchange);
  task<> list_models(http_exchange& exchange);
  task<> show_model(http_exchange& exchange);
  task<> refuse(http_exchange& exchange, inference_error wrong);

  core_service& core_;
  slot_registry& slots_;
  inference_limits const limits_;
  std::size_t const max_body_bytes_;
  stream_memory memory_;
  std::map<request_serial, inference_request*> live_;
  std::uint64_t serials_ = 0;
};

} // namespace paddler
