// Connections that are cut at any byte of what they carry, by a relay (harness/chaos_proxy.hpp). `make soak` repeats
// these, until each byte was the last one in each way.
#include "harness/chaos_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace paddler_test {
namespace {

constexpr std::uint64_t no_end = 1'000'000;

struct cut {
  std::size_t after = 0;
  mishap how = mishap::none;
};

// `count` of all places and ways to cut so many bytes, evenly spread; the next repetition takes those beside them,
// until there are no others.
std::vector<cut> cuts_of(std::size_t bytes, std::size_t count) {
  constexpr std::array<mishap, 3> ways{mishap::reset, mishap::close, mishap::half_close};
  auto const all = bytes * ways.size();
  auto const stride = std::max<std::size_t>(all / count, 1);
  std::vector<cut> out;
  for (std::size_t i = 0; i < count; ++i) {
    auto const at = (i * stride + repetition()) % all;
    out.push_back({at / ways.size(), ways.at(at % ways.size())});
  }
  return out;
}

carriage cut_off(cut const& where) {
  carriage out;
  out.what = where.how;
  out.after = where.after;
  return out;
}

connection_plan on_course(course which, carriage how) {
  connection_plan out;
  (which == course::up ? out.up : out.down) = how;
  return out;
}

chat_question short_question() { return question("cut me off", 3); }

// One agent with one slot that serves. However many attempts are lost, another one follows.
task<> one_slot(chaos_cluster& cluster) {
  auto& dispatch = cluster.config.policy.dispatch;
  dispatch.retry_burst = no_end;
  dispatch.max_attempts = dispatch.max_resumes = no_end;
  dispatch.word_within = std::chrono::milliseconds(1); // no engine dies here
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  co_await cluster.api().expect_serving();
  co_await cluster.api().until_idle(1);
}

// What a cluster holds when nothing happens: a leak is more of it.
struct holdings {
  std::size_t files = 0;
  std::size_t connections = 0;
  std::int64_t engine = 0;
};

task<holdings> holdings_of(chaos_cluster& cluster) {
  auto const row = co_await cluster.api().agent("a1");
  require(row.has_value(), "a1 is known");
  co_return holdings{open_files(own_pid()), cluster.agents.connections(), row->engine_pid};
}

// All is as it was: the agent serves, with the same engine, and nothing is left over.
task<> expect_recovered(chaos_cluster& cluster, holdings before) {
  co_await cluster.api().until_slots(1);
  co_await cluster.api().until_idle(1);
  co_await cluster.api().expect_serving();
  bool const as_before = co_await eventually(patience, [&] {
    return open_files(own_pid()) <= before.files && cluster.agents.connections() == before.connections &&
           cluster.clients.connections() == 0;
  });
  EXPECT_TRUE(as_before) << open_files(own_pid()) << " files, before it were " << before.files << "; "
                         << cluster.agents.connections() << " connections of agents, before it were "
                         << before.connections << "; " << cluster.clients.connections() << " of clients";
  auto const row = co_await cluster.api().agent("a1");
  EXPECT_EQ(row->engine_pid, before.engine) << "no network kills an engine";
}

// Each request that failed says that its client left.
task<> expect_only_clients_that_left(cluster_api api) {
  auto const rows = co_await api.list("requests");
  for (auto const& each : rows) {
    auto const& row = each.as_object();
    if (text_of(row, "status") == "completed") continue;
    EXPECT_EQ(text_of(row, "status"), "failed");
    EXPECT_EQ(text_of(row, "failure"), "client_gone");
  }
}

// Bytes of one question and its answer on the way between client and balancer.
task<std::size_t> bytes_of_a_chat(chaos_cluster& cluster, course which) {
  auto stream = co_await chat_stream::open(cluster.inference(), short_question());
  auto const answer = co_await stream.read_to_end();
  EXPECT_TRUE(answer.is_whole());
  co_return cluster.clients.carried(cluster.clients.accepted(), which);
}

task<> cut_clients(chaos_cluster& cluster, course which, std::size_t count) {
  co_await one_slot(cluster);
  auto const chain = chain_of(short_question());
  auto const bytes = co_await bytes_of_a_chat(cluster, which);
  require(bytes > 100, "something was said");
  auto const before = co_await holdings_of(cluster);
  for (auto const& each : cuts_of(bytes, count)) {
    SCOPED_TRACE("after " + std::to_string(each.after) + " of " + std::to_string(bytes) + " bytes, way " +
                 std::to_string(static_cast<int>(each.how)));
    cluster.clients.plan = [=](arrival const&) { return on_course(which, cut_off(each)); };
    auto const met = cluster.clients.met();
    auto const answer = co_await chat_cut_off(cluster.inference(), short_question());
    EXPECT_EQ(cluster.clients.met(), met + 1);
    EXPECT_FALSE(answer.is_whole());
    EXPECT_TRUE(chain.starts_with(answer.text)) << answer.text;
    co_await cluster.api().until_idle(1);
  }
  cluster.clients.plan = {};
  co_await expect_only_clients_that_left(cluster.api());
  co_await expect_recovered(cluster, before);
}

SYSTEM_TEST(chaos, NET_04_a_client_is_cut_off_within_its_request, chaos_cluster) {
  co_await cut_clients(cluster, course::up, 60);
}

SYSTEM_TEST(chaos, NET_04_a_client_is_cut_off_within_its_answer, chaos_cluster) {
  co_await cut_clients(cluster, course::down, 120);
}

using arrival_kind = bool (arrival::*)() const;

// Each connection of this kind is cut, the first at the first of these places, and so on.
std::function<connection_plan(arrival const&)> one_after_the_other(arrival_kind kind, course which,
                                                                   std::vector<cut> cuts) {
  return [=, next = std::size_t{0}](arrival const& dialled) mutable {
    if (!(dialled.*kind)() || next == cuts.size()) return connection_plan{};
    return on_course(which, cut_off(cuts[next++]));
  };
}

// The next connection of this kind, by its number: all that there are, are cut.
task<std::size_t> dialled_again(chaos_cluster& cluster, arrival_kind kind) {
  auto const number = std::make_shared<std::size_t>(0);
  cluster.agents.plan = [=](arrival const& dialled) {
    if ((dialled.*kind)()) *number = dialled.number;
    return connection_plan{};
  };
  cluster.agents.cut(mishap::reset);
  require(co_await eventually(patience, [&] { return *number > 0; }), "the agent dials again");
  co_await cluster.api().until_slots(1);
  co_await cluster.api().until_idle(1);
  cluster.agents.plan = {};
  co_return *number;
}

// Clients notice nothing of it.
task<> cut_slots(chaos_cluster& cluster, course which, std::size_t count) {
  co_await one_slot(cluster);
  auto const chain = chain_of(short_question());
  auto const slot = co_await dialled_again(cluster, &arrival::is_slot);
  auto const uncut = co_await chat(cluster.inference(), short_question());
  EXPECT_TRUE(uncut.is_whole());
  auto const bytes = cluster.agents.carried(slot, which);
  require(bytes > 300, "something was said");
  auto const before = co_await holdings_of(cluster);
  auto const met = cluster.agents.met();
  cluster.agents.plan = one_after_the_other(&arrival::is_slot, which, cuts_of(bytes, count));
  cluster.agents.cut(mishap::reset);
  for (std::size_t asked = 0; cluster.agents.met() < met + count; ++asked) {
    SCOPED_TRACE(std::to_string(cluster.agents.met() - met) + " cuts, question " + std::to_string(asked));
    require(asked < 3 * count, "every connection is cut sooner or later");
    auto const answer = co_await chat(cluster.inference(), short_question());
    EXPECT_TRUE(answer.is_whole()) << answer.status << " " << answer.error_code << ": " << answer.error_message;
    EXPECT_EQ(answer.text, chain);
  }
  co_await expect_recovered(cluster, before);
}

SYSTEM_TEST(chaos, NET_04_an_agent_is_cut_off_within_its_answer, chaos_cluster) {
  co_await cut_slots(cluster, course::up, 120);
}

SYSTEM_TEST(chaos, NET_04_an_agent_is_cut_off_within_a_request_to_it, chaos_cluster) {
  co_await cut_slots(cluster, course::down, 60);
}

task<> cut_links(chaos_cluster& cluster, course which, std::size_t count) {
  co_await one_slot(cluster);
  auto const link = co_await dialled_again(cluster, &arrival::is_link);
  auto const bytes = cluster.agents.carried(link, which);
  require(bytes > 200, "something was said");
  auto const before = co_await holdings_of(cluster);
  auto const met = cluster.agents.met();
  cluster.agents.plan = one_after_the_other(&arrival::is_link, which, cuts_of(bytes, count));
  cluster.agents.cut(mishap::reset);
  bool const all = co_await eventually(patience, [&] { return cluster.agents.met() == met + count; });
  EXPECT_TRUE(all) << cluster.agents.met() - met << " links were cut";
  co_await expect_recovered(cluster, before);
}

SYSTEM_TEST(chaos, NET_04_a_link_is_cut_off_within_what_the_agent_says, chaos_cluster) {
  co_await cut_links(cluster, course::up, 80);
}

SYSTEM_TEST(chaos, NET_04_a_link_is_cut_off_within_what_the_balancer_says, chaos_cluster) {
  co_await cut_links(cluster, course::down, 60);
}

} // namespace
} // namespace paddler_test
