#include "sim/notices.hpp"

#include "core/state/reference_claims.hpp"
#include "sim/stage.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view loss_mark = " is not in effect: ";

// The time from the record that it begins with to the one that it ends with.
struct loss {
  std::string words;
  source_id loser;
  revision begins;
  mono_time from;
  std::optional<revision> ends;
  mono_time until = mono_time::max();
};

std::vector<loss> losses_in(sim_disk const& disk) {
  std::vector<loss> out;
  std::map<std::string, std::size_t> open; // places in `out`
  reference_claims reference;
  for (std::size_t i = 0; i < disk.archive.size(); ++i) {
    auto const& record = disk.archive[i];
    reference.apply(record);
    std::set<std::string> in_force;
    for (auto const& each : reference.in_force()) {
      auto words = describe(each);
      in_force.insert(words);
      if (open.contains(words)) continue;
      open[words] = out.size();
      out.push_back({.words = std::move(words),
                     .loser = each.lost.source,
                     .begins = record.number,
                     .from = disk.durable_at[i],
                     .ends = {}});
    }
    std::erase_if(open, [&](auto const& each) {
      if (in_force.contains(each.first)) return false;
      out[each.second].ends = record.number;
      out[each.second].until = disk.durable_at[i];
      return true;
    });
  }
  return out;
}

std::uint64_t count_of(notices::counts const& told, std::string const& words) {
  auto const at = told.find(words);
  return at == told.end() ? 0 : at->second;
}

std::string times(std::uint64_t count) { return std::to_string(count) + " times"; }

// Nothing but deaths goes wrong there: what is said arrives soon.
bool is_calm(scenario const& what) {
  static constexpr auto calm = std::to_array<std::string_view>({"kill_balancer", "kill_agent", "kill_engine"});
  return what.loss == 0 && what.unkind.empty() && std::ranges::all_of(what.faults, [](auto const& each) {
           return std::ranges::find(calm, each.first) != calm.end();
         });
}

// From when on all that the agent says of itself is durable, if it is so in the end.
std::optional<mono_time> durable_since(stage& on, process const& agent, mono_time end) {
  auto const& word = on.plant.word_of(agent);
  source_id const source{source_kind::discovery, agent.name()};
  auto const wanted = word ? std::vector<agent_spec>{*word} : std::vector<agent_spec>{};
  auto const& disk = on.plant.disk();
  auto since = word ? std::nullopt : std::optional(mono_time{});
  for (std::size_t i = 0; i < disk.archive.size() && disk.durable_at[i] <= end; ++i) {
    if (disk.archive[i].source != source) continue;
    if (disk.archive[i].document.agents != wanted)
      since.reset();
    else if (!since)
      since = disk.durable_at[i];
  }
  return since;
}

// How often a link has to have told of a loss at least and at most.
struct bounds {
  std::uint64_t least = 0, most = 0;
};

// What happened within `margin` of the moment when an agent is told what it lost may be told or not.
bounds bounds_of(notices::agent_link const& link, std::optional<mono_time> word_since, loss const& each, mono_time end,
                 duration margin) {
  bounds out;
  if (each.from <= end && (!each.ends || each.until + margin >= link.from)) out.most = 1;
  if (!word_since || out.most == 0) return out;
  auto const knows = std::max(link.from, *word_since) + margin;
  bool const lasted = each.until >= knows;
  bool const came_in_time = std::max(knows, each.from + margin) <= end;
  out.least = lasted && came_in_time ? 1 : 0;
  return out;
}

} // namespace

void notices::heard(process& who, std::string_view event, std::string_view message, mono_time now) {
  bool const is_loss = message.find(loss_mark) != std::string_view::npos;
  if (event == "desired.field_lost" && is_loss) ++in_logs_[&who][std::string(message)];
  if (event == "link.connected") {
    links_.push_back({.agent = &who, .from = now, .ended = {}, .told = {}});
  }
  if (event != "link.notice") return;
  auto* const link = open_link(who);
  if (link == nullptr) return;
  if (is_loss) ++link->told[std::string(message)];
  if (message.starts_with("lost the balancer")) link->ended = now;
}

notices::agent_link* notices::open_link(process const& agent) {
  auto const at = std::find_if(links_.rbegin(), links_.rend(), [&](auto const& each) { return each.agent == &agent; });
  return at == links_.rend() || at->ended ? nullptr : &*at;
}

notices::counts const& notices::in_log_of(process const& balancer) const {
  static counts const nothing;
  auto const at = in_logs_.find(&balancer);
  return at == in_logs_.end() ? nothing : at->second;
}

// Exactly, whatever goes wrong: the balancer's log is no further away than its disk.
std::string check_told_in_logs(stage& on) {
  auto const losses = losses_in(on.plant.disk());
  for (auto const& balancer : on.plant.balancers()) {
    auto const served = balancer->served();
    if (!served) continue;
    notices::counts expected;
    for (auto const& each : losses) {
      if (each.loser.kind == source_kind::discovery || each.begins > served->to) continue;
      bool const is_old = each.begins <= served->from;
      if (is_old && each.ends && *each.ends <= served->from) continue;
      ++expected[each.words];
      on.sim.count(is_old ? "conflict.told_at_a_start" : "conflict.told_in_the_log");
    }
    auto const& told = on.told.in_log_of(balancer->where());
    for (auto const& [words, count] : told)
      if (auto const right = count_of(expected, words); count > right)
        return "told " + times(count) + " by one balancer, and lost " + times(right) + ": " + words;
    for (auto const& [words, count] : expected)
      if (auto const said = count_of(told, words); said < count)
        return "lost " + times(count) + " while one balancer lived, and told " + times(said) + ": " + words;
  }
  return {};
}

// Where nothing but deaths goes wrong each link has to have told everything, but for what happened in the moment of its
// beginning or end. Elsewhere it must not have told more than there was.
std::string check_told_on_links(stage& on) {
  auto const losses = losses_in(on.plant.disk());
  bool const calm = is_calm(on.what);
  auto const margin = calm ? 2 * on.what.most_delay + 50ms : duration(60s);
  for (auto const& link : on.told.links()) {
    auto const end = link.ended.value_or(link.agent->died_at().value_or(on.sim.now()));
    auto const word_since = calm ? durable_since(on, *link.agent, end) : std::nullopt;
    std::map<std::string, bounds> expected;
    for (auto const& each : losses) {
      if (each.loser != source_id{source_kind::discovery, link.agent->name()}) continue;
      auto const found = bounds_of(link, word_since, each, end, margin);
      expected[each.words].least += found.least;
      expected[each.words].most += found.most;
      if (found.most > 0 && link.told.contains(each.words))
        on.sim.count(each.from < link.from ? "conflict.told_at_a_greeting" : "conflict.told_to_an_agent");
    }
    for (auto const& [words, count] : link.told)
      if (auto const most = expected[words].most; count > most)
        return "told " + times(count) + " on one link, and lost " + times(most) + ": " + words;
    for (auto const& [words, each] : expected)
      if (auto const said = count_of(link.told, words); said < each.least)
        return "lost " + times(each.least) + " on one link, and told " + times(said) + ": " + words;
  }
  return {};
}

} // namespace paddler_sim
