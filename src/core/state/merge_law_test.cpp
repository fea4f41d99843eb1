// Laws of the merge of sources, over random layers: who decides, what a release brings back, what order is worth.
#include "core/state/desired_state.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layers.hpp"
#include "core/state/random_documents.hpp"
#include "core/state/validation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace paddler {
namespace {

constexpr std::uint64_t seeds = 500;

// Each source says something, or nothing.
desired_layers random_layers(random_documents& documents) {
  desired_layers out;
  for (int i = 0; i < 4; ++i) out[documents.source()] = documents.next();
  return out;
}

void for_random_layers(std::function<void(desired_layers const&)> const& law) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    law(random_layers(documents));
    if (testing::Test::HasFailure()) return;
  }
}

bool is_of_a_reference(std::string_view path) { return path.find(".desired_model.") != path.npos; }

// The value of the first source, in order of priority, that sets the field.
std::optional<field_value> highest_word(desired_layers const& layers, std::string const& path) {
  for (auto const& [source, document] : layers) {
    auto const fields = flatten(document);
    if (auto const at = fields.find(path); at != fields.end()) return at->second;
  }
  return std::nullopt;
}

TEST(MergeLaws, Priority_TheHighestSourceThatSetsAFieldDecidesIt) {
  for_random_layers([](desired_layers const& layers) {
    for (auto const& [path, value] : flatten(merge_layers(layers)))
      if (!is_of_a_reference(path)) EXPECT_EQ(value, highest_word(layers, path)) << path;
  });
}

TEST(MergeLaws, NothingIsMadeUpAndNothingIsForgotten) {
  for_random_layers([](desired_layers const& layers) {
    auto const merged = flatten(merge_layers(layers));
    for (auto const& [path, value] : merged)
      EXPECT_TRUE(std::ranges::any_of(layers,
                                      [&](auto const& each) {
                                        auto const fields = flatten(each.second);
                                        auto const at = fields.find(path);
                                        return at != fields.end() && at->second == value;
                                      }))
          << path << " is nobody's word";
    for (auto const& [source, document] : layers)
      for (auto const& [path, value] : flatten(document))
        if (!is_of_a_reference(path)) EXPECT_TRUE(merged.contains(path)) << path << " is forgotten";
  });
}

// A path from one source and a repository from another make no model.
TEST(MergeLaws, AModelReferenceIsNeverMixedOfTwoKinds) {
  for_random_layers([](desired_layers const& layers) {
    for (auto const& agent : merge_layers(layers).agents) {
      if (!agent.desired_model) continue;
      auto const& reference = *agent.desired_model;
      ASSERT_TRUE(reference.source.has_value());
      bool const is_local = *reference.source == model_source::local;
      EXPECT_EQ(reference.path.has_value(), is_local);
      EXPECT_EQ(reference.model_id.has_value(), !is_local);
      if (is_local) EXPECT_FALSE(reference.revision.has_value());
    }
  });
}

TEST(MergeLaws, Idempotence_WhatIsMergedMergesToItself) {
  for_random_layers([](desired_layers const& layers) {
    auto const once = merge_layers(layers);
    EXPECT_EQ(merge_layers({{{source_kind::file, "f"}, once}}), once);
    auto twice = layers;
    twice[{source_kind::discovery, "zzz"}] = once; // of the lowest priority: it adds nothing
    EXPECT_EQ(merge_layers(twice), once);
  });
}

// The lower ones may be merged first, or the higher ones.
TEST(MergeLaws, LayersMergeInAnyGrouping) {
  for_random_layers([](desired_layers const& layers) {
    auto const whole = merge_layers(layers);
    for (auto cut = layers.begin(); cut != layers.end(); ++cut) {
      desired_layers const high(layers.begin(), cut);
      desired_layers const low(cut, layers.end());
      auto const merged =
          merge_layers({{{source_kind::api, ""}, merge_layers(high)}, {{source_kind::file, "x"}, merge_layers(low)}});
      EXPECT_EQ(merged, whole);
    }
  });
}

TEST(MergeLaws, TheOrderOfEntriesIsWorthNothing) {
  for_random_layers([](desired_layers const& layers) {
    auto turned = layers;
    for (auto& [source, document] : turned) {
      std::ranges::reverse(document.agents);
      std::ranges::reverse(document.models);
    }
    EXPECT_EQ(merge_layers(turned), merge_layers(layers));
    auto const merged = merge_layers(layers);
    EXPECT_TRUE(std::ranges::is_sorted(merged.agents, {}, &agent_spec::id));
    EXPECT_TRUE(std::ranges::is_sorted(merged.models, {}, &model_spec::id));
  });
}

// --- of desired state, which merges by what changes ---

// Says these things, one after the other, whether or not they are valid together.
desired_state state_of(desired_layers const& layers) {
  desired_state out;
  for (auto const& [source, document] : layers) out.apply({out.current().next(), {}, source, document, {}});
  return out;
}

TEST(MergeLaws, Release_BringsBackWhatTheNextSourceSays) {
  for_random_layers([](desired_layers const& layers) {
    for (auto const& [source, document] : layers) {
      auto without = layers;
      without.erase(source);
      auto state = state_of(layers);
      state.apply({state.current().next(), {}, source, {}, {}});
      EXPECT_EQ(state.effective(), merge_layers(without));
      EXPECT_EQ(state.layers().contains(source), false);
      auto const words = [](desired_state const& of) {
        std::vector<std::string> out;
        for (auto const& each : of.claims().losses()) out.push_back(each.path + describe(each.lost.value));
        return out;
      };
      EXPECT_EQ(words(state), words(state_of(without))) << "who lost only to the one that left lost nothing";
    }
  });
}

TEST(MergeLaws, WhoSpokeFirstIsWorthNothing) {
  for_random_layers([](desired_layers const& layers) {
    desired_state backwards;
    for (auto at = layers.rbegin(); at != layers.rend(); ++at)
      backwards.apply({backwards.current().next(), {}, at->first, at->second, {}});
    EXPECT_EQ(backwards.effective(), state_of(layers).effective());
    EXPECT_EQ(backwards.served_names(), state_of(layers).served_names());
  });
}

TEST(MergeLaws, TheSameDocumentAgainIsNoChange) {
  std::size_t looked_at = 0;
  for_random_layers([&looked_at](desired_layers const& layers) {
    auto const state = state_of(layers);
    for (auto const& [source, document] : layers) {
      auto const again = state.check({source, document, std::nullopt, {}}, {});
      bool const may_say_it = source.kind != source_kind::discovery || document.policies.empty();
      if (!may_say_it || !validate_document(document).empty()) continue;
      ASSERT_TRUE(again.has_value());
      EXPECT_EQ(*again, std::nullopt);
      ++looked_at;
    }
  });
  EXPECT_GT(looked_at, seeds);
}

TEST(MergeLaws, ThePoliciesVersionGrowsWithThemAndOnlyWithThem) {
  std::size_t moved = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state state;
    for (int step = 0; step < 15; ++step) {
      auto const before = state.policies();
      auto const version = state.policies_version();
      auto const news = state.apply({state.current().next(), {}, documents.source(), documents.next(), {}});
      EXPECT_EQ(news.policies_changed, state.policies() != before);
      EXPECT_EQ(state.policies_version(), news.policies_changed ? generation{state.current().value} : version);
      moved += news.policies_changed ? 1 : 0;
    }
  }
  EXPECT_GT(moved, seeds);
}

// A version is the revision that last changed this agent's content: it never goes back, and it moves with content only.
TEST(MergeLaws, VersionsGrowWithContentAndOnlyWithIt) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state state;
    for (int step = 0; step < 15; ++step) {
      auto const before = state.applicable_states();
      state.apply({state.current().next(), {}, documents.source(), documents.next(), {}});
      for (auto const& [agent, now] : state.applicable_states()) {
        auto const at = before.find(agent);
        auto const was = at == before.end() ? applicable_state{} : at->second;
        EXPECT_EQ(now.version == was.version, now.model == was.model);
        EXPECT_TRUE(now.version == was.version || now.version.value == state.current().value);
      }
    }
  }
}

} // namespace
} // namespace paddler
