#include "engine/child_process.hpp"

#include "engine/child_spawn.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace paddler {
namespace {

constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::size_t max_drained_bytes = 1024 * 1024; // sixteen times what a pipe holds

process_exit to_exit(siginfo_t const& info) { return {info.si_code != CLD_EXITED, info.si_status}; }

} // namespace

result<std::shared_ptr<child_process>> child_process::spawn(asio::any_io_executor const& executor,
                                                            child_command const& command,
                                                            output_lines::handler on_line) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    return fail(error_code::unavailable, std::string("no pipe for a child's output: ") + std::strerror(errno));
  ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  auto const child = spawn_child(command, pipe[1]);
  ::close(pipe[1]);
  if (!child) {
    ::close(pipe[0]);
    return std::unexpected(child.error());
  }
  return std::shared_ptr<child_process>(
      new child_process(executor, child->pid, child->pidfd, pipe[0], std::move(on_line)));
}

child_process::child_process(asio::any_io_executor const& executor, int pid, int pidfd, int output,
                             output_lines::handler on_line)
    : pid_(pid), pidfd_(executor, pidfd), output_(executor, output), lines_(std::move(on_line)) {}

child_process::~child_process() {
  if (reaped_) return;
  kill();
  blocking_reap();
}

task<> child_process::read_output() {
  std::array<char, read_bytes> buffer{};
  while (output_.is_open()) {
    auto const [ec, n] = co_await output_.async_read_some(asio::buffer(buffer), as_result);
    lines_.write({buffer.data(), n});
    if (ec) co_return;
  }
}

task<process_exit> child_process::wait() {
  // Asio may wake a new descriptor for an event of one that was closed just before: only the kernel knows.
  do {
    auto const [ec] = co_await pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                                                 asio::bind_cancellation_slot(asio::cancellation_slot{}, as_result));
    if (ec) break;
  } while (is_running());
  // It is a zombie now, so its number and its group's are still its own: what is left of the group can be ended.
  kill();
  auto const exit = blocking_reap();
  drain_output();
  lines_.close();
  boost::system::error_code ignored;
  output_.close(ignored);
  co_return exit;
}

// A process that left the group may still hold the pipe, so this takes what is there and waits for nothing.
void child_process::drain_output() {
  std::array<char, read_bytes> buffer{};
  for (std::size_t drained = 0; drained < max_drained_bytes;) {
    auto const n = ::read(output_.native_handle(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    lines_.write({buffer.data(), static_cast<std::size_t>(n)});
    drained += static_cast<std::size_t>(n);
  }
}

bool child_process::is_running() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

process_exit child_process::blocking_reap() {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  reaped_ = true;
  return to_exit(info);
}

void child_process::terminate() {
  if (!reaped_) ::syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), SIGTERM, nullptr, 0);
}

void child_process::kill() {
  if (!reaped_) ::kill(-pid_, SIGKILL);
}

duration child_process::cpu_time() const {
  clockid_t clock{};
  timespec used{};
  if (reaped_ || ::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

} // namespace paddler
