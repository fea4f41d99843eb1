#include "runtime/file_watcher.hpp"

#include "runtime/check.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/buffer.hpp>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

namespace paddler {
namespace {

constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                             IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::array<std::string_view, 3> document_suffixes = {".yaml", ".yml", ".json"};
constexpr std::size_t max_folder_entries = 10'000;
constexpr int settle_looks_limit = 20; // a file that changes all the time is still reported

std::string folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The folder of a path, and of what it leads to.
void watch_place(int inotify, std::string const& path) {
  ::inotify_add_watch(inotify, folder_of(path).c_str(), events_of_interest);
  std::array<char, PATH_MAX> resolved{};
  if (::realpath(path.c_str(), resolved.data()) != nullptr)
    ::inotify_add_watch(inotify, folder_of(resolved.data()).c_str(), events_of_interest);
}

// The first ones in order of their names. Looks at max_folder_entries at most.
std::vector<std::string> blocking_documents_in(std::string const& folder, std::size_t limit) {
  std::vector<std::string> out;
  std::error_code failure;
  std::filesystem::directory_iterator entries(folder, failure);
  for (std::size_t seen = 0; !failure && seen < max_folder_entries && entries != std::filesystem::directory_iterator{};
       entries.increment(failure), ++seen) {
    auto const name = entries->path().filename().string();
    std::error_code unreadable;
    if (!name.starts_with('.') &&
        std::ranges::any_of(document_suffixes, [&](auto end) { return name.ends_with(end); }) &&
        entries->is_regular_file(unreadable))
      out.push_back(folder + "/" + name);
  }
  std::ranges::sort(out);
  if (out.size() > limit) out.resize(limit);
  return out;
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

// Adding a watch that is there already changes nothing, so each look renews all of them: folders too may be replaced.
file_watcher::fingerprint file_watcher::blocking_look(int inotify, std::string const& path, std::size_t folder_limit) {
  watch_place(inotify, path);
  std::error_code failure;
  if (!std::filesystem::is_directory(path, failure)) {
    fingerprint out;
    if (auto const file = blocking_identify_file(path)) out.files.emplace(path, *file);
    return out;
  }
  ::inotify_add_watch(inotify, path.c_str(), events_of_interest);
  fingerprint out{true, {}};
  for (auto& name : blocking_documents_in(path, folder_limit + 1)) {
    watch_place(inotify, name);
    if (auto const file = blocking_identify_file(name)) out.files.emplace(std::move(name), *file);
  }
  return out;
}

task<file_watcher::fingerprint> file_watcher::look() {
  int const fd = inotify_.native_handle();
  auto const limit = how_.folder_limit;
  auto const seen = co_await run_blocking(pool_, [fd, limit, path = path_] { return blocking_look(fd, path, limit); });
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
