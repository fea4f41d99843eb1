#include "hub/loaded_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LoadedFile : public ::testing::Test {
protected:
  void put(std::string_view content) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << content;
    // Another time than any file before it, however coarse the file system's clock is.
    std::filesystem::last_write_time(path, std::filesystem::file_time_type{} + std::chrono::seconds(++files));
  }

  // As the engine's place does it.
  bool start() {
    if (!file.blocking_admit()) return false;
    file.confirm();
    return true;
  }

  std::string const path = ::testing::TempDir() + "loaded_file_" + std::to_string(::getpid()) + ".gguf";
  loaded_file file{path};
  int files = 0;
};

TEST_F(LoadedFile, REC_15_AnotherFileIsSaidAndNotLoaded) {
  put("old content");
  ASSERT_TRUE(start());
  EXPECT_FALSE(file.blocking_look()) << "nothing changed";
  put("new content that is longer");
  EXPECT_TRUE(file.blocking_look());
  EXPECT_FALSE(file.blocking_look()) << "it is said once";
  auto const issue = file.issue();
  ASSERT_TRUE(issue);
  EXPECT_EQ(issue->kind, state_issue_kind::model_changed);
  EXPECT_THAT(issue->text, AllOf(HasSubstr("'" + path + "' is not the one that was loaded"), HasSubstr("26 bytes"),
                                 HasSubstr("11 bytes"), HasSubstr("restart the agent")));
  auto const refused = file.blocking_admit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, error_code::invalid_input);
  EXPECT_EQ(file.facts()->bytes, 11U) << "what is loaded is what was loaded";
}

TEST_F(LoadedFile, REC_15_TheOldFileIsTakenWhenItIsBack) {
  put("old content");
  ASSERT_TRUE(start());
  ASSERT_TRUE(file.blocking_digest());
  EXPECT_EQ(file.facts()->digest.substr(0, 7), "sha256:");
  put("new content");
  EXPECT_FALSE(start());
  EXPECT_TRUE(file.issue());
  put("old content"); // a copy: another inode, another time
  EXPECT_TRUE(start());
  EXPECT_FALSE(file.issue());
}

TEST_F(LoadedFile, REC_15_WithoutADigestTheIdentityCounts) {
  put("old content");
  ASSERT_TRUE(start());
  put("old content");
  EXPECT_FALSE(start()) << "nobody can say that it is the same";
}

TEST_F(LoadedFile, REC_15_AFileThatIsGoneIsSaid) {
  put("old content");
  ASSERT_TRUE(start());
  std::filesystem::remove(path);
  EXPECT_TRUE(file.blocking_look());
  EXPECT_THAT(file.issue()->text, HasSubstr("is not there any more"));
  EXPECT_FALSE(start());
}

// Until an engine served from it, a file may still be arriving.
TEST_F(LoadedFile, ChangesBeforeTheFirstLoadAreNone) {
  put("hal");
  EXPECT_TRUE(file.blocking_admit());
  put("half of it, and the other half");
  EXPECT_TRUE(start());
  EXPECT_FALSE(file.blocking_look());
  EXPECT_EQ(file.facts()->bytes, 30U);
}

TEST_F(LoadedFile, WhereThereIsNoneNothingIsWrong) {
  std::filesystem::remove(path);
  loaded_file none("");
  for (auto* const each : {&file, &none}) {
    EXPECT_TRUE(each->blocking_admit());
    EXPECT_FALSE(each->confirm());
    EXPECT_FALSE(each->blocking_look());
    EXPECT_FALSE(each->facts());
  }
}

} // namespace
} // namespace paddler
