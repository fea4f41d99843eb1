// A preview says what folding the change in then does, over random histories.
#include "core/state/preview.hpp"
#include "core/state/random_documents.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

void expect_what_comes(std::vector<agent_preview> const& foreseen, desired_state const& before,
                       desired_state const& after, std::vector<agent_id> const& changed) {
  std::vector<agent_id> agents;
  for (auto const& each : foreseen) {
    agents.push_back(each.agent);
    EXPECT_EQ(each.before, before.applicable(each.agent));
    EXPECT_EQ(each.after, after.applicable(each.agent));
  }
  EXPECT_EQ(agents, changed);
}

TEST(Preview, IsWhatTheChangeBringsAbout) {
  int changes = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    random_documents documents(seed);
    desired_state state;
    for (int i = 0; i < 25; ++i) {
      auto const source = documents.source();
      desired_change const change{source, documents.next_to(state.layers()[source]), std::nullopt, {}};
      auto const record = state.check(change, {});
      if (!record || !*record) continue;
      auto const foreseen = preview(state, change);
      auto const before = state;
      auto const news = state.apply(**record);
      expect_what_comes(foreseen, before, state, news.agents);
      changes += static_cast<int>(foreseen.size());
    }
  }
  EXPECT_GT(changes, 200);
}

TEST(Preview, IsEmptyWhereTheSourceSaysWhatItSaid) {
  desired_state state;
  desired_change change{{}, {}, std::nullopt, {}};
  change.document.agents.push_back({{"a"}, model_reference{.source = model_source::local, .path = "/x"}, {}, {}, {}});
  EXPECT_EQ(preview(state, change).size(), 1U);
  state.apply({state.current().next(), {}, change.source, change.document, {}});
  EXPECT_TRUE(preview(state, change).empty());
}

} // namespace
} // namespace paddler
