#include "runtime/event_loop.hpp"
#include "runtime/file_watcher.hpp"
#include "runtime/race.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// inotify alone has to do it: the poll comes after the test's end.
constexpr file_watcher::settings quick{.settle = milliseconds(1), .poll = std::chrono::hours(1)};

class file_watcher_test : public testing::Test {
public:
  file_watcher_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-watch-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ / "watched.yaml";
    write(path_, "one");
  }

  ~file_watcher_test() override { std::filesystem::remove_all(folder_); }

  static void write(std::filesystem::path const& path, std::string const& text) { std::ofstream(path) << text; }

  // Whether the watcher tells of the change that `change` makes.
  template <class Change> bool notices(Change change) {
    file_watcher watcher(loop_.executor(), pool_, path_.string(), quick);
    loop_.run_until_done(watcher.start());
    change();
    auto const told = loop_.run_until_done(with_deadline(seconds(20), watcher.next_change()));
    return told.value_or(false);
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  event_loop loop_;
  blocking_executor pool_{"looks", 1, 4};
};

TEST_F(file_watcher_test, notices_every_way_of_changing_a_file) {
  EXPECT_TRUE(notices([this] { write(path_, "written in place"); }));
  EXPECT_TRUE(notices([this] {
    write(folder_ / "new", "renamed over it");
    std::filesystem::rename(folder_ / "new", path_);
  }));
  EXPECT_TRUE(notices([this] { std::filesystem::remove(path_); }));
  EXPECT_TRUE(notices([this] { write(path_, "made again"); }));
  EXPECT_TRUE(notices([this] {
    write(folder_ / "other", "behind a link");
    std::filesystem::create_symlink(folder_ / "other", folder_ / "link");
    std::filesystem::rename(folder_ / "link", path_);
  }));
}

task<> change_while_it_waits(std::filesystem::path path, file_watcher& watcher, int* told) {
  for (int i = 0; i < 3; ++i) {
    std::ofstream(path) << "change " << std::string(static_cast<std::size_t>(i), '!');
    if (co_await watcher.next_change()) ++*told;
  }
}

// Events that come while nobody reads, and those that say nothing new, must not stop the loop.
TEST_F(file_watcher_test, tells_of_one_change_after_another) {
  file_watcher watcher(loop_.executor(), pool_, path_.string(), quick);
  loop_.run_until_done(watcher.start());
  int told = 0;
  auto const in_time = loop_.run_until_done(with_deadline(seconds(20), change_while_it_waits(path_, watcher, &told)));
  EXPECT_TRUE(in_time);
  EXPECT_EQ(told, 3);
}

task<> ends_as_false(file_watcher& watcher, bool* out) { *out = co_await watcher.next_change(); }

// Waits through events that change nothing, and through its cancellation.
TEST_F(file_watcher_test, goes_on_when_nothing_changed_and_ends_when_cancelled) {
  file_watcher watcher(loop_.executor(), pool_, path_.string(), quick);
  loop_.run_until_done(watcher.start());
  write(folder_ / "neighbour", "not watched");
  bool told = true;
  auto const in_time = loop_.run_until_done(with_deadline(milliseconds(50), ends_as_false(watcher, &told)));
  EXPECT_FALSE(in_time);
  EXPECT_FALSE(told);
}

} // namespace
} // namespace paddler
