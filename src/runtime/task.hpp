// The coroutine type of the shell, and how its awaits report errors.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>

namespace paddler {

namespace asio = boost::asio;

// A coroutine. It starts when it is awaited or spawned in a task_group, runs on one executor (one thread) for ever, and
// must be one or the other: an unused task does nothing.
template <class T = void> using task = asio::awaitable<T>;

// Completion token for Asio's operations: `auto [ec, n] = co_await socket.async_read_some(buffer, as_result);`
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<>> as_result{};

// What reading and writing give: an error, or the number of bytes.
struct io_result {
  io_result() = default;

  io_result(boost::system::error_code error, std::size_t bytes) : ec(error), n(bytes) {}

  boost::system::error_code ec;
  std::size_t n = 0;
};

// Whether the running task was asked to end: `if (is_cancelled(co_await asio::this_coro::cancellation_state)) ...`.
// It stays so once it is. The signal can fall between two awaits, so a task looks here after each await that waited.
inline bool is_cancelled(asio::cancellation_state const& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

} // namespace paddler
