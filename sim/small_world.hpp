// A balancer and its agents as their decisions alone: the core, the link's agents' half and the engine table, with a
// log, a network of single messages and engines that are nothing but a time to load. What takes the whole simulation a
// tenth of a second takes a thousandth here, and every single step can be named: REC-01 to REC-05 and REC-09 go through
// all of them.
#pragma once
#include "core/balancer_core.hpp"
#include "core/reconcile/engine_table.hpp"
#include "core/session/agent_link_machine.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace paddler_sim {

using namespace paddler;

class small_world {
public:
  // A message is lost, or arrives once or more often, each time so much later than it would.
  using carrier = std::function<std::vector<duration>(std::uint64_t number)>;

  struct settings {
    std::size_t agents = 1;
    std::uint64_t memory = 10; // of each agent, see need_of()
    duration load_time = std::chrono::seconds(2);
    duration unload_time = std::chrono::milliseconds(50);
    carrier carry = {};                          // none: each message arrives once
    bool stale_messages = false;                 // what was under way on a connection that ended arrives all the same
    std::uint64_t chance = 1;                    // the seed of jitter
    std::optional<std::size_t> crash_agent = {}; // who crashes, see start_counting(); none: the balancer
  };

  explicit small_world(settings how);

  // What the API says from now on of each agent in turn: the number of a model (0: none) and of slots. Sent again until
  // it is answered, as a person would.
  struct wish {
    int model = 0;
    int slots = 1;
  };

  void want(std::vector<wish> wishes);

  void run(duration time);

  // Until it converged; false where that took longer.
  bool run_until_converged(duration limit);

  void crash_balancer();
  void crash_agent(std::size_t which);
  void break_link(std::size_t which);

  // Steps are: an effect that was carried out, a record that became durable, an action on an engine.
  // The crash that was asked for comes after the step of this number; 0: never.
  void start_counting(std::uint64_t crash_at) {
    steps_ = 0;
    crash_at_ = crash_at;
  }

  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  // A hello of an earlier process of the agent, which was on its way for long, arrives; its connection ends at once.
  void greet_as_before(std::size_t which);

  // Every message that was sent this many messages ago, on the connection that is open now, comes again.
  void repeat(std::uint64_t ago);

  [[nodiscard]] bool converged() const;

  // What everybody believes and runs, in words: equal where worlds ended equally.
  [[nodiscard]] std::string outcome() const;

  [[nodiscard]] std::uint64_t messages() const { return messages_; }

  [[nodiscard]] std::uint64_t states_sent() const { return states_sent_; } // link_apply

  [[nodiscard]] std::uint64_t loads() const { return loads_; }

  [[nodiscard]] bool undid_something() const { return undid_something_; } // an agent went back to an older version

  [[nodiscard]] std::uint64_t memory_used(std::size_t agent) const;

  [[nodiscard]] std::size_t engines(std::size_t agent) const { return agents_[agent].engines.size(); }

  [[nodiscard]] std::vector<reconciliation> log_of(std::size_t agent) const;

  static std::uint64_t need_of(int model) { return model == 2 ? 5 : 3; }

private:
  struct node {
    agent_id id;
    std::uint64_t process = 0; // 0: it is down
    std::optional<agent_link_machine> link_machine;
    engine_table table{{}};
    std::map<engine_number, applicable_model> engines;
    link_id link;
    dial_serial dial = 0;
    generation newest_run;
  };

  struct sent_message {
    std::size_t agent;
    link_id link;
    dial_serial dial;
    std::variant<agent_message, balancer_message> body;
  };

  [[nodiscard]] instant clock() const { return {now_, wall_time(now_.time_since_epoch())}; }

  void at(duration after, std::function<void()> turn) { events_.emplace(now_ + after, std::move(turn)); }

  bool turn(mono_time end);
  void step();

  void start_balancer();
  void submit(std::uint64_t number);
  void apply(balancer_event const& event);
  void carry_out(balancer_effects const& effects);
  void store(log_record const& record);

  void start_agent(std::size_t which);
  void apply(std::size_t which, agent_link_event const& event);
  void carry_out(std::size_t which, agent_link_effects const& effects);
  void act(std::size_t which);
  void carry_out(std::size_t which, engine_action const& action);
  void dial(std::size_t which, dial_serial serial);
  void hang_up(std::size_t which);
  [[nodiscard]] engines_observed report_of(node& agent) const;
  [[nodiscard]] std::size_t agent_at(link_id link) const;

  void send(sent_message message);
  void deliver(sent_message const& message);

  [[nodiscard]] double jitter();

  settings how_;
  mono_time now_{std::chrono::hours(1)};
  std::multimap<mono_time, std::function<void()>> events_;
  std::uint64_t chance_;

  std::vector<log_record> log_;
  std::unique_ptr<balancer_core> core_;
  std::uint64_t balancer_life_ = 0;
  std::vector<node> agents_;
  std::map<std::uint64_t, desired_document> open_; // changes without an answer, by number
  std::uint64_t changes_ = 0;
  std::uint64_t links_ = 0;
  std::uint64_t processes_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t crash_at_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t states_sent_ = 0;
  std::uint64_t loads_ = 0;
  bool undid_something_ = false;
  std::vector<sent_message> sent_; // the newest
};

} // namespace paddler_sim
