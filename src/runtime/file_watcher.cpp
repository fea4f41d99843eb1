#include "runtime/file_watcher.hpp"

#include "runtime/check.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/buffer.hpp>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <climits>
#include <cstdlib>

namespace paddler {
namespace {

constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                             IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr int settle_looks_limit = 20; // a file that changes all the time is still reported

std::string folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

int new_inotify() {
  int const fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  ensure(fd >= 0, "inotify gave no instance: raise fs.inotify.max_user_instances");
  return fd;
}

} // namespace

file_watcher::file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path, settings how)
    : pool_(pool), path_(std::move(path)), how_(how), inotify_(executor, new_inotify()) {
  inotify_.non_blocking(true); // Asio makes its own reads wait unless it is told, too
}

file_watcher::file_watcher(asio::any_io_executor executor, blocking_executor& pool, std::string path)
    : file_watcher(std::move(executor), pool, std::move(path), settings{}) {}

// Adding a watch that is there already changes nothing, so each look renews both: folders too may be replaced.
file_watcher::fingerprint file_watcher::blocking_look(int inotify, std::string const& path) {
  ::inotify_add_watch(inotify, folder_of(path).c_str(), events_of_interest);
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path.c_str(), resolved.data()) != nullptr)
    ::inotify_add_watch(inotify, folder_of(resolved.data()).c_str(), events_of_interest);
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0) return {};
  return {true, about.st_dev, about.st_ino, about.st_size,
          std::int64_t{about.st_mtim.tv_sec} * 1'000'000'000 + about.st_mtim.tv_nsec};
}

task<file_watcher::fingerprint> file_watcher::look() {
  int const fd = inotify_.native_handle();
  auto const seen = co_await run_blocking(pool_, [fd, path = path_] { return blocking_look(fd, path); });
  co_return seen.value_or(last_.value_or(fingerprint{}));
}

task<> file_watcher::start() { last_ = co_await look(); }

task<> file_watcher::readable() { co_await inotify_.async_wait(asio::posix::stream_descriptor::wait_read, as_result); }

task<> file_watcher::wait_for_event() {
  co_await with_deadline(how_.poll, readable());
  std::array<char, 4096> events{};
  boost::system::error_code ec;
  while (!ec) inotify_.read_some(asio::buffer(events), ec); // the next look tells what happened
}

task<bool> file_watcher::next_change() {
  if (!last_) co_await start();
  while (!is_cancelled(co_await asio::this_coro::cancellation_state)) {
    auto seen = co_await look();
    if (seen == *last_) {
      co_await wait_for_event();
      continue;
    }
    for (int looks = 0; looks < settle_looks_limit; ++looks) {
      if (!co_await sleep_for(how_.settle)) co_return false;
      auto const again = co_await look();
      if (again == seen) break;
      seen = again;
    }
    last_ = seen;
    co_return true;
  }
  co_return false;
}

} // namespace paddler
