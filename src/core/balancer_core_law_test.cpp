// Laws of the balancer's decisions over random histories, its disk and its sources mixed in every order.
#include "core/balancer_core.hpp"
#include "core/state/random_documents.hpp"
#include "core/state/reference_claims.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace paddler {
namespace {

using std::chrono::seconds;

// Three kinds of source that change what they say, agents that link again and again, and a disk that stores what waits
// in batches of any size, or refuses all of it. What is durable goes into the reference, too.
class three_sources {
public:
  three_sources(std::uint64_t seed, bool disk_refuses) : documents_(seed), disk_refuses_(disk_refuses) {}

  void act() {
    pass(seconds(1));
    switch (documents_.random().below(6)) {
    case 0: return submit({source_kind::api, ""});
    case 1: return submit({source_kind::file, "/etc/paddler.yaml"});
    case 2: return greet(documents_.random().below(2) == 0 ? "a" : "b");
    case 3: return carry_out(core_.apply(time_passed{}, clock()));
    case 4:
      if (disk_refuses_ && !waiting_.empty() && documents_.random().below(3) == 0) refuse();
      return;
    default:
      if (!waiting_.empty()) store(1 + documents_.random().below(waiting_.size()));
    }
  }

  void settle() {
    for (int i = 0; i < 10; ++i) {
      pass(seconds(10));
      carry_out(core_.apply(time_passed{}, clock()));
      if (!waiting_.empty()) store(waiting_.size());
    }
  }

  // What is in effect is what the highest source said last and what became durable; nothing that waits shows.
  void expect_owners() const {
    EXPECT_EQ(flatten(core_.desired().effective()), reference_.effective());
    std::map<std::string, field_claim> owners;
    for (auto const& each : core_.desired().claims().explain(""))
      if (each.owner) owners.emplace(each.path, *each.owner);
    EXPECT_EQ(owners, reference_.owners());
    auto const served_by = flatten(core_.policies().settings);
    for (auto const& [path, owner] : owners)
      if (path_covers(policies_path, path)) EXPECT_EQ(served_by.at(path), owner.value) << path;
  }

  // Each loss was told when it became durable, once, and to the one who lost.
  void expect_told() const {
    EXPECT_EQ(told_, expected_);
    for (auto const& [agent, link] : links_) {
      expect_told(agent, link);
      for (auto const& loss : link.nonsense ? std::vector<std::string>{} : losses_of(agent))
        EXPECT_GE(link.told.count(loss), 1U) << agent << " was not told: " << loss;
    }
  }

  [[nodiscard]] std::size_t told() const { return told_.size() + told_on_links_; }

  [[nodiscard]] std::size_t open_commands() const { return open_.size(); }

private:
  // The newest of an agent.
  struct agent_link {
    link_id link;
    bool nonsense = false;                     // what it says of itself was not taken
    revision waits_for;                        // to be durable, before it is told anything; 0: it was told
    std::multiset<std::string> told, expected; // expected: where the disk refuses nothing
    std::multiset<std::string> most;           // what it had when the link began, and what began since
  };

  // An agent hears on each link of the losses that it has when what it says of itself is durable, and then of each that
  // begins. Where the disk refuses, that moment is the balancer's business; but nothing is told twice on one link.
  void expect_told(std::string const& agent, agent_link const& link) const {
    if (!disk_refuses_) EXPECT_EQ(link.told, link.expected) << agent;
    for (auto const& words : link.told)
      EXPECT_LE(link.told.count(words), link.most.count(words)) << agent << " was told more often than it lost";
  }

  instant clock() const { return {now_, wall_time(now_.time_since_epoch())}; }

  // Agents stay connected: they are heard of.
  void pass(duration time) {
    now_ += time;
    for (auto const& [agent, link] : links_) carry_out(core_.apply(link_spoke{link.link, link_heartbeat{}}, clock()));
  }

  void submit(source_id const& source) {
    desired_change change{source, documents_.next(), {}, {}};
    open_.insert(++commands_);
    carry_out(core_.apply(desired_submitted{{commands_}, std::move(change)}, clock()));
  }

  void greet(std::string const& agent) {
    link_hello hello;
    hello.agent.value = agent;
    hello.process.value = 1;
    auto said = documents_.next();
    if (!said.agents.empty()) hello.discovered = said.agents.front();
    if (links_.contains(agent)) expect_told(agent, links_[agent]);
    auto& link = links_[agent] = {.link = {++greetings_}, .told = {}, .expected = {}, .most = {}};
    for (auto const& words : losses_of(agent)) link.most.insert(words);
    carry_out(core_.apply(link_greeted{link.link, hello}, clock()));
    if (link.nonsense) return;
    if (waiting_.empty())
      for (auto const& words : losses_of(agent)) link.expected.insert(words);
    else
      link.waits_for = waiting_.back().number;
  }

  std::vector<std::string> losses_of(std::string const& agent) const {
    std::vector<std::string> out;
    for (auto const& loss : reference_.in_force())
      if (loss.lost.source == source_id{source_kind::discovery, agent}) out.push_back(describe(loss));
    return out;
  }

  void store(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      for (auto const& loss : reference_.apply(waiting_[i])) expect(loss);
      for (auto& [agent, link] : links_)
        if (link.waits_for == waiting_[i].number) {
          link.waits_for = {};
          for (auto const& words : losses_of(agent)) link.expected.insert(words);
        }
    }
    auto const last = waiting_[count - 1].number;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    carry_out(core_.apply(records_stored{last}, clock()));
    expect_owners();
  }

  // It begins, and is durable.
  void expect(lost_field const& loss) {
    if (loss.lost.source.kind != source_kind::discovery) {
      expected_.insert(describe(loss));
      return;
    }
    auto& link = links_.at(loss.lost.source.name);
    link.most.insert(describe(loss));
    if (link.waits_for == revision{} && !link.nonsense) link.expected.insert(describe(loss));
  }

  void refuse() {
    waiting_.clear();
    carry_out(core_.apply(records_refused{{error_code::full, "full", {}, {}}}, clock()));
    expect_owners();
  }

  void carry_out(balancer_effects const& effects) {
    for (auto const& effect : effects) {
      if (auto const* persist = std::get_if<persist_record>(&effect)) waiting_.push_back(persist->record);
      if (auto const* answer = std::get_if<answer_command>(&effect))
        EXPECT_EQ(open_.erase(answer->command.value), 1U) << "answered once";
      if (auto const* loser = std::get_if<tell_loser>(&effect)) told_.insert(describe(loser->loss));
      if (auto const* said = std::get_if<send_to_agent>(&effect)) note(*said);
    }
  }

  void note(send_to_agent const& said) {
    auto const* notice = std::get_if<link_notice>(&said.message);
    if (notice == nullptr) return;
    bool const is_loss = notice->text.find(" is not in effect: ") != std::string::npos;
    for (auto& [agent, link] : links_) {
      if (link.link != said.link) continue;
      if (is_loss) {
        link.told.insert(notice->text);
        ++told_on_links_;
      }
      link.nonsense = link.nonsense || !is_loss;
    }
  }

  random_documents documents_;
  bool disk_refuses_;
  balancer_core core_{{}, {1}};
  mono_time now_{seconds(1000)};
  reference_claims reference_;
  std::vector<log_record> waiting_;
  std::multiset<std::string> told_, expected_; // not on links
  std::size_t told_on_links_ = 0;
  std::set<std::uint64_t> open_;
  std::uint64_t commands_ = 0;
  std::uint64_t greetings_ = 0;
  std::map<std::string, agent_link> links_;
};

TEST(BalancerCoreLaws, LIN_08_TheHighestSourcesLastDurableWordIsInEffectAndEachLoserIsToldOnce) {
  std::size_t told = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    three_sources world(seed, seed % 2 == 0);
    for (int i = 0; i < 60; ++i) world.act();
    world.settle();
    world.expect_owners();
    world.expect_told();
    EXPECT_EQ(world.open_commands(), 0U) << "every change was answered";
    told += world.told();
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(told, 5'000U) << "the sources meet";
}

} // namespace
} // namespace paddler
