#include "runtime/task_group.hpp"

#include "runtime/check.hpp"
#include "runtime/log.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <list>
#include <utility>

namespace paddler {
namespace {

struct child {
  explicit child(char const* child_name) : name(child_name) {}

  char const* name;
  asio::cancellation_signal signal;
};

// Sets up cancellation once for all that runs in the task: total, and never by exception.
task<> run_child(child* self, bool cancelled, task<> work) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation{});
  if (cancelled) self->signal.emit(asio::cancellation_type::all);
  co_await std::move(work);
}

std::string reason_of(std::exception_ptr const& escaped) {
  try {
    std::rethrow_exception(escaped);
  } catch (std::exception const& e) {
    return e.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

} // namespace

struct task_group::state {
  state(asio::any_io_executor executor_in, std::string name_in, on_escape policy_in)
      : executor(std::move(executor_in)), name(std::move(name_in)), policy(policy_in), empty(executor) {}

  void ended(std::list<child>::iterator which, std::exception_ptr const& escaped) {
    if (escaped) report(which->name, reason_of(escaped));
    children.erase(which);
    if (children.empty()) empty.notify_all();
  }

  void report(char const* child_name, std::string const& reason) const {
    bool const fatal = policy == on_escape::fail_process;
    log_event(fatal ? log_level::critical : log_level::error, "task.failed", "an exception escaped a task",
              {{"group", name}, {"task", child_name}, {"reason", reason}});
    if (fatal) std::abort();
  }

  void cancel_all() {
    cancelled = true;
    for (auto& each : children) each.signal.emit(asio::cancellation_type::all);
  }

  asio::any_io_executor executor;
  std::string name;
  on_escape policy;
  std::list<child> children;
  bool cancelled = false;
  wakeup empty;
};

task_group::task_group(asio::any_io_executor executor, std::string name, on_escape policy)
    : state_(std::make_shared<state>(std::move(executor), std::move(name), policy)) {}

task_group::~task_group() { ensure(state_->children.empty(), "a task group was destroyed before it was joined"); }

void task_group::spawn(char const* child_name, task<> work) {
  auto& s = *state_;
  auto const it = s.children.emplace(s.children.end(), child_name);
  auto slot = it->signal.slot();
  asio::co_spawn(s.executor, run_child(&*it, s.cancelled, std::move(work)),
                 asio::bind_cancellation_slot(
                     slot, [group = state_, it](std::exception_ptr const& escaped) { group->ended(it, escaped); }));
}

void task_group::cancel() {
  asio::post(state_->executor, [group = state_] { group->cancel_all(); });
}

task<> task_group::join() {
  auto const group = state_;
  while (!group->children.empty()) co_await group->empty.wait_uncancellable();
}

std::size_t task_group::size() const { return state_->children.size(); }

asio::any_io_executor task_group::executor() const { return state_->executor; }

} // namespace paddler
