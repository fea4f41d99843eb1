#include "engine/child_process.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <sstream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

struct ended_child {
  process_exit exit;
  std::vector<std::string> lines;

  [[nodiscard]] std::string text() const {
    std::string out;
    for (auto const& line : lines) out += line + '\n';
    return out;
  }
};

child_command shell(std::string script) {
  child_command command;
  command.program = "/bin/sh";
  command.arguments = {"sh", "-c", std::move(script)};
  command.environment = {"PATH=/usr/bin:/bin"};
  return command;
}

// What a test does to a child while it runs; gets the child once it wrote its first line.
using deed = std::function<void(child_process&)>;

task<ended_child> watch(std::shared_ptr<child_process> child) {
  auto const executor = co_await asio::this_coro::executor;
  task_group group(executor, "test");
  group.spawn("output", child->read_output());
  ended_child out;
  out.exit = co_await child->wait();
  co_await group.join();
  out.lines = child->last_lines();
  co_return out;
}

ended_child run(child_command const& command, deed const& when_it_speaks = {}) {
  event_loop loop;
  std::shared_ptr<child_process> child;
  bool spoke = false;
  auto spawned = child_process::spawn(loop.executor(), command, [&](std::string_view) {
    if (!spoke && when_it_speaks) when_it_speaks(*child);
    spoke = true;
  });
  if (!spawned) ADD_FAILURE() << spawned.error().message;
  child = *spawned;
  return loop.run_until_done(watch(child));
}

bool exists(std::int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0; }

TEST(ChildProcess, GivesItsOutputAndHowItEnded) {
  auto const ended = run(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(ended.exit, (process_exit{false, 3}));
  EXPECT_EQ(ended.text(), "out\nerr\n");
  EXPECT_EQ(run(shell("kill -SEGV $$")).exit, (process_exit{true, SIGSEGV}));
}

TEST(ChildProcess, ReadsAllOfALargeOutput) {
  auto const ended = run(shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"));
  EXPECT_EQ(ended.lines.back(), "line 19999");
}

TEST(ChildProcess, IsTerminatedPolitelyAndKilledOtherwise) {
  auto const polite = run(shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do :; done"),
                          [](child_process& child) { child.terminate(); });
  EXPECT_EQ(polite.exit, (process_exit{false, 0}));
  EXPECT_EQ(polite.lines.back(), "bye");
  auto const stubborn =
      run(shell("trap '' TERM; echo ready; exec tail -f /dev/null"), [](child_process& child) { child.kill(); });
  EXPECT_EQ(stubborn.exit, (process_exit{true, SIGKILL}));
}

TEST(ChildProcess, TakesItsWholeGroupAlong) {
  auto const ended = run(shell("tail -f /dev/null & echo $!; exit 0"));
  int const grandchild = static_cast<int>(syscall(SYS_pidfd_open, std::stoi(ended.lines.at(0)), 0));
  if (grandchild < 0) return; // gone already
  pollfd death{grandchild, POLLIN, 0};
  EXPECT_EQ(poll(&death, 1, 10'000), 1);
  ::close(grandchild);
}

TEST(ChildProcess, KillsAStoppedChild) {
  auto const ended = run(shell("echo ready; exec tail -f /dev/null"), [](child_process& child) {
    ::kill(static_cast<pid_t>(child.pid()), SIGSTOP);
    child.kill();
  });
  EXPECT_EQ(ended.exit, (process_exit{true, SIGKILL}));
}

TEST(ChildProcess, LeavesNothingBehindWhenItsOwnerForgetsIt) {
  event_loop loop;
  std::int64_t pid = 0;
  {
    auto child = child_process::spawn(loop.executor(), shell("exec tail -f /dev/null"), {});
    ASSERT_TRUE(child);
    pid = (*child)->pid();
    EXPECT_TRUE(exists(pid));
  }
  EXPECT_FALSE(exists(pid));
}

TEST(ChildProcess, SaysWhyItCouldNotStart) {
  event_loop loop;
  auto command = shell("true");
  command.program = "/nonexistent/llama-server";
  auto const missing = child_process::spawn(loop.executor(), command, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "'/nonexistent/llama-server' could not be started: exec: No such file or directory");
  command.program = "/etc/passwd";
  EXPECT_EQ(child_process::spawn(loop.executor(), command, {}).error().code, error_code::not_found);
}

TEST(ChildProcess, GetsNothingOfOursButWhatItNeeds) {
  int const leaked = ::dup(0); // not close-on-exec
  ::setenv("PADDLER_SECRET", "x", 1);
  auto command =
      shell("ls /proc/self/fd | tr '\\n' ' '; echo; env | sort | grep -v ^_= | grep -v ^PWD= | tr '\\n' ' '");
  command.environment.push_back("A=b");
  auto const ended = run(command);
  ::close(leaked);
  ASSERT_EQ(ended.lines.size(), 2U) << ended.text();
  EXPECT_EQ(ended.lines[0], "0 1 2 3"); // 3 is the folder that ls reads
  EXPECT_EQ(ended.lines[1], "A=b PATH=/usr/bin:/bin");
}

std::string field(std::string const& status, std::string const& name) {
  auto const at = status.find("\n" + name + ":");
  if (at == status.npos) return "";
  std::istringstream rest(status.substr(at + name.size() + 2));
  std::string value;
  rest >> value;
  return value;
}

TEST(ChildProcess, IsLimited) {
  auto command = shell("cat /proc/self/status | tr '\\t' ' '; ulimit -c; ulimit -n; ulimit -v; "
                       "cat /proc/self/oom_score_adj; nice; ps -o pgid= -p $$; echo $$");
  command.limits.open_files = 100;
  command.limits.address_space_bytes = 1ULL << 30;
  command.limits.niceness = 3;
  signal(SIGPIPE, SIG_IGN);
  auto const ended = run(command);
  signal(SIGPIPE, SIG_DFL);
  auto const text = ended.text();
  EXPECT_EQ(field(text, "NoNewPrivs"), "1");
  EXPECT_EQ(field(text, "SigIgn"), "0000000000000000");
  EXPECT_EQ(field(text, "SigBlk"), "0000000000000000");
  auto const& lines = ended.lines;
  ASSERT_GE(lines.size(), 7U);
  auto const from_end = [&](std::size_t n) { return lines[lines.size() - n]; };
  EXPECT_EQ(from_end(7), "0");
  EXPECT_EQ(from_end(6), "100");
  EXPECT_EQ(from_end(5), std::to_string(1ULL << 20));
  EXPECT_GE(std::stoi(from_end(4)), 300);
  EXPECT_EQ(from_end(3), "3");
  EXPECT_EQ(std::stoi(from_end(2)), std::stoi(from_end(1)));
}

TEST(ChildProcess, TellsItsProcessorTime) {
  duration used{};
  auto const ended = run(shell("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo done; exec tail -f /dev/null"),
                         [&](child_process& child) {
                           used = child.cpu_time();
                           child.kill();
                         });
  EXPECT_GT(used, 0ns);
}

} // namespace
} // namespace paddler
