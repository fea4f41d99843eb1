#include "hub/local_models.hpp"
#include "hub/tiny_model.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

class LocalModels : public testing::Test {
public:
  LocalModels() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-hub-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }

  ~LocalModels() override { std::filesystem::remove_all(folder_); }

protected:
  std::string write(std::string const& name, std::string const& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return path(name);
  }

  std::string path(std::string const& name) const { return (folder_ / name).string(); }

  static std::string message(std::string const& path) {
    auto const info = blocking_inspect_model(path);
    return info ? "no error" : info.error().message;
  }

  std::filesystem::path folder_;
};

TEST_F(LocalModels, ReadsAsMuchAsTheHeaderTakes) {
  for (std::size_t size : {10UL, 3'000'000UL, 30'000'000UL}) {
    auto const info = blocking_inspect_model(write("m.gguf", tiny_model("llama", size)));
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->architecture, "llama");
    EXPECT_EQ(info->tensor_bytes, 4U);
  }
}

TEST_F(LocalModels, NamesTheFileAndWhatIsWrong) {
  auto const missing = path("none.gguf");
  EXPECT_EQ(message(missing), "there is no model file '" + missing + "'");
  EXPECT_EQ(blocking_inspect_model(missing).error().code, error_code::not_found);
  EXPECT_EQ(message(path("")), "'" + path("") + "' is a folder");
  EXPECT_EQ(message("/dev/null"), "'/dev/null' is not a regular file");
  auto const text = write("readme", "hello, this is text");
  EXPECT_EQ(message(text), "'" + text + "' is not a GGUF file: it does not begin with GGUF");
  EXPECT_EQ(message(text + "/x"), "there is no model file '" + text + "/x'");
  auto const cut = write("cut.gguf", tiny_model("llama", 3'000'000).substr(0, 2'000'000));
  EXPECT_EQ(message(cut), "'" + cut + "' is cut short: its header goes on after the end of the file (2000000 bytes)");
}

TEST_F(LocalModels, APipeDoesNotBlock) {
  auto const pipe = path("pipe.gguf");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(message(pipe), "'" + pipe + "' is not a regular file");
}

} // namespace
} // namespace paddler
