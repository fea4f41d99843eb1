#include "engine/child_spawn.hpp"

#include "base/text.hpp"
#include "engine/child_process.hpp"
#include "runtime/owned_descriptor.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

// The child runs in this process's memory (CLONE_VM) until its exec, while the parent's thread waits (CLONE_VFORK):
// no page tables are copied and no lock can be in the way. So it touches nothing but its own stack and `launch`, and
// calls the kernel directly; the sanitizers stay out of it.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PADDLER_TSAN 1
#endif
#endif
#define PADDLER_IN_CHILD __attribute__((no_sanitize("address", "thread", "undefined"), no_stack_protector))

#ifdef PADDLER_TSAN
// glibc's clone() without TSan's wrapper, which expects the child to have memory of its own.
extern "C" int __clone(int (*)(void*), void*, int, void*, ...);
#define PADDLER_CLONE __clone
#else
#define PADDLER_CLONE clone
#endif

namespace paddler {
namespace {

constexpr std::size_t child_stack_bytes = 64 * 1024;
constexpr int first_foreign_descriptor = 3;

struct launch {
  char const* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  int parent = 0;
  int null = -1;
  int output = -1;
  int niceness = 0;
  rlimit64 open_files{};
  rlimit64 address_space{};
  rlimit64 core_dump{};
  std::array<char, 16> oom_score{};
  std::size_t oom_score_length = 0;
  char const* failed_at = nullptr; // written by the child
  int failure = 0;
};

// As the kernel knows it; all zero is the default action.
struct kernel_signal_action {
  void* handler = nullptr;
  unsigned long flags = 0;
  void* restorer = nullptr;
  std::uint64_t mask = 0;
};

PADDLER_IN_CHILD long call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return syscall(number, a, b, c, d);
}

template <class T> PADDLER_IN_CHILD long address(T* pointer) { return reinterpret_cast<long>(pointer); }

PADDLER_IN_CHILD bool failed(launch& l, char const* step) {
  l.failure = errno;
  l.failed_at = step;
  return false;
}

PADDLER_IN_CHILD void reset_signals() {
  kernel_signal_action const by_default;
  for (int number = 1; number <= 64; ++number) // SIGKILL and SIGSTOP refuse, and need no reset
    call(SYS_rt_sigaction, number, address(&by_default), 0, sizeof by_default.mask);
}

PADDLER_IN_CHILD void unblock_signals() {
  std::uint64_t const none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, address(&none), 0, sizeof none);
}

PADDLER_IN_CHILD bool bind_to_parent(launch& l) {
  if (call(SYS_setpgid, 0, 0) != 0) return failed(l, "setpgid");
  if (call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL) != 0) return failed(l, "prctl(PR_SET_PDEATHSIG)");
  errno = ESRCH;
  return call(SYS_getppid) == l.parent || failed(l, "the agent ended");
}

PADDLER_IN_CHILD bool connect_descriptors(launch& l) {
  if (call(SYS_dup3, l.null, STDIN_FILENO, 0) < 0 || call(SYS_dup3, l.output, STDOUT_FILENO, 0) < 0 ||
      call(SYS_dup3, l.output, STDERR_FILENO, 0) < 0)
    return failed(l, "dup3");
  // All of ours are close-on-exec; this is for those that a library forgot.
  call(SYS_close_range, first_foreign_descriptor, INT_MAX, 0);
  return true;
}

PADDLER_IN_CHILD bool limit(launch& l, int resource, rlimit64 const& value) {
  return call(SYS_prlimit64, 0, resource, address(&value), 0) == 0 || failed(l, "setrlimit");
}

PADDLER_IN_CHILD bool set_limits(launch& l) {
  if (!limit(l, RLIMIT_CORE, l.core_dump) || !limit(l, RLIMIT_NOFILE, l.open_files) ||
      !limit(l, RLIMIT_AS, l.address_space))
    return false;
  if (l.niceness > 0) call(SYS_setpriority, PRIO_PROCESS, 0, l.niceness);
  if (call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1) != 0) return failed(l, "prctl(PR_SET_NO_NEW_PRIVS)");
  long const file = call(SYS_openat, AT_FDCWD, address("/proc/self/oom_score_adj"), O_WRONLY);
  if (file >= 0) {
    call(SYS_write, file, address(l.oom_score.data()), static_cast<long>(l.oom_score_length));
    call(SYS_close, file);
  }
  return true;
}

PADDLER_IN_CHILD int run_child(void* argument) {
  auto& l = *static_cast<launch*>(argument);
  reset_signals();
  if (bind_to_parent(l) && connect_descriptors(l) && set_limits(l)) {
    unblock_signals();
    call(SYS_execve, address(l.program), address(l.arguments), address(l.environment));
    failed(l, "exec");
  }
  call(SYS_exit_group, 127);
  return 127;
}

// A signal handler must not run in a child that shares our memory.
class all_signals_blocked {
public:
  all_signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }

  ~all_signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  all_signals_blocked(all_signals_blocked const&) = delete;
  all_signals_blocked& operator=(all_signals_blocked const&) = delete;

private:
  sigset_t before_{};
};

std::vector<char*> pointers(std::vector<std::string> const& texts) {
  std::vector<char*> out;
  for (auto const& text : texts) out.push_back(const_cast<char*>(text.c_str())); // exec's signature; it does not write
  out.push_back(nullptr);
  return out;
}

int own_oom_score() {
  owned_descriptor const file(::open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text{};
  auto const n = ::read(file.get(), text.data(), text.size());
  std::string_view written(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return take_number<int>(written).value_or(0);
}

rlimit64 lowered(int resource, std::uint64_t wanted) {
  rlimit64 now{};
  ::getrlimit64(static_cast<__rlimit_resource>(resource), &now);
  std::uint64_t const value = std::min<std::uint64_t>(wanted, now.rlim_max);
  return {value, value};
}

void fill_limits(launch& l, child_limits const& limits) {
  l.niceness = limits.niceness;
  l.open_files = lowered(RLIMIT_NOFILE, limits.open_files);
  l.address_space = lowered(RLIMIT_AS, limits.address_space_bytes.value_or(RLIM64_INFINITY));
  l.core_dump = {0, 0};
  std::string const score = std::to_string(std::clamp(own_oom_score() + limits.more_killable, -1000, 1000));
  l.oom_score_length = std::min(score.size(), l.oom_score.size());
  std::copy_n(score.begin(), l.oom_score_length, l.oom_score.begin());
}

std::unexpected<error> refused(std::string const& program, std::string_view step, int code) {
  bool const no_such_program =
      step == "exec" && (code == ENOENT || code == ENOTDIR || code == EACCES || code == ENOEXEC);
  return fail(no_such_program ? error_code::not_found : error_code::unavailable,
              "'" + program + "' could not be started: " + std::string(step) + ": " + std::strerror(code),
              no_such_program ? "name an executable file" : "the system may be short of memory or processes");
}

} // namespace

result<spawned_child> spawn_child(child_command const& command, int output) {
  auto const arguments = pointers(command.arguments);
  auto const environment = pointers(command.environment);
  owned_descriptor const null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  owned_descriptor const high_null(::fcntl(null.get(), F_DUPFD_CLOEXEC, first_foreign_descriptor));
  owned_descriptor const high_output(::fcntl(output, F_DUPFD_CLOEXEC, first_foreign_descriptor));
  if (high_null.get() < 0 || high_output.get() < 0) return refused(command.program, "descriptors", errno);
  launch l;
  l.program = command.program.c_str();
  l.arguments = arguments.data();
  l.environment = environment.data();
  l.parent = ::getpid();
  l.null = high_null.get();
  l.output = high_output.get();
  fill_limits(l, command.limits);
  std::vector<std::max_align_t> stack(child_stack_bytes / sizeof(std::max_align_t));
  spawned_child child;
  {
    all_signals_blocked const quiet;
    child.pid = PADDLER_CLONE(run_child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                              &l, &child.pidfd);
  }
  if (child.pid < 0) return refused(command.program, "clone", errno);
  if (l.failed_at == nullptr) return child;
  ::waitpid(child.pid, nullptr, 0);
  ::close(child.pidfd);
  return refused(command.program, l.failed_at, l.failure);
}

} // namespace paddler
