#include "cli/settling.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/units.hpp"
#include "model/words.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <utility>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration between_looks = 200ms;

class settling {
public:
  settling(host_and_port const& management, std::vector<agent_id> const& agents, console& terminal)
      : server_(management_server(management)), terminal_(terminal), began_(mono_now()) {
    for (auto const& agent : agents) waiting_.emplace(agent, "is not known to the balancer");
  }

  // Until all are settled; an error where the balancer cannot be asked, and where those that are left refuse.
  task<result<void>> wait() {
    auto const states_target = management_target("applicable");
    auto const agents_target = management_target("agents");
    auto const states = co_await get_api(server_, states_target);
    if (!states) co_return std::unexpected(states.error());
    auto const wanted = rows_in<agent_applicable>(*states);
    if (!wanted) co_return std::unexpected(wanted.error());
    bool dismissed = false;
    while (!waiting_.empty()) {
      auto const answer = co_await get_api(server_, agents_target);
      if (!answer) co_return std::unexpected(answer.error());
      if (!is_success(answer->status)) co_return std::unexpected(error_of(*answer));
      auto const rows = rows_in<agent_view>(*answer);
      if (!rows) co_return std::unexpected(rows.error());
      if (!std::exchange(dismissed, true)) dismiss_absent(*wanted, *rows);
      for (auto const& row : *rows) look_at(row);
      if (!refusing_.empty() && refusing_.size() == waiting_.size()) co_return refusal();
      if (!waiting_.empty() && !co_await sleep_for(between_looks)) break;
    }
    co_return result<void>{};
  }

  void print_what_is_missing() const {
    for (auto const& [agent, why] : waiting_) terminal_.err << "agents/" << agent.value << ": " << why << "\n";
  }

private:
  // Of whom nothing is wanted, and who is not there, there is nothing to wait for.
  void dismiss_absent(std::vector<agent_applicable> const& wanted, std::vector<agent_view> const& rows) {
    std::set<agent_id> kept;
    for (auto const& each : wanted)
      if (each.state.model) kept.insert(each.agent);
    for (auto const& row : rows)
      if (row.connected) kept.insert(row.id);
    std::erase_if(waiting_, [&kept](auto const& each) { return !kept.contains(each.first); });
  }

  void look_at(agent_view const& row) {
    auto const at = waiting_.find(row.id);
    if (at == waiting_.end()) return;
    if (row.connected && row.refused)
      refusing_.insert(row.id);
    else
      refusing_.erase(row.id);
    if (is_settled(row)) {
      bool const serves = row.status == engine_status::ready;
      say(row.id, serves ? "serves " + row.model.value_or("") : "runs nothing, as is wanted");
      waiting_.erase(at);
    } else if (auto now = progress_of(row); now != at->second) {
      say(row.id, now);
      at->second = std::move(now);
    }
  }

  [[nodiscard]] std::unexpected<error> refusal() const {
    auto const& first = *refusing_.begin();
    auto const others = refusing_.size() - 1;
    return fail(
        error_code::invalid_input,
        "agents/" + first.value + (others == 0 ? "" : " and " + std::to_string(others) + " more") +
            " cannot run it: " + waiting_.at(first),
        "It was accepted, and stays so for the other agents. Correct it and apply it again, or go back: paddler "
        "rollback");
  }

  void say(agent_id const& agent, std::string const& what) const {
    terminal_.err << "agents/" << agent.value << ": " << what << " (" << print_age(mono_now() - began_) << ")\n"
                  << std::flush;
  }

  api_server server_;
  console& terminal_;
  mono_time began_;
  std::map<agent_id, std::string> waiting_; // with what was said of it last
  std::set<agent_id> refusing_;             // of these
};

task<> stop_signal_or(event_loop& loop, duration limit, bool* interrupted) {
  auto const signal = co_await with_deadline(limit, loop.next_stop_signal());
  *interrupted = signal.has_value() && signal->has_value();
}

} // namespace

bool is_settled(agent_view const& agent) {
  if (!agent.connected || agent.applied != agent.wanted) return false;
  if (agent.status == engine_status::ready) return agent.serving == agent.wanted;
  return agent.status == engine_status::none;
}

std::string progress_of(agent_view const& agent) {
  if (!agent.connected) return agent.reason.empty() ? "not connected" : agent.reason;
  auto const version = "version " + std::to_string(agent.wanted.value);
  auto const because = agent.reason.empty() ? "" : ": " + agent.reason;
  if (agent.applied != agent.wanted) return "does not hold " + version + " yet" + because;
  if (agent.status == engine_status::ready)
    return "holds " + version + ", still serves version " + std::to_string(agent.serving.value_or(generation{}).value) +
           because;
  return "holds " + version + ", " + std::string(to_string(agent.status)) + because;
}

result<std::vector<agent_id>> blocking_agents_of_revision(host_and_port const& management, std::uint64_t revision) {
  auto const made = blocking_get<revision_view>(management, management_target("revisions/" + std::to_string(revision)));
  if (!made) return std::unexpected(made.error());
  if (made->more_agents == 0) return made->agents;
  auto const rows = blocking_rows<agent_view>(management, management_target("agents"));
  if (!rows) return std::unexpected(rows.error());
  std::vector<agent_id> out;
  for (auto const& row : *rows) out.push_back(row.id);
  return out;
}

exit_code wait_until_settled(host_and_port const& management, std::vector<agent_id> const& agents, duration limit,
                             console& terminal) {
  event_loop loop;
  settling work(management, agents, terminal);
  bool interrupted = false;
  auto const outcome = loop.run_until_done(unless(work.wait(), stop_signal_or(loop, limit, &interrupted)));
  if (outcome && *outcome) return exit_code::success;
  if (outcome) return terminal.fail_with(outcome->error());
  work.print_what_is_missing();
  if (interrupted) return exit_code::interrupted;
  return terminal.fail_with(
      {error_code::timeout,
       "not every agent serves it after " + print_duration(limit),
       "It was accepted, and agents go on. See: paddler get agents, or paddler describe agent NAME",
       {}});
}

} // namespace paddler
