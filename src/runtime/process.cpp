#include "runtime/process.hpp"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

namespace paddler {

std::uint64_t raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  auto const before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

std::string blocking_program_path() {
  std::error_code ec;
  auto const path = std::filesystem::read_symlink("/proc/self/exe", ec);
  return ec ? std::string() : path.string();
}

} // namespace paddler
