#include "core/reconcile/content_digest.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <set>

namespace paddler {
namespace {

TEST(ContentDigest, EqualContentsHaveEqualDigestsAndNoOthers) {
  std::vector<std::function<void(applicable_model&)>> const changes = {
      [](applicable_model&) {},
      [](applicable_model& m) { m.name = "ab"; },
      [](applicable_model& m) { m.chat_template = "ab"; },
      [](applicable_model& m) { m.reference.path = ""; },
      [](applicable_model& m) { m.reference.path = "/a"; },
      [](applicable_model& m) { m.reference.url = "/a"; },
      [](applicable_model& m) { m.reference.source = model_source::url; },
      [](applicable_model& m) { m.parameters.temperature = 0.1; },
      [](applicable_model& m) { m.parameters.top_p = 0.1; },
      [](applicable_model& m) { m.parameters.seed = 1; },
      [](applicable_model& m) { m.slots = 1; },
      [](applicable_model& m) { m.max_context_length = 1; },
  };
  std::set<std::string> seen;
  for (auto const& change : changes) {
    applicable_model one;
    applicable_model two;
    change(one);
    change(two);
    EXPECT_EQ(content_digest(one), content_digest(two));
    seen.insert(content_digest(one));
  }
  seen.insert(content_digest(std::nullopt));
  EXPECT_EQ(seen.size(), changes.size() + 1);
}

// Two builds of paddler talk to each other: the digest of a content must stay what it is.
TEST(ContentDigest, IsTheSameEverywhere) {
  applicable_model model;
  model.name = "default-chat";
  model.reference.source = model_source::local;
  model.reference.path = "/models/a.gguf";
  model.slots = 4;
  model.max_context_length = 2048;
  EXPECT_EQ(content_digest(model), "150584a56a637eb4");
  EXPECT_EQ(content_digest(std::nullopt), "none");
}

TEST(FileContent, IsTheDigestOrWhatOneMachineKnowsTheFileBy) {
  model_file file{5, wall_time{}, "sha256:00"};
  EXPECT_EQ(file_content(file, "/a", "host"), "sha256:00");
  file.digest.clear();
  auto const known = file_content(file, "/a", "host");
  EXPECT_EQ(file_content(file, "/a", "host"), known);
  auto larger = file;
  larger.bytes = 6;
  auto newer = file;
  newer.modified += std::chrono::seconds(1);
  std::set<std::string> const all = {known, file_content(file, "/b", "host"), file_content(file, "/a", "other"),
                                     file_content(larger, "/a", "host"), file_content(newer, "/a", "host")};
  EXPECT_EQ(all.size(), 5U);
}

TEST(EngineIdentity, IsWhatAnAnswerDependsOnAndNothingElse) {
  std::vector<std::function<void(applicable_model&)>> const changes = {
      [](applicable_model&) {},
      [](applicable_model& m) { m.name = "b"; },
      [](applicable_model& m) { m.chat_template = "b"; },
      [](applicable_model& m) { m.reference.path = "b"; },
      [](applicable_model& m) { m.parameters.temperature = 0.1; },
      [](applicable_model& m) { m.max_context_length = 1; },
  };
  std::set<std::uint64_t> seen;
  for (auto const& change : changes) {
    applicable_model one;
    change(one);
    applicable_model two = one;
    two.slots = one.slots + 1;
    EXPECT_EQ(engine_identity(one, "file", "build"), engine_identity(two, "file", "build"));
    seen.insert(engine_identity(one, "file", "build"));
    seen.insert(engine_identity(one, "other file", "build"));
    seen.insert(engine_identity(one, "file", "other build"));
    seen.insert(engine_identity(one, "", "filebuild"));
  }
  EXPECT_EQ(seen.size(), 4 * changes.size());
}

// Agents of two builds of paddler may run engines of one: what is compared must stay what it is.
TEST(EngineIdentity, IsTheSameEverywhere) {
  applicable_model model;
  model.name = "default-chat";
  model.max_context_length = 2048;
  EXPECT_EQ(engine_identity(model, "sha256:00", "b1-abc"), 0xeadbca288034d192ULL);
}

} // namespace
} // namespace paddler
