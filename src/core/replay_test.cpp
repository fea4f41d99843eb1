#include "core/core_testing.hpp"
#include "core/replay.hpp"
#include "core/state/random_documents.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace paddler {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

instant at(std::size_t second) { return {mono_time{seconds(second)}, wall_time{seconds(second)}}; }

// A balancer that agents and operators have talked to for a while, and the log that it persisted.
class busy_balancer {
public:
  explicit busy_balancer(std::uint64_t seed) : documents_(seed) {
    for (std::uint64_t i = 1; i <= 3; ++i) {
      link_greeted hello;
      hello.link.value = i;
      hello.hello.agent.value = std::string(1, static_cast<char>('a' + i - 1));
      hello.hello.process.value = i;
      take(hello);
    }
  }

  void change(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      auto const source = documents_.source();
      auto& document = said_[source];
      document = i % 4 == 0 ? documents_.next() : documents_.next_to(document);
      take(desired_submitted{{++commands_}, {source, document, std::nullopt, {"anna", "127.0.0.1"}}});
    }
  }

  // `compacted` records have become the snapshot.
  [[nodiscard]] cluster_dump dump(std::size_t compacted = 0) const {
    auto const& desired = core_.desired();
    cluster_dump out;
    out.at = desired.current();
    if (compacted > 0) out.base = fold_snapshot({}, std::span(log_).first(compacted), {});
    out.log.assign(log_.begin() + static_cast<std::ptrdiff_t>(compacted), log_.end());
    out.desired = desired.effective();
    for (auto const& [agent, state] : desired.applicable_states()) out.applicable.push_back({agent, state});
    out.policies = core_.policies();
    out.conflicts = desired.claims().conflicts();
    for (auto const& action : core_.agents().log()) out.actions.push_back(action);
    out.events = core_.events().after(0, max_kept_events).value();
    return out;
  }

  [[nodiscard]] std::size_t log_size() const { return log_.size(); }

private:
  void take(balancer_event const& event) {
    std::vector<link_spoke> answers;
    for (auto const& effect : apply_durably(core_, event, at(++time_))) {
      if (auto const* const persist = std::get_if<persist_record>(&effect)) log_.push_back(persist->record);
      if (auto const* const send = std::get_if<send_to_agent>(&effect))
        if (auto const* const apply = std::get_if<link_apply>(&send->message))
          answers.push_back({send->link, link_ack{apply->state.version}});
    }
    for (auto const& answer : answers) apply_durably(core_, answer, at(++time_));
  }

  random_documents documents_;
  std::map<source_id, desired_document> said_;
  balancer_core core_{{}, {1}};
  std::vector<log_record> log_;
  std::uint64_t commands_ = 0;
  std::size_t time_ = 0;
};

cluster_dump busy_dump(std::size_t compacted = 0) {
  busy_balancer balancer(7);
  balancer.change(200);
  auto const lacks_something = [](cluster_dump const& d) { return d.conflicts.empty() || d.desired.policies.empty(); };
  for (int i = 0; i < 100 && lacks_something(balancer.dump()); ++i) balancer.change(1);
  return balancer.dump(compacted);
}

agent_spec spec_of(std::string id) {
  agent_spec out;
  out.id.value = std::move(id);
  out.slots = 2;
  return out;
}

std::string all_of(std::vector<replay_difference> const& differences) {
  std::string out;
  for (auto const& each : differences) out += std::to_string(each.at.value) + ": " + each.what + "\n";
  return out;
}

TEST(Replay, DecidesAllOfIsAgain) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    busy_balancer balancer(seed);
    balancer.change(100);
    auto const report = replay(balancer.dump()).value();
    EXPECT_EQ(all_of(report.differences), "") << "seed " << seed;
    EXPECT_EQ(report.decisions.size(), balancer.log_size());
    EXPECT_EQ(report.changes_compared, balancer.log_size());
    EXPECT_EQ(report.not_compared, 0);
    EXPECT_GT(report.losses_compared, 0);
    EXPECT_GT(report.deliveries_compared, 0);
    EXPECT_GT(report.states_compared, 0);
  }
}

TEST(Replay, GoesOnFromASnapshot) {
  for (std::size_t const compacted : {1U, 20U, 50U}) {
    auto const dump = busy_dump(compacted);
    auto const report = replay(dump).value();
    EXPECT_EQ(all_of(report.differences), "") << compacted;
    EXPECT_EQ(report.decisions.size(), dump.log.size());
    EXPECT_GT(report.not_compared, 0);
  }
}

// The bus keeps the newest events only: the oldest of these may be the last losses of a change.
TEST(Replay, TakesEventsFromWhereverTheyBegin) {
  auto const whole = busy_dump();
  std::size_t begun_with_losses = 0;
  for (std::size_t cut = 1; cut < whole.events.size(); cut += 7) {
    while (cut < whole.events.size() && !std::holds_alternative<config_lost>(whole.events[cut].what)) ++cut;
    if (cut == whole.events.size()) break;
    auto dump = whole;
    dump.events.erase(dump.events.begin(), dump.events.begin() + static_cast<std::ptrdiff_t>(cut));
    EXPECT_EQ(all_of(replay(dump).value().differences), "") << cut;
    ++begun_with_losses;
    auto& loss = std::get<config_lost>(dump.events.front().what).loss;
    loss.path += "x";
    EXPECT_THAT(all_of(replay(dump).value().differences), HasSubstr("losses told")) << cut;
  }
  EXPECT_GT(begun_with_losses, 3);
}

TEST(Replay, OfNothingIsNothing) {
  auto const report = replay({}).value();
  EXPECT_EQ(all_of(report.differences), "");
  EXPECT_TRUE(report.decisions.empty());
}

// Numbers that went through JSON come back as whole ones where they are.
TEST(Replay, TakesWholeNumbersAsTheyComeOutOfJson) {
  auto dump = busy_dump();
  std::size_t found = 0;
  for (auto& event : dump.events) {
    auto* const changed = std::get_if<config_changed>(&event.what);
    if (changed == nullptr) continue;
    for (auto& change : changed->changes) {
      auto* const real = change.after ? std::get_if<double>(&*change.after) : nullptr;
      if (real == nullptr || *real != static_cast<double>(static_cast<std::int64_t>(*real))) continue;
      change.after = static_cast<std::int64_t>(*real);
      ++found;
    }
  }
  EXPECT_GT(found, 0);
  EXPECT_EQ(all_of(replay(dump).value().differences), "");
}

template <class T> T& last_event(cluster_dump& dump, std::function<bool(T const&)> const& is_it) {
  for (auto at = dump.events.rbegin(); at != dump.events.rend(); ++at) {
    auto* const content = std::get_if<T>(&at->what);
    if (content != nullptr && is_it(*content)) return *content;
  }
  throw std::runtime_error("the dump has no such event");
}

config_changed& last_change(cluster_dump& dump) {
  return last_event<config_changed>(
      dump, [](config_changed const& each) { return !each.changes.empty() && !each.agents.empty(); });
}

void erase_event(cluster_dump& dump, std::function<bool(cluster_event const&)> const& is_it) {
  auto const at = std::ranges::find_if(dump.events, is_it);
  ASSERT_NE(at, dump.events.end());
  for (auto later = at; later != dump.events.end(); ++later) --later->number; // so that no gap tells of it
  dump.events.erase(at);
}

// Each: what was done to the dump, and words of what is found.
TEST(Replay, FindsWhatWasChanged) {
  struct row {
    char const* what;
    std::function<void(cluster_dump&)> change;
    char const* said;
  };

  auto const original = busy_dump();
  auto const is_delivery = [](logged_action const& each) {
    return each.by_balancer && each.action.action == reconcile_action::deliver;
  };
  for (auto const& [what, change, said] : std::vector<row>{
           {"a value in the log", [](auto& d) { d.log.at(3).document.agents.push_back(spec_of("z")); }, "agents/z"},
           {"the last record", [](auto& d) { d.log.pop_back(); }, "the log ends at revision"},
           {"a record in between", [](auto& d) { d.log.erase(d.log.begin() + 5); }, "the log goes on with revision"},
           {"a record that cannot be", [](auto& d) { d.log.at(4).document.agents.assign(1, agent_spec{}); }, "refused"},
           {"a record that changes nothing",
            [](auto& d) {
              auto again = d.log.back();
              again.number = again.number.next();
              d.log.push_back(again);
              d.at = again.number;
            },
            "would change nothing"},
           {"the source of a record", [](auto& d) { d.log.front().source = {source_kind::file, "/x"}; }, "source told"},
           {"who made a record", [](auto& d) { d.log.at(2).origin.actor = "bert"; }, "origin"},
           {"when a record was made", [](auto& d) { d.log.at(2).at += seconds(1); }, "time"},
           {"a change that was told", [](auto& d) { last_change(d).changes.pop_back(); }, "changes told"},
           {"a value that was told",
            [](auto& d) { last_change(d).changes.front().after = field_value(std::int64_t{99}); }, "changes told"},
           {"how many were not listed", [](auto& d) { last_change(d).more_changes = 1; }, "not listed"},
           {"an agent that was told", [](auto& d) { last_change(d).agents.front().value = "q"; }, "agents told: q"},
           {"a loss that was told",
            [](auto& d) { last_event<config_lost>(d, [](auto const&) { return true; }).loss.winner.since.value += 1; },
            "losses"},
           {"when a loser said it",
            [](auto& d) { last_event<config_lost>(d, [](auto const&) { return true; }).loss.lost.since.value += 1; },
            "losses the same words for other values"},
           {"an event that was lost",
            [](auto& d) {
              erase_event(d, [](auto const& each) { return std::holds_alternative<config_lost>(each.what); });
            },
            "losses told"},
           {"a change that was not told",
            [](auto& d) {
              erase_event(d, [&d](auto const& each) {
                auto const tells_more = [&each](auto const& other) {
                  return other.at == each.at && std::holds_alternative<config_lost>(other.what);
                };
                return each.at.value > 20 && std::holds_alternative<config_changed>(each.what) &&
                       std::ranges::none_of(d.events, tells_more);
              });
            },
            "no event config.changed"},
           {"a gap in the events", [](auto& d) { d.events.erase(d.events.begin() + 9); }, "follows event"},
           {"a change told twice",
            [](auto& d) {
              d.events.push_back(*std::ranges::find_if(
                  d.events, [](auto const& each) { return std::holds_alternative<config_changed>(each.what); }));
              d.events.back().number = d.events.size();
            },
            "2 times"},
           {"an event of no revision",
            [](auto& d) { d.events.push_back({d.events.size() + 1, {9'999}, {}, config_lost{}}); },
            "the log has no such revision"},
           {"what was delivered",
            [&](auto& d) { std::ranges::find_if(d.actions, is_delivery)->action.content = "0123456789abcdef"; },
            "content 0123456789abcdef"},
           {"a version that was delivered",
            [&](auto& d) { std::ranges::find_if(d.actions, is_delivery)->action.goal = {4'711}; }, "never had that"},
           {"a delivery as it was told",
            [](auto& d) {
              last_event<reconcile_changed>(d, [](auto const&) { return true; }).entry.action.goal_content = "x";
            },
            "for the goal x"},
           {"desired state", [](auto& d) { d.desired.agents.pop_back(); }, "another document"},
           {"an applicable state", [](auto& d) { d.applicable.front().state.version.value += 1; }, "version"},
           {"its content", [](auto& d) { d.applicable.front().state.model = applicable_model{.name = "other"}; },
            "another content"},
           {"an agent", [](auto& d) { d.applicable.pop_back(); }, "is missing"},
           {"an agent twice", [](auto& d) { d.applicable.push_back(d.applicable.front()); }, "twice"},
           {"the policies' version", [](auto& d) { d.policies->version.value += 1; }, "policies: version"},
           {"the policies", [](auto& d) { d.policies->settings = {}; }, "told: nothing; decided: "},
           {"a conflict", [](auto& d) { d.conflicts.pop_back(); }, "conflicts part at"},
           {"a conflict's value", [](auto& d) { d.conflicts.front().others.front().since = {1'000}; },
            "conflicts part at"},
           {"the revision", [](auto& d) { d.at = d.at.next(); }, "the dump is of"},
       }) {
    auto dump = original;
    change(dump);
    auto const report = replay(dump);
    ASSERT_TRUE(report) << what;
    EXPECT_THAT(all_of(report->differences), HasSubstr(said)) << what;
  }
}

TEST(Replay, RefusesASnapshotThatCannotBe) {
  auto const original = busy_dump(20);

  struct row {
    std::function<void(state_snapshot&)> change;
    char const* said;
  };

  for (auto const& [change, said] : std::vector<row>{
           {[](auto& base) { base.sources.push_back(base.sources.front()); }, "twice"},
           {[](auto& base) { base.sources.front().document.agents.assign(2, spec_of("a")); }, "twice"},
           {[](auto& base) { base.agents.push_back(base.agents.front()); }, "twice"},
           {[](auto& base) { base.agents.front().version.value = base.at.value + 1; }, "behind its revision"},
           {[](auto& base) { base.policies = generation{base.at.value + 1}; }, "behind its revision"},
       }) {
    auto dump = original;
    change(*dump.base);
    auto const report = replay(dump);
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().message, HasSubstr(said));
  }
}

TEST(Replay, ListsABoundedNumberOfDifferences) {
  auto dump = busy_dump();
  dump.applicable.assign(max_replay_differences + 9, {{"nobody"}, {}});
  auto const report = replay(dump).value();
  EXPECT_EQ(report.differences.size(), max_replay_differences);
  EXPECT_GT(report.more_differences, 0);
}

} // namespace
} // namespace paddler
