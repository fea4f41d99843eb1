#include "balancer/memory_watch.hpp"

#include "runtime/log.hpp"
#include "runtime/machine.hpp"
#include "runtime/timer.hpp"

#include <string_view>

namespace paddler {
namespace {

constexpr std::uint64_t bodies_share = 2; // of the limit: what comes between two looks must not fill it

std::string_view words_for(memory_step step) {
  switch (step) {
  case memory_step::free: return "there is enough memory again";
  case memory_step::saving: return "memory is short: connections end with their answers, and who is silent goes sooner";
  case memory_step::refusing: return "memory is short: new requests are refused";
  case memory_step::cutting: return "memory is short: the largest requests are given up";
  }
  return {};
}

} // namespace

task<> memory_watch::run() {
  if (!limits_.read_used) limits_.read_used = [] { return blocking_own_memory_bytes(); };
  if (limits_.limit == 0)
    limits_.limit = (co_await run_blocking(files_, [] { return blocking_machine_facts().memory_bytes; })).value_or(0);
  if (limits_.limit > 0) inference_.limit_bodies(limits_.limit / bodies_share);
  memory_ladder ladder(limits_.limit);
  while (co_await sleep_for(limits_.look_every)) {
    auto const used = co_await run_blocking(files_, limits_.read_used);
    if (used) carry_out(ladder.look(*used), *used); // else the pool is full: the next look is soon
  }
}

void memory_watch::carry_out(memory_step step, std::uint64_t used) {
  if (step == memory_step::cutting) inference_.give_up_largest();
  if (step == before_) return;
  log_event(step == memory_step::free ? log_level::info : log_level::warn, "memory.step", words_for(step),
            {{"used_bytes", used}, {"limit_bytes", limits_.limit}});
  clients_.save_memory(step >= memory_step::saving);
  inference_.refuse_new(step >= memory_step::refusing);
  before_ = step;
}

} // namespace paddler
