#include "cli/serving.hpp"

#include "runtime/log.hpp"
#include "runtime/race.hpp"

#include <cstdlib>
#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

// For an agent's running requests. A balancer that stops beside it has given them their time already.
constexpr duration agent_patience = 3s;

} // namespace

serving::serving(event_loop& loop, console& terminal)
    : loop_(loop),
      terminal_(terminal),
      changed_(loop.executor()),
      tasks_(loop.executor(), "serving", on_escape::fail_process) {}

serving::~serving() = default;

task<result<void>> serving::start_balancer(balancer_config config) {
  balancer_.emplace(loop_.executor(), std::move(config));
  balancer_->on_fatal = [this](error why) {
    failure_ = std::move(why);
    changed_.notify_all();
  };
  co_return co_await balancer_->start();
}

void serving::start_agent(agent_config config) {
  agent_.emplace(loop_.executor(), std::move(config));
  agent_ended_ = false;
  tasks_.spawn("agent", run_agent());
}

task<> serving::run_agent() {
  auto const ended = co_await agent_->run();
  agent_ended_ = true;
  if (!ended) failure_ = ended.error();
  changed_.notify_all();
}

task<> serving::wait_for_failure() {
  while (!failure_) {
    if (!co_await changed_.wait()) co_return;
  }
}

task<> serving::stop_all() {
  // That the one loses the other is no news to a person who stops both.
  if (balancer_ && agent_ && terminal_.err_is_terminal) log_set_level(log_level::error);
  if (balancer_) co_await balancer_->stop();
  if (!agent_ended_) agent_->stop(balancer_ ? duration::zero() : agent_patience);
  while (!agent_ended_) co_await changed_.wait_uncancellable();
}

task<> serving::abort_at_next_signal() {
  if (!co_await loop_.next_stop_signal()) co_return;
  terminal_.err << "aborted; running requests were cut off\n" << std::flush;
  std::_Exit(static_cast<int>(exit_code::interrupted));
}

task<exit_code> serving::until_stopped() {
  co_await unless(loop_.next_stop_signal(), wait_for_failure());
  if (failure_) terminal_.print_error(*failure_);
  auto const code = failure_ ? exit_code::failure : exit_code::success;
  if (!failure_ && terminal_.err_is_terminal)
    terminal_.err << "\nfinishing what runs (Ctrl-C again to abort)\n" << std::flush;
  co_await run_unless(stop_all(), abort_at_next_signal());
  tasks_.cancel();
  co_await tasks_.join();
  co_return code;
}

} // namespace paddler
