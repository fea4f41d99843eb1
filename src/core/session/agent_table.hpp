// Which agents there are, over which link, and what each last reported. The balancer's half of the link protocol
// (model/link.hpp), and its reconciler: each agent is brought to hold what is wanted of it (state_delivery.hpp).
//
// The identity of a connection is (agent id, process): the end of an old connection never removes a new one. A second
// process that claims the id of an agent whose link is alive is refused, and told why; it is let in once the first is
// gone.
#pragma once
#include "base/bounded.hpp"
#include "base/deadline_queue.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "core/session/state_delivery.hpp"
#include "model/link.hpp"
#include "model/reconciliation.hpp"

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace paddler {

struct link_policy {
  duration heartbeat = std::chrono::seconds(1);
  std::size_t max_agents = 10'000;                    // known ones, connected or not
  duration facts_lifetime = std::chrono::seconds(30); // of a report: three of those that agents send unasked
  delivery_policy delivery;
  duration full_sync = std::chrono::minutes(1); // each agent is compared with desired state so often, whatever happened
  std::size_t log_entries = 1'000;              // of the reconciliation log: the newest
  bool deltas = true;                           // on links of agents that offer them (wire/link_compressor.hpp)
};

struct send_to_agent {
  link_id link;
  balancer_message message;
};

struct close_link {
  link_id link;
  std::string reason;
};

// The agent's process is gone: whatever connections it had are worthless.
struct agent_lost {
  agent_id agent;
  incarnation process;
};

// It is time to compare what this agent holds with what is wanted of it: call deliver().
struct delivery_due {
  agent_id agent;
};

using link_effect = std::variant<send_to_agent, close_link, agent_lost, delivery_due>;
using link_effects = std::vector<link_effect>;

// A process of an agent that another one followed: how far its reports went. It may come back, with newer ones.
struct former_process {
  incarnation process;
  std::uint64_t sequence = 0;
};

inline constexpr std::size_t former_processes_kept = 8; // of each agent

struct agent_record {
  agent_id id;
  bool connected = false;
  link_id link; // while connected
  incarnation process;
  std::vector<former_process> former; // the newest last
  agent_capabilities capabilities;
  agent_report report;
  mono_time facts_until;           // what the report says is true until then, at the latest
  bool facts_expired = false;      // it is not believed any more: nothing is known
  wall_time reported_at;           // by the balancer's clock
  state_delivery delivery;         // of the newest link
  mono_time full_sync_at;          // while connected
  std::uint64_t open_delivery = 0; // its serial in the log; 0: none
  wall_time last_seen;
  std::optional<mono_time> lost_at; // not connected, and lost for good if it does not come back until then
};

// What is otherwise since it was asked for last.
struct agent_news {
  std::set<agent_id> changed;         // other facts, another phase of delivery, come or gone
  std::vector<logged_action> actions; // that were begun or closed, in order
};

class agent_table {
public:
  agent_table(link_policy policy, epoch leader)
      : policy_(policy), leader_(leader), random_(leader.value), log_(policy.log_entries) {}

  // The first message of a link. True in `second` when the agent was let in.
  std::pair<link_effects, bool> hello(link_id link, link_hello const& message, applicable_state const& wanted,
                                      instant now);
  link_effects heard(link_id link, agent_message const& message, instant now);
  link_effects closed(link_id link, mono_time now);

  // One step of reconciling: sends `wanted` to the agent if it is connected, holds something else, and neither refused
  // it nor has still to answer it. Safe to call at any time.
  link_effects deliver(agent_id const& agent, applicable_state const& wanted, instant now);
  link_effects notify(agent_id const& agent, std::string text);

  // Heartbeats that are due, and the end of links that were silent for three of them.
  link_effects tick(mono_time now);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  [[nodiscard]] std::map<agent_id, agent_record> const& agents() const { return agents_; }

  [[nodiscard]] bool is_connected(agent_id const& agent, incarnation process) const;

  [[nodiscard]] bounded_ring<logged_action> const& log() const { return log_; }

  // To be called after each of the calls above; what nobody takes is kept.
  agent_news take_news() { return std::exchange(news_, {}); }

private:
  struct link_state {
    agent_id agent;
    mono_time heard_at;
    mono_time next_heartbeat;
    std::uint64_t heartbeats = 0;
  };

  // An action of an agent; those of the balancer are found by their serial.
  struct action_key {
    agent_id agent;
    incarnation process;
    std::uint64_t number = 0;
    friend auto operator<=>(action_key const&, action_key const&) = default;
  };

  std::string const& digest_of(applicable_state const& wanted);
  static action_key key_of(logged_action const& logged);
  logged_action* find_logged(std::uint64_t serial);
  std::optional<link_refuse> refusal_of(link_hello const& message) const;
  link_effects refuse_protocol(link_id link, std::string reason, mono_time now);
  static bool is_overtaken(agent_record const& agent, link_hello const& message);
  static std::vector<former_process> former_processes(agent_record const& agent, incarnation now);
  link_effects replace_link(agent_record& agent, link_hello const& message);
  void take_report(agent_record& agent, link_report const& message, instant now);
  void unlink(link_id link, mono_time now);
  link_effects lose(agent_record& agent);
  link_effects look_at(agent_record& agent, mono_time now);
  void watch(agent_record const& agent);
  void watch(link_id id, link_state const& link);

  void log_delivery(agent_record& agent, applicable_state const& wanted, wall_time now);
  void close_delivery(agent_record& agent, reconcile_outcome outcome, std::string observation, wall_time now);
  void log(logged_action entry);
  void log_actions(agent_record const& agent, std::vector<reconciliation> const& actions);

  duration patience() const { return policy_.heartbeat * missed_heartbeats_until_dead; }

  link_policy policy_;
  epoch leader_;
  random_source random_; // spreads what many agents would do at the same time
  std::map<link_id, link_state> links_;
  std::map<agent_id, agent_record> agents_;
  deadline_queue<link_id> link_deadlines_;
  deadline_queue<agent_id> agent_deadlines_;
  bounded_ring<logged_action> log_;
  std::map<action_key, std::uint64_t> logged_at_; // serials of what agents did, as far as it is in the log
  agent_news news_;
  std::optional<std::pair<std::optional<applicable_model>, std::string>>
      digested_;             // the newest content, and its digest
  std::uint64_t logged_ = 0; // entries, those that fell out too: the serial of the newest
  std::uint64_t deliveries_ = 0;
};

} // namespace paddler
