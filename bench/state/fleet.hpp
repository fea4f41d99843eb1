// Thousands of agents in one process and one loop: each with the product's own link machine, codec and WebSocket, and,
// if wanted, its own slot connections. What is simulated is the engine: it loads a while, then serves, and reports of
// it are sent as real agents send them.
#pragma once
#include "agent/slot_service.hpp"
#include "base/deadline_queue.hpp"
#include "base/random.hpp"
#include "core/session/agent_link_machine.hpp"
#include "net/transport.hpp"
#include "net/websocket.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace paddler {

struct fleet_plan {
  host_and_port balancer;
  std::size_t agents = 20;
  int slots = 16;                                      // of each agent
  bool slot_connections = false;                       // else the slots are only reported
  duration start_time = std::chrono::milliseconds(20); // of an engine's process, on average
  duration load_time = std::chrono::milliseconds(100); // of its model, on average
  duration offer_time = std::chrono::milliseconds(1);  // until an agent opens its slots, on average
  std::uint64_t seed = 1;
};

// What travelled, as bytes of WebSocket frames.
struct traffic {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;

  void add(std::size_t frame_bytes) {
    ++messages;
    bytes += frame_bytes;
  }
};

struct fleet_counts {
  traffic reports, acks, heartbeats; // that agents sent; hello apart
  traffic states;                    // that they got
  std::uint64_t dials = 0;
  std::uint64_t failed_dials = 0;
  std::uint64_t welcomes = 0;
  std::uint64_t losses = 0;   // of links that were live
  std::uint64_t refusals = 0; // nack, or an agent that the balancer turned away
};

// Every tenth agent serves this model; the others the first one.
inline constexpr std::size_t tenth = 10;
std::string agent_name(std::size_t index);
std::string model_of(std::size_t index);

// Lives on one executor. stop() it before it is destroyed.
class fleet {
public:
  fleet(asio::any_io_executor const& executor, fleet_plan plan);
  ~fleet();
  fleet(fleet const&) = delete;
  fleet& operator=(fleet const&) = delete;

  // All dial at once.
  void start();
  task<> stop();

  // Waits until every agent is live, holds a state and serves it; false after `limit`.
  task<bool> wait_settled(duration limit);

  // Waits until every agent is live.
  task<bool> wait_live(duration limit);

  // From now on an acknowledgement of each `every`-th agent, from `first` on, is awaited.
  void expect_acks(std::size_t first, std::size_t every);
  task<bool> wait_acks(duration limit);

  // When the last of them was sent.
  [[nodiscard]] mono_time acknowledged_at() const { return acknowledged_at_; }

  // One fact: an agent's engine was started again.
  void report(std::size_t agent);

  // How many facts an agent reported so.
  [[nodiscard]] std::uint64_t reported(std::size_t agent) const;

  [[nodiscard]] fleet_counts const& counts() const { return counts_; }

  // What agents told their operators, each text with how many told it.
  [[nodiscard]] std::string notices() const;

private:
  struct member;

  void apply(std::size_t who, agent_link_event event);
  void carry_out(std::size_t who, agent_link_effect effect);
  void on(std::size_t who, dial_balancer const& effect);
  void on(std::size_t who, end_dial const& effect);
  void on(std::size_t who, send_to_balancer const& effect);
  void on(std::size_t who, check_state const& effect);
  void on(std::size_t who, examine_state const& effect);
  void on(std::size_t who, run_state const& effect);
  void on(std::size_t who, tell_operator const& effect);
  void on(std::size_t who, give_up const& effect);

  void count_sent(std::size_t who, agent_message const& message, std::size_t bytes);
  void look_at(std::size_t who);
  void start_engine(std::size_t who);
  void engine_loaded(std::size_t who);
  std::string const& digest_of(std::optional<applicable_model> const& model);
  duration about(duration average);
  void offer_or_withdraw(std::size_t who);
  void offer_slots(std::size_t who);
  task<bool> wait_until(bool (fleet::*holds)() const, duration limit);

  [[nodiscard]] bool all_live() const { return live_ == plan_.agents; }

  [[nodiscard]] bool all_settled() const { return settled_ == plan_.agents; }

  [[nodiscard]] bool all_acknowledged() const { return awaited_.empty(); }

  task<> keep_time();
  task<> dial(std::size_t who, dial_serial serial);
  task<> given_up(std::size_t who, dial_serial serial);
  task<> read(std::size_t who, dial_serial serial, websocket& socket);

  asio::any_io_executor executor_;
  fleet_plan const plan_;
  random_source random_;
  std::vector<std::unique_ptr<member>> members_;
  deadline_queue<std::size_t> timers_; // of link machines
  deadline_queue<std::size_t> starts_; // of engines
  deadline_queue<std::size_t> loads_;
  deadline_queue<std::size_t> offers_; // of slots
  std::optional<applicable_model> digested_;
  std::string digest_;
  std::deque<std::pair<std::size_t, agent_link_event>> events_;
  bool applying_ = false;
  std::size_t live_ = 0;
  std::size_t settled_ = 0;
  std::set<std::size_t> awaited_; // agents whose acknowledgement is
  mono_time acknowledged_at_{};
  fleet_counts counts_;
  std::map<std::string, std::size_t> notices_;
  wakeup changed_;
  task_group tasks_;
};

} // namespace paddler
