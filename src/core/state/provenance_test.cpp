#include "core/state/desired_state.hpp"
#include "core/state/field_map.hpp"
#include "core/state/layers.hpp"
#include "core/state/provenance.hpp"
#include "core/state/random_documents.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddler {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

source_id const api{source_kind::api, ""};
source_id const file{source_kind::file, "/etc/paddler.yaml"};
source_id const discovery{source_kind::discovery, "a"};

// Takes whole documents, as sources hand them in.
class claims_on_documents : public field_claims {
public:
  void replace(source_id const& source, desired_document const& document, revision at) {
    auto& before = documents_[source];
    std::map<std::string, field_map> entries;
    for (auto const& agent : before.agents) entries[entry_path(agent.id)];
    for (auto const& model : before.models) entries[entry_path(model.id)];
    for (auto const& agent : document.agents) entries[entry_path(agent.id)] = flatten(agent);
    for (auto const& model : document.models) entries[entry_path(model.id)] = flatten(model);
    entries[std::string(policies_path)] = flatten(document.policies);
    for (auto const& [entry, fields] : entries) field_claims::replace(source, entry, fields, at);
    before = document;
  }

private:
  desired_layers documents_;
};

desired_document slots(int count) {
  agent_spec agent;
  agent.id.value = "a";
  agent.slots = count;
  return {{agent}, {}};
}

desired_document reference(model_reference const& wanted) {
  agent_spec agent;
  agent.id.value = "a";
  agent.desired_model = wanted;
  return {{agent}, {}};
}

TEST(FieldClaims, TheHighestSourceOwnsAFieldAndOthersAreNamed) {
  claims_on_documents claims;
  claims.replace(discovery, slots(8), {1});
  claims.replace(file, slots(4), {2});
  claims.replace(api, slots(4), {3});
  auto const found = claims.explain("agents/a.slots");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].owner, (field_claim{api, std::int64_t{4}, {3}}));
  ASSERT_THAT(found[0].others, SizeIs(2));
  EXPECT_EQ(found[0].others[0], (field_claim{file, std::int64_t{4}, {2}}));
  EXPECT_EQ(found[0].others[1], (field_claim{discovery, std::int64_t{8}, {1}}));
  EXPECT_TRUE(found[0].in_conflict());
}

TEST(FieldClaims, SourcesThatAgreeAreInNoConflict) {
  claims_on_documents claims;
  claims.replace(file, slots(4), {1});
  claims.replace(api, slots(4), {2});
  EXPECT_THAT(claims.conflicts(), IsEmpty());
  claims.replace(file, slots(5), {3});
  EXPECT_THAT(claims.conflicts(), SizeIs(1));
  EXPECT_THAT(claims.losses(), SizeIs(1));
  EXPECT_EQ(claims.losses()[0].lost.source, file);
}

TEST(FieldClaims, AFieldThatIsSaidAgainKeepsItsRevision) {
  claims_on_documents claims;
  claims.replace(api, slots(4), {1});
  auto more = slots(4);
  more.agents[0].max_context_length = 512;
  claims.replace(api, more, {2});
  EXPECT_EQ(claims.explain("agents/a.slots")[0].owner->since, revision{1});
  EXPECT_EQ(claims.explain("agents/a.max_context_length")[0].owner->since, revision{2});
}

TEST(FieldClaims, ReleaseGivesTheFieldToTheNextSource) {
  claims_on_documents claims;
  claims.replace(file, slots(4), {1});
  claims.replace(api, slots(2), {2});
  claims.replace(api, {}, {3});
  EXPECT_EQ(claims.explain("agents/a.slots")[0].owner, (field_claim{file, std::int64_t{4}, {1}}));
  claims.replace(file, {}, {4});
  EXPECT_THAT(claims.explain(""), IsEmpty());
}

TEST(FieldClaims, AReferenceOfAnotherKindLosesAsAWhole) {
  claims_on_documents claims;
  claims.replace(api, reference({.source = model_source::local, .path = "/m.gguf"}), {1});
  claims.replace(file, reference({.source = model_source::huggingface, .model_id = "o/r"}), {2});
  auto const model_id = claims.explain("agents/a.desired_model.model_id");
  ASSERT_THAT(model_id, SizeIs(1));
  EXPECT_FALSE(model_id[0].owner);
  EXPECT_THAT(model_id[0].others, SizeIs(1));
  ASSERT_THAT(claims.losses(), SizeIs(1)) << "it is told once, for the kind";
  EXPECT_EQ(claims.losses()[0].path, "agents/a.desired_model.source");
}

TEST(FieldClaims, TellsWhoLostNothingFromWhoLost) {
  claims_on_documents claims;
  EXPECT_FALSE(field_provenance{}.in_conflict()) << "nobody decides it";
  claims.replace(api, slots(4), {1});
  EXPECT_FALSE(claims.explain("agents/a.slots")[0].in_conflict());
  claims.replace(discovery, slots(4), {2});
  EXPECT_FALSE(claims.explain("agents/a.slots")[0].in_conflict()) << "they agree";
  claims.replace(discovery, slots(5), {3});
  EXPECT_TRUE(claims.explain("agents/a.slots")[0].in_conflict());
}

TEST(FieldClaims, APathChoosesAnEntryAFieldOrAKind) {
  claims_on_documents claims;
  desired_document document = slots(4);
  document.agents.push_back({.id = {"b"}, .desired_model = {}, .model = "m", .slots = 2, .max_context_length = {}});
  document.models.push_back({{"m"}, "a template", {}});
  claims.replace(api, document, {1});
  EXPECT_THAT(claims.explain(""), SizeIs(7)) << "two agents, three of their fields, a model, its template";
  EXPECT_THAT(claims.explain("agents"), SizeIs(5));
  EXPECT_THAT(claims.explain("agents/b"), SizeIs(3));
  EXPECT_THAT(claims.explain("agents/b.slots"), SizeIs(1));
  EXPECT_THAT(claims.explain("models/m.chat_template"), SizeIs(1));
  EXPECT_THAT(claims.explain("agents/c"), IsEmpty());
  EXPECT_THAT(claims.explain("agents/b.sl"), IsEmpty());
}

TEST(FieldClaims, RevisionsAreThoseOfTheSnapshotOrUnknown) {
  field_claims claims;
  auto const fields = flatten(slots(4).agents[0]);
  claims.restore(file, "agents/a", fields, {{"agents/a", {3}}});
  using line = std::pair<std::string, revision>;
  EXPECT_THAT(claims.since(file, "agents/a"),
              ::testing::ElementsAre(line{"agents/a", {3}}, line{"agents/a.slots", {0}}));
  EXPECT_THAT(claims.since(api, "agents/a"), IsEmpty()) << "it says nothing of it";
  EXPECT_THAT(claims.since(file, "agents/b"), IsEmpty()) << "nobody does";
  claims.restore(api, "agents/b", {}, {});
  EXPECT_THAT(claims.explain(""), SizeIs(2)) << "to say nothing is no claim";
}

TEST(FieldClaims, TheSameNumbersInAnotherFieldAreAnotherLoss) {
  auto const say = [](std::optional<int> slots, std::optional<int> context) {
    agent_spec agent;
    agent.id.value = "a";
    agent.slots = slots;
    agent.max_context_length = context;
    return flatten(agent);
  };
  field_claims claims;
  claims.replace(api, "agents/a", say(64, 64), {1});
  EXPECT_THAT(claims.replace(file, "agents/a", say(32, {}), {2}), SizeIs(1));
  auto const more = claims.replace(file, "agents/a", say(32, 32), {3});
  ASSERT_THAT(more, SizeIs(1)) << "the first loss is known";
  EXPECT_EQ(more[0].path, "agents/a.max_context_length");
  EXPECT_THAT(claims.replace(file, "agents/a", say(32, 16), {4}), SizeIs(1)) << "another value lost";
  EXPECT_THAT(claims.replace(api, "agents/a", say(48, 64), {5}), SizeIs(1)) << "to another value";
  EXPECT_THAT(claims.replace(discovery, "agents/a", say(32, {}), {6}), SizeIs(1)) << "another loser";
  EXPECT_THAT(claims.replace(discovery, "agents/a", say(32, {}), {7}), IsEmpty());
}

TEST(FieldClaims, WhatIsRestoredIsInConflictAsItWas) {
  field_claims claims;
  claims.restore(api, "agents/a", flatten(slots(4).agents[0]), {});
  EXPECT_THAT(claims.conflicts(), IsEmpty());
  claims.restore(file, "agents/a", flatten(slots(5).agents[0]), {});
  ASSERT_THAT(claims.conflicts(), SizeIs(1));
  EXPECT_EQ(claims.conflicts()[0].path, "agents/a.slots");
  EXPECT_THAT(claims.losses(), SizeIs(1));
  EXPECT_THAT(claims.replace(file, "agents/a", flatten(slots(5).agents[0]), {9}), IsEmpty()) << "it was told before";
  claims.replace(file, "agents/a", flatten(slots(4).agents[0]), {10});
  EXPECT_THAT(claims.conflicts(), IsEmpty());
}

// Without a kind of its own a reference goes along with the one that is in force.
TEST(FieldClaims, AReferenceWithoutAKindAddsToTheOneInForce) {
  claims_on_documents claims;
  claims.replace(file, reference({.source = model_source::huggingface, .model_id = "o/r"}), {1});
  claims.replace(discovery, reference({.revision = "main"}), {2});
  auto const found = claims.explain("agents/a.desired_model.revision");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].owner->source, discovery);
}

// Laws that hold for any history of any sources.
TEST(FieldClaims, LawsOfTheMerge) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    claims_on_documents claims;
    desired_layers layers;
    for (std::uint64_t at = 1; at <= 12; ++at) {
      auto const source = documents.source();
      auto const document = documents.next();
      claims.replace(source, document, {at});
      layers[source] = document;

      auto const merged = merge_layers(layers);
      field_map owned;
      for (auto const& each : claims.explain(""))
        if (each.owner) owned.emplace(each.path, each.owner->value);
      EXPECT_EQ(owned, flatten(merged)) << "what the owners say is what is in effect";
      EXPECT_EQ(merge_layers({{api, merged}}), merged) << "merging is idempotent";
      for (auto const& loss : claims.losses()) {
        EXPECT_LT(loss.winner.source, loss.lost.source) << "priority";
        EXPECT_NE(loss.winner.value, loss.lost.value);
      }
      for (auto const& each : claims.explain(""))
        if (each.owner) EXPECT_LE(each.owner->since.value, at);
    }
  }
}

// LIN-08 in small: whatever the order, every loser is told exactly once for each loss that begins.
TEST(DesiredStateLosses, LIN_08_EveryLoserIsToldOnce) {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_documents documents(seed);
    desired_state state;
    std::vector<lost_field> known;
    for (int step = 0; step < 10; ++step) {
      log_record const record{state.current().next(), {}, documents.source(), documents.next(), {}};
      auto const news = state.apply(record);
      auto const now = state.claims().losses();
      auto const same = [](lost_field const& a, lost_field const& b) {
        return a.path == b.path && a.lost.source == b.lost.source && a.lost.value == b.lost.value &&
               a.winner.source == b.winner.source && a.winner.value == b.winner.value;
      };
      for (auto const& each : now) {
        auto const is_it = [&](lost_field const& other) { return same(other, each); };
        bool const old = std::ranges::any_of(known, is_it);
        EXPECT_EQ(std::ranges::count_if(news.losses, is_it), old ? 0 : 1) << describe(each);
      }
      EXPECT_LE(news.losses.size(), now.size());
      known = now;
    }
  }
}

} // namespace
} // namespace paddler
