#include "sim/life.hpp"

#include "runtime/check.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace paddler_sim {

void life::start() {
  sim_.after({}, where_, [self = shared_from_this()] {
    asio::co_spawn(self->where_.executor(), live(self), [](std::exception_ptr const& escaped) {
      ensure(!escaped, "an exception escaped a simulated program");
    });
  });
}

task<> life::live(std::shared_ptr<life> self) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await self->run();
  self->over_ = true;
  if (self->on_end) self->sim_.at(self->sim_.now(), std::exchange(self->on_end, {}));
}

void life::end() {
  ending_ = true;
  changed_.notify_all();
}

void life::kill(bool silently) {
  if (!where_.alive() || over_) return;
  dies();
  sim_.resume(where_);
  sim_.detach(where_);
  net_.abandon(where_, silently);
  sim_.after({}, where_, [self = shared_from_this()] { self->end(); });
  if (on_end) sim_.at(sim_.now(), std::exchange(on_end, {}));
}

} // namespace paddler_sim
