// Keeps the balancer's own memory below its limit: looks at it often, and gives up what core/dispatch/memory_ladder.hpp
// says.
#pragma once
#include "balancer/inference_service.hpp"
#include "core/dispatch/memory_ladder.hpp"
#include "net/http_server.hpp"
#include "runtime/blocking.hpp"

#include <cstdint>
#include <functional>

namespace paddler {

struct memory_limits {
  std::uint64_t limit = 0; // bytes; 0: that of the machine or its control group
  duration look_every = std::chrono::seconds(1);
  std::function<std::uint64_t()> read_used = {}; // bytes, blocking; empty: of this process
};

// Lives on one executor; what it is given must outlive it.
class memory_watch {
public:
  memory_watch(memory_limits limits, blocking_executor& files, inference_service& inference, http_server& clients)
      : limits_(std::move(limits)), files_(files), inference_(inference), clients_(clients) {}

  // Until cancelled.
  task<> run();

private:
  void carry_out(memory_step step, std::uint64_t used);

  memory_limits limits_;
  blocking_executor& files_;
  inference_service& inference_;
  http_server& clients_;
  memory_step before_ = memory_step::free;
};

} // namespace paddler
