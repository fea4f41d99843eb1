#include "hub/model_digest.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace paddler {
namespace {

std::string write(std::string const& name, std::string_view content) {
  auto path = ::testing::TempDir() + "model_digest_" + std::to_string(::getpid()) + "_" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(ModelDigest, IsThatOfSha256sum) {
  std::atomic<bool> const stop = false;
  EXPECT_EQ(blocking_digest_model(write("abc", "abc"), stop),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ModelDigest, OfALargeFileLooksAtItsEdgesAndItsSize) {
  std::atomic<bool> const stop = false;
  digest_limits const limits{.whole = 8, .edge = 2};
  auto const of = [&](std::string_view content) {
    return blocking_digest_model(write("large", content), stop, limits).value();
  };
  auto const one = of("ab......yz");
  EXPECT_TRUE(one.starts_with("edges:"));
  EXPECT_EQ(of("ab.,.,..yz"), one) << "what lies between is not looked at";
  EXPECT_NE(of("ax......yz"), one);
  EXPECT_NE(of("ab......yy"), one);
  EXPECT_NE(of("ab.......yz"), one);
}

TEST(ModelDigest, SaysWhyThereIsNone) {
  std::atomic<bool> stop = false;
  EXPECT_EQ(blocking_digest_model("/no/such", stop).error().code, error_code::not_found);
  stop = true;
  EXPECT_EQ(blocking_digest_model(write("stopped", "abc"), stop).error().code, error_code::cancelled);
}

TEST(ModelDigests, AreKnownByTheFilesIdentityAndBounded) {
  model_digests known;
  file_identity file{.device = 1, .inode = 2, .bytes = 3, .modified_ns = 4};
  EXPECT_FALSE(known.find(file));
  known.note(file, "sha256:1");
  EXPECT_EQ(known.find(file), "sha256:1");
  auto touched = file;
  ++touched.modified_ns;
  EXPECT_FALSE(known.find(touched));
  for (std::uint64_t i = 0; i < max_known_digests; ++i) known.note({.inode = 100 + i}, "sha256:2");
  EXPECT_FALSE(known.find(file)) << "the oldest falls out";
}

} // namespace
} // namespace paddler
