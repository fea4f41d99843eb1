#include "hub/model_headers.hpp"
#include "hub/tiny_model.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

class ModelHeaders : public ::testing::Test {
protected:
  std::string write(std::string const& name, std::string_view content) {
    auto path = ::testing::TempDir() + "model_headers_" + std::to_string(::getpid()) + "_" + name;
    std::filesystem::remove(path); // another file, not the same one written to
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  model_headers headers{2};
};

TEST_F(ModelHeaders, ReadAFileOnceAsLongAsItStaysTheSame) {
  auto const path = write("a", tiny_model("llama"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(headers.blocking_inspect(path).value().architecture, "llama");
  EXPECT_EQ(headers.reads(), 1U);
  write("a", tiny_model("qwen3"));
  EXPECT_EQ(headers.blocking_inspect(path).value().architecture, "qwen3");
  EXPECT_EQ(headers.reads(), 2U);
}

TEST_F(ModelHeaders, KeepNoErrors) {
  auto const path = write("bad", "GGUF");
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(headers.blocking_inspect(path));
  EXPECT_EQ(headers.reads(), 2U);
  write("bad", tiny_model("llama"));
  EXPECT_TRUE(headers.blocking_inspect(path));
}

TEST_F(ModelHeaders, ForgetWhatWasNotUsedForLongest) {
  auto const a = write("1", tiny_model("llama"));
  auto const b = write("2", tiny_model("llama"));
  auto const c = write("3", tiny_model("llama"));
  for (auto const& path : {a, b, a, c}) EXPECT_TRUE(headers.blocking_inspect(path));
  EXPECT_EQ(headers.reads(), 3U);
  EXPECT_TRUE(headers.blocking_inspect(a));
  EXPECT_EQ(headers.reads(), 3U) << "it was used after b";
  EXPECT_TRUE(headers.blocking_inspect(b));
  EXPECT_EQ(headers.reads(), 4U);
}

} // namespace
} // namespace paddler
