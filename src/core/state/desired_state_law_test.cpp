// Laws of desired state over random histories, against a reference that works everything out anew after each change.
#include "core/state/applicable.hpp"
#include "core/state/desired_state.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layers.hpp"
#include "core/state/random_documents.hpp"
#include "core/state/validation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace paddler {
namespace {

// The whole of it, by the plain rule.
class reference_state {
public:
  bool is_valid(desired_change const& change) const {
    if (!validate_document(change.document).empty()) return false;
    if (change.source.kind == source_kind::discovery && change.document.policies != policies_spec{}) return false;
    auto changed = layers_;
    changed[change.source] = change.document;
    return validate_effective(merge_layers(changed)).empty();
  }

  // The agents whose applicable state changed.
  std::vector<agent_id> apply(log_record const& record) {
    if (record.document == desired_document{})
      layers_.erase(record.source);
    else
      layers_[record.source] = record.document;
    auto const policies_before = effective_.policies;
    effective_ = merge_layers(layers_);
    if (effective_.policies != policies_before) policies_version = {record.number.value};
    std::map<model_id, model_spec> models;
    for (auto const& model : effective_.models) models.emplace(model.id, model);
    std::map<agent_id, std::optional<applicable_model>> resolved;
    for (auto const& [agent, state] : applicable) resolved[agent];
    for (auto const& agent : effective_.agents)
      resolved[agent.id] = resolve_applicable(agent, served_entry(models, agent));
    std::vector<agent_id> changed;
    for (auto const& [agent, model] : resolved) {
      auto const known = applicable.find(agent);
      if (known == applicable.end() ? !model : known->second.model == model) continue;
      applicable[agent] = {generation{record.number.value}, model};
      changed.push_back(agent);
    }
    return changed;
  }

  std::vector<std::string> served_names() const {
    std::set<std::string> names;
    for (auto const& model : effective_.models) names.insert(model.id.value);
    for (auto const& [agent, state] : applicable)
      if (state.model) names.insert(state.model->name);
    return {names.begin(), names.end()};
  }

  desired_document const& effective() const { return effective_; }

  std::map<agent_id, applicable_state> applicable;
  generation policies_version;

private:
  desired_layers layers_;
  desired_document effective_;
};

desired_document document_of(desired_state const& state, source_id const& source) {
  auto layers = state.layers();
  return layers[source];
}

// What a state shows, to be compared with another's.
void expect_equal(desired_state const& a, desired_state const& b) {
  EXPECT_EQ(a.current(), b.current());
  EXPECT_EQ(a.layers(), b.layers());
  EXPECT_EQ(a.effective(), b.effective());
  EXPECT_EQ(a.applicable_states(), b.applicable_states());
  EXPECT_EQ(a.claims().explain(""), b.claims().explain(""));
  EXPECT_EQ(a.served_names(), b.served_names());
  EXPECT_EQ(a.policies_version(), b.policies_version());
}

TEST(DesiredStateLaws, AChangeByWhatItTouchesIsTheChangeOfTheWhole) {
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state state;
    reference_state reference;
    auto names = reference.served_names();
    for (int step = 0; step < 25; ++step) {
      auto const source = documents.source();
      desired_change const change{source, documents.next_to(document_of(state, source)), std::nullopt, {}};
      auto const record = state.check(change, {});
      ASSERT_EQ(record.has_value(), reference.is_valid(change));
      if (!record || !*record) {
        refused += !record;
        continue;
      }
      ++accepted;
      auto const before = flatten(reference.effective());
      auto const policies_before = reference.policies_version;
      auto news = state.apply(**record);
      EXPECT_EQ(news.agents, reference.apply(**record));
      EXPECT_EQ(state.effective(), reference.effective());
      EXPECT_EQ(state.effective(), merge_layers(state.layers()));
      EXPECT_EQ(state.applicable_states(), reference.applicable);
      EXPECT_EQ(state.policies(), reference.effective().policies);
      EXPECT_EQ(state.policies_version(), reference.policies_version);
      EXPECT_EQ(news.policies_changed, reference.policies_version != policies_before);
      std::ranges::sort(news.changes, {}, &field_change::path);
      EXPECT_EQ(news.changes, compare(before, flatten(reference.effective())));
      EXPECT_EQ(state.served_names(), reference.served_names());
      if (!news.names_changed) EXPECT_EQ(names, reference.served_names());
      names = reference.served_names();
    }
  }
  EXPECT_GT(accepted, 2'000U);
  EXPECT_GT(refused, 200U);
}

TEST(DesiredStateLaws, GoingOnFromASnapshotIsGoingOn) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state whole;
    std::vector<log_record> log;
    while (log.size() < 20) {
      auto const source = documents.source();
      log_record const record{whole.current().next(), {}, source, documents.next_to(document_of(whole, source)), {}};
      whole.apply(record);
      log.push_back(record);
    }
    auto const cut = documents.random().below(log.size() + 1);
    auto const early = std::span(log).first(cut);
    desired_state resumed(fold_snapshot({}, early, {}));
    for (auto const& record : std::span(log).subspan(cut)) {
      desired_state copy = resumed;
      EXPECT_EQ(copy.snapshot({}), resumed.snapshot({}));
      resumed.apply(record);
    }
    expect_equal(resumed, whole);
    EXPECT_EQ(resumed.snapshot({}), whole.snapshot({}));
    EXPECT_EQ(fold_snapshot(fold_snapshot({}, early, {}), std::span(log).subspan(cut), {}), whole.snapshot({}));
  }
}

TEST(DesiredStateLaws, NewsAreTheSameFromASnapshot) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state whole;
    for (int step = 0; step < 20; ++step) {
      desired_state resumed(whole.snapshot({}));
      log_record const record{whole.current().next(), {}, documents.source(), documents.next(), {}};
      auto const a = whole.apply(record);
      auto const b = resumed.apply(record);
      EXPECT_EQ(a.agents, b.agents);
      EXPECT_EQ(a.losses, b.losses);
      EXPECT_EQ(a.changes, b.changes);
      EXPECT_EQ(a.said, b.said);
      EXPECT_EQ(a.entries, b.entries);
    }
  }
}

// Ten thousand agents join one by one in a few seconds even here; were each to touch all, it would take many minutes.
TEST(DesiredStateLaws, AJoinTouchesOneAgentHoweverManyThereAre) {
  desired_state state;
  for (int i = 0; i < 10'000; ++i) {
    agent_spec agent;
    agent.id.value = "agent-" + std::to_string(i);
    agent.desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"};
    auto const record = state.check({{source_kind::discovery, agent.id.value}, {{agent}, {}}, {}, {}}, {});
    ASSERT_TRUE(record.has_value());
    auto const news = state.apply(**record);
    ASSERT_EQ(news.agents, std::vector{agent.id});
    ASSERT_EQ(news.names_changed, i == 0);
  }
  EXPECT_EQ(state.effective().agents.size(), 10'000U);
}

} // namespace
} // namespace paddler
