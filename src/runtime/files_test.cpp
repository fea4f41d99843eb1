#include "runtime/event_loop.hpp"
#include "runtime/file_watcher.hpp"
#include "runtime/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

namespace paddler {
namespace {

namespace fs = std::filesystem;

struct files : testing::Test {
  files() {
    std::string pattern = (fs::temp_directory_path() / "paddler-files-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }

  ~files() override { fs::remove_all(folder); }

  [[nodiscard]] std::string path(std::string const& name) const { return (folder / name).string(); }

  fs::path folder;
};

TEST_F(files, written_whole_and_read_back) {
  ASSERT_TRUE(blocking_write_file_atomically(path("a"), "one").has_value());
  ASSERT_TRUE(blocking_write_file_atomically(path("a"), "two").has_value());
  EXPECT_EQ(blocking_read_file(path("a"), 100).value(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST_F(files, new_ones_replace_nothing) {
  ASSERT_TRUE(blocking_write_new_file(path("a"), "one", 0600).has_value());
  EXPECT_EQ(blocking_read_file(path("a"), 100).value(), "one");
  EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms(0600));
  EXPECT_EQ(blocking_write_new_file(path("a"), "two").error().code, error_code::conflict);
  fs::create_symlink(path("elsewhere"), path("link"));
  EXPECT_EQ(blocking_write_new_file(path("link"), "two").error().code, error_code::conflict);
  EXPECT_EQ(blocking_write_new_file(path("no/such/folder"), "x").error().code, error_code::not_found);
  EXPECT_EQ(blocking_read_file(path("a"), 100).value(), "one");
  EXPECT_FALSE(fs::exists(path("elsewhere")));
}

TEST_F(files, refusals_name_the_file) {
  auto const absent = blocking_read_file(path("absent"), 100);
  ASSERT_FALSE(absent.has_value());
  EXPECT_EQ(absent.error().code, error_code::not_found);
  EXPECT_NE(absent.error().message.find("absent"), std::string::npos);

  ASSERT_TRUE(blocking_write_file_atomically(path("big"), std::string(101, 'x')).has_value());
  EXPECT_EQ(blocking_read_file(path("big"), 100).error().code, error_code::too_large);
  EXPECT_EQ(blocking_read_file(folder.string(), 100).error().code, error_code::invalid_input);
  EXPECT_EQ(blocking_write_file_atomically(path("no/such/folder"), "x").error().code, error_code::not_found);
}

void write_in_place(std::string const& path, std::string_view text) { std::ofstream(path) << text; }

// Each step must be noticed before the next is made.
task<int> watch_steps(event_loop* loop, blocking_executor* pool, std::string watched,
                      std::vector<std::function<void()>> steps) {
  // A poll period that the test would not survive: inotify alone has to do it.
  file_watcher::settings const how{.settle = std::chrono::milliseconds(1), .poll = std::chrono::hours(1)};
  file_watcher watcher(loop->executor(), *pool, std::move(watched), how);
  co_await watcher.start();
  int noticed = 0;
  for (auto const& step : steps) {
    step();
    if (!co_await watcher.next_change()) co_return -1;
    ++noticed;
  }
  co_return noticed;
}

TEST_F(files, the_watcher_sees_every_way_in_which_a_file_changes) {
  event_loop loop;
  blocking_executor pool("files", 1, 8);
  auto const file = path("config.yaml");
  std::vector<std::function<void()>> const steps{
      [&] { write_in_place(file, "made"); },
      [&] { write_in_place(file, "written in place"); },
      [&] { blocking_write_file_atomically(file, "replaced").value(); },
      [&] { fs::remove(file); },
      [&] { write_in_place(file, "made again"); },
  };
  EXPECT_EQ(loop.run_until_done(watch_steps(&loop, &pool, file, steps)), 5);
}

TEST_F(files, the_watcher_sees_swapped_links) {
  event_loop loop;
  blocking_executor pool("files", 1, 8);
  fs::create_directory(folder / "v1");
  fs::create_directory(folder / "v2");
  write_in_place(path("v1/config.yaml"), "one");
  write_in_place(path("v2/config.yaml"), "two!");
  fs::create_symlink("v1", folder / "data");
  fs::create_symlink("data/config.yaml", folder / "config.yaml");
  auto const swap = [&](char const* target) {
    fs::create_symlink(target, folder / "data.new");
    fs::rename(folder / "data.new", folder / "data");
  };
  std::vector<std::function<void()>> const steps{
      [&] { swap("v2"); },
      [&] { write_in_place(path("v2/config.yaml"), "three"); },
      [&] { swap("v1"); },
  };
  EXPECT_EQ(loop.run_until_done(watch_steps(&loop, &pool, path("config.yaml"), steps)), 3);
}

TEST_F(files, folders_are_made_with_those_above_them) {
  auto const made = path("a/b/c");
  EXPECT_TRUE(blocking_make_directories(made));
  EXPECT_TRUE(blocking_make_directories(made)) << "again is no error";
  EXPECT_TRUE(fs::is_directory(made));
}

TEST_F(files, a_file_in_the_way_of_a_folder_is_named) {
  auto const in_the_way = path("file");
  ASSERT_TRUE(blocking_write_file_atomically(in_the_way, "x"));
  auto const refused = blocking_make_directories(in_the_way + "/below");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(in_the_way), std::string::npos);
}

TEST_F(files, a_file_is_found_under_the_name_that_it_was_given) {
  ASSERT_TRUE(blocking_write_file_atomically(path("blob"), "x"));
  fs::create_symlink("blob", folder / "model.gguf");
  EXPECT_EQ(blocking_find_file(path("./model.gguf")).value(), path("model.gguf"));
  EXPECT_EQ(blocking_find_file(path("absent")).error().code, error_code::not_found);
  EXPECT_EQ(blocking_find_file(folder.string()).error().code, error_code::invalid_input);
  auto const relative = fs::relative(path("blob")).string();
  EXPECT_EQ(blocking_find_file(relative).value(), path("blob"));
}

TEST_F(files, a_program_is_a_file_that_can_be_run) {
  ASSERT_TRUE(blocking_write_file_atomically(path("tool"), "x", 0600));
  auto const refused = blocking_find_program(path("tool"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::invalid_input);
  EXPECT_NE(refused.error().message.find(path("tool") + " cannot be run"), std::string::npos)
      << refused.error().message;
  fs::permissions(path("tool"), fs::perms::owner_all);
  EXPECT_EQ(blocking_find_program(path("tool")).value(), path("tool"));
  EXPECT_EQ(blocking_find_program(path("absent")).error().code, error_code::not_found);
}

TEST_F(files, says_what_stands_in_place_of_a_file) {
  EXPECT_EQ(blocking_find_file(folder.string()).error().message, folder.string() + " is a folder");
  EXPECT_EQ(blocking_read_file(folder.string(), 100).error().message, folder.string() + " is a folder");
  EXPECT_EQ(blocking_read_file("/dev/null", 100).error().message, "/dev/null is not a regular file");
  EXPECT_EQ(blocking_read_file(path("absent"), 100).error().message, "there is no file " + path("absent"));
}

TEST_F(files, a_private_folder_comes_and_goes) {
  auto const made = blocking_make_private_directory(path("run-"));
  ASSERT_TRUE(made);
  EXPECT_EQ(fs::status(*made).permissions(), fs::perms::owner_all);
  ASSERT_TRUE(blocking_write_file_atomically(*made + "/a", "x"));
  blocking_remove_directory(*made);
  EXPECT_FALSE(fs::exists(*made));
  blocking_remove_directory(*made);
  EXPECT_FALSE(blocking_make_private_directory(path("absent/run-")));
}

} // namespace
} // namespace paddler
