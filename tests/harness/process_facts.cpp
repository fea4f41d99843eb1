#include "harness/process_facts.hpp"

#include "runtime/timer.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace paddler_test {
namespace {

std::string proc_path(std::int64_t pid, char const* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::size_t count_entries(std::string const& directory) {
  std::error_code ec;
  std::filesystem::directory_iterator const all(directory, ec);
  return ec ? 0 : static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

bool is_running(std::int64_t pid) {
  std::ifstream in(proc_path(pid, "stat"));
  std::string text;
  if (!std::getline(in, text)) return false;
  auto const after_name = text.rfind(')');
  return after_name != std::string::npos && text.size() > after_name + 2 && text[after_name + 2] != 'Z';
}

std::size_t open_files(std::int64_t pid) { return count_entries(proc_path(pid, "fd")); }

std::size_t thread_count(std::int64_t pid) { return count_entries(proc_path(pid, "task")); }

std::size_t resident_bytes(std::int64_t pid) {
  std::ifstream in(proc_path(pid, "statm"));
  std::size_t total = 0;
  std::size_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t limit_open_files(std::int64_t pid, std::size_t limit) {
  rlimit before{};
  if (::prlimit(static_cast<pid_t>(pid), RLIMIT_NOFILE, nullptr, &before) != 0) return 0;
  rlimit const now{limit, before.rlim_max};
  return ::prlimit(static_cast<pid_t>(pid), RLIMIT_NOFILE, &now, nullptr) == 0 ? before.rlim_cur : 0;
}

bool make_children_obey_file_rights() {
  if (::geteuid() != 0) return true;
  return ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) == 0 && ::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH) == 0;
}

std::int64_t own_pid() { return ::getpid(); }

bool send_signal(std::int64_t pid, int signal) { return pid > 1 && ::kill(static_cast<pid_t>(pid), signal) == 0; }

task<> stand_still(std::int64_t pid, duration time) {
  send_signal(pid, SIGSTOP);
  co_await sleep_for(time); // lint: allow(test-wait) what stands still does so for as long as it is told
  send_signal(pid, SIGCONT);
}

} // namespace paddler_test
