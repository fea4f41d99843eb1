// Which agents there are, over which link, and what each last reported. The balancer's half of the link protocol
// (model/link.hpp).
//
// The identity of a connection is (agent id, process): the end of an old connection never removes a new one. A second
// process that claims the id of an agent whose link is alive is refused, and told why; it is let in once the first is
// gone.
#pragma once
#include "base/time.hpp"
#include "model/link.hpp"

#include <map>
#include <optional>
#include <variant>
#include <vector>

namespace paddler {

struct link_policy {
  duration heartbeat = std::chrono::seconds(1);
  std::size_t max_agents = 10'000;                    // known ones, connected or not
  duration facts_lifetime = std::chrono::seconds(30); // of a report: three of those that agents send unasked
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

using link_effect = std::variant<send_to_agent, close_link, agent_lost>;
using link_effects = std::vector<link_effect>;

struct agent_record {
  agent_id id;
  bool connected = false;
  incarnation process;
  agent_capabilities capabilities;
  agent_report report;
  mono_time facts_until;            // what the report says is true until then, at the latest
  bool facts_expired = false;       // it is not believed any more: nothing is known
  generation sent;                  // newest applicable state sent to this process
  generation acknowledged;          // newest that it accepted
  generation refused;               // newest that it refused: not sent again
  std::vector<field_error> refusal; // why
  wall_time last_seen;
  std::optional<mono_time> lost_at; // not connected, and lost for good if it does not come back until then
};

class agent_table {
public:
  agent_table(link_policy policy, epoch leader) : policy_(policy), leader_(leader) {}

  // The first message of a link. True in `second` when the agent was let in.
  std::pair<link_effects, bool> hello(link_id link, link_hello const& message, applicable_state const& wanted,
                                      mono_time now, wall_time wall_now);
  link_effects heard(link_id link, agent_message const& message, mono_time now, wall_time wall_now);
  link_effects closed(link_id link, mono_time now);

  // Sends `wanted` to the agent if it is connected and has not yet refused or accepted exactly this.
  link_effects push(agent_id const& agent, applicable_state const& wanted);
  link_effects notify(agent_id const& agent, std::string text);

  // Heartbeats that are due, and the end of links that were silent for three of them.
  link_effects tick(mono_time now);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  [[nodiscard]] std::map<agent_id, agent_record> const& agents() const { return agents_; }

  [[nodiscard]] bool is_connected(agent_id const& agent, incarnation process) const;

private:
  struct link_state {
    agent_id agent;
    incarnation process;
    mono_time heard_at;
    mono_time next_heartbeat;
    std::uint64_t heartbeats = 0;
  };

  [[nodiscard]] std::optional<link_id> link_of(agent_id const& agent) const;
  std::optional<link_refuse> refusal_of(link_hello const& message) const;
  link_effects refuse_protocol(link_id link, std::string reason, mono_time now);
  void unlink(link_id link, mono_time now);
  link_effects lose(agent_record& agent);

  duration patience() const { return policy_.heartbeat * missed_heartbeats_until_dead; }

  link_policy policy_;
  epoch leader_;
  std::map<link_id, link_state> links_;
  std::map<agent_id, agent_record> agents_;
};

} // namespace paddler
