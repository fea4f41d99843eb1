#include "core/reconcile/content_digest.hpp"

#include <gtest/gtest.h>

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

} // namespace
} // namespace paddler
