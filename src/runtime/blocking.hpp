// Threads for what blocks: files, SQLite, names. The loops never block themselves.
#pragma once
#include "base/result.hpp"
#include "runtime/task.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace paddler {

// A few threads and a bounded queue. Destroy it before the loops whose tasks use it: its destructor runs what is queued
// and joins the threads. With one thread, calls run in the order in which they were submitted.
class blocking_executor {
public:
  blocking_executor(std::string name, std::size_t threads, std::size_t queue_limit);
  ~blocking_executor();
  blocking_executor(blocking_executor const&) = delete;
  blocking_executor& operator=(blocking_executor const&) = delete;

  // False when the queue is full. From any thread.
  bool submit(std::move_only_function<void()> job);

  [[nodiscard]] std::string const& name() const { return name_; }

private:
  void work();

  std::string const name_;
  std::size_t const queue_limit_;
  std::mutex mutex_; // guards what follows it
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

namespace detail {

template <class T> struct flattened {
  using type = result<T>;
};

template <class T> struct flattened<result<T>> {
  using type = result<T>;
};

// Owned by the waiting task and by the call, so that neither needs the other to live.
template <class R> struct blocking_call {
  explicit blocking_call(asio::any_io_executor const& executor) : ended(executor) {}

  std::optional<R> value;
  std::exception_ptr escaped;
  bool done = false;
  wakeup ended;
};

template <class R, class F> void call_into(blocking_call<R>& call, F& work) {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      work();
      call.value.emplace();
    } else {
      call.value.emplace(work());
    }
  } catch (...) {
    call.escaped = std::current_exception();
  }
}

error blocking_queue_full(std::string const& name);

} // namespace detail

// Runs `work` on a thread of `pool` and resumes on the caller's executor with what it returned: a T becomes result<T>,
// a result<T> stays one. `unavailable` when the queue is full. Exceptions of `work` are thrown here. Waits for the end
// of the call even when cancelled, so `work` may refer to what the caller owns.
template <class F>
task<typename detail::flattened<std::invoke_result_t<F&>>::type> run_blocking(blocking_executor& pool, F work) {
  using value = typename detail::flattened<std::invoke_result_t<F&>>::type;
  auto const executor = co_await asio::this_coro::executor;
  auto call = std::make_shared<detail::blocking_call<value>>(executor);
  auto job = [call, work = std::move(work),
              back = asio::prefer(executor, asio::execution::outstanding_work.tracked)]() mutable {
    detail::call_into(*call, work);
    asio::post(back, [call = std::move(call)] {
      call->done = true;
      call->ended.notify_all();
    });
  };
  if (!pool.submit(std::move(job))) co_return std::unexpected(detail::blocking_queue_full(pool.name()));
  while (!call->done) co_await call->ended.wait_uncancellable();
  if (call->escaped) std::rethrow_exception(call->escaped);
  co_return std::move(*call->value);
}

} // namespace paddler
