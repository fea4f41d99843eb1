#include "cli/canned_api_test.hpp"
#include "cli/dump.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace paddler {
namespace {

using testing::HasSubstr;

class RunDump : public testing::Test {
public:
  RunDump() { std::filesystem::create_directories(folder_); }

  ~RunDump() override { std::filesystem::remove_all(folder_); }

  static std::string content(std::string const& path) {
    std::stringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }

  std::filesystem::path const folder_ =
      std::filesystem::temp_directory_path() / ("paddler-dump-" + std::to_string(getpid()));
  std::string const file_ = (folder_ / "dump.json").string();
  canned_api api_{{{"GET /dump", {{200, R"({"format":"paddler-dump/1"})"}}}}};
};

TEST_F(RunDump, GoesToStandardOutput) {
  test_console console;
  EXPECT_EQ(run_dump({.management = api_.address()}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "{\"format\":\"paddler-dump/1\"}\n");
}

TEST_F(RunDump, WritesAFileForThisUserOnly) {
  test_console console;
  EXPECT_EQ(run_dump({.management = api_.address(), .file = file_}, console.terminal), exit_code::success);
  EXPECT_EQ(content(file_), R"({"format":"paddler-dump/1"})");
  EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(console.said(), "");
  EXPECT_THAT(console.noted(), HasSubstr("paddler replay " + file_));
}

TEST_F(RunDump, ReplacesAFileOnlyByForce) {
  std::ofstream(file_) << "mine";
  test_console refused;
  EXPECT_EQ(run_dump({.management = api_.address(), .file = file_}, refused.terminal), exit_code::failure);
  EXPECT_EQ(content(file_), "mine");
  EXPECT_THAT(refused.noted(), HasSubstr("there is a file " + file_ + " already"));
  EXPECT_THAT(refused.noted(), HasSubstr("--force"));
  test_console forced;
  EXPECT_EQ(run_dump({.management = api_.address(), .file = file_, .force = true}, forced.terminal),
            exit_code::success);
  EXPECT_THAT(content(file_), HasSubstr("paddler-dump"));
  EXPECT_EQ(std::filesystem::status(file_).permissions(), std::filesystem::perms(0600));
}

TEST_F(RunDump, SaysWhatWentWrong) {
  test_console nowhere;
  EXPECT_EQ(run_dump({.management = api_.address(), .file = "/no/folder/d.json"}, nowhere.terminal),
            exit_code::not_found);
  EXPECT_THAT(nowhere.noted(), HasSubstr("-o: could not write /no/folder/d.json"));
  test_console alone;
  EXPECT_EQ(run_dump({.management = deserted_address(), .file = file_}, alone.terminal), exit_code::unreachable);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

} // namespace
} // namespace paddler
