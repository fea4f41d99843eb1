// The link to the balancer: carries out what agent_link_machine decides.
#pragma once
#include "base/random.hpp"
#include "core/session/agent_link_machine.hpp"
#include "net/transport.hpp"
#include "net/websocket.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"
#include "wire/link_compressor.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// Called on the loop's thread; may call the session.
struct link_handlers {
  // Whether this agent can run the state: what is wrong with it, if anything.
  std::function<task<std::vector<field_error>>(applicable_state)> check;
  // The same, where nothing is to follow from it: errors, and the memory that an engine would need.
  std::function<task<link_answer>(applicable_state)> examine;
  std::function<void(applicable_state const&)> run;
  // The balancer that welcomed this agent; nothing when it is lost.
  std::function<void(std::optional<host_and_port> const&)> connected;
};

// Lives on one executor.
class link_session {
public:
  // `balancers` are tried in turn; at least one.
  link_session(asio::any_io_executor const& executor, agent_link_policy const& policy, agent_identity identity,
               std::vector<host_and_port> balancers, link_handlers handlers);

  // Keeps the link until stop(); a reason where no balancer will ever let this agent in.
  task<std::optional<std::string>> run();

  // Tells the balancer how the engines are, now or as soon as there is one.
  void observe(engines_observed engines) { apply(std::move(engines)); }

  // The same of the machine.
  void measured(agent_capabilities capabilities) { apply(machine_measured{std::move(capabilities)}); }

  void stop();

  [[nodiscard]] bool is_live() const { return machine_.is_live(); }

private:
  void apply(agent_link_event event);
  void carry_out(agent_link_effect effect);
  void on(dial_balancer const& effect);
  void on(end_dial const& effect);
  void on(send_to_balancer const& effect);
  void on(check_state const& effect);
  void on(examine_state const& effect);
  void on(run_state const& effect);
  void on(tell_operator const& effect);
  void on(give_up const& effect);
  void tell_if_connected();

  task<> keep_time();
  task<> dial(dial_serial serial, host_and_port balancer);
  task<result<websocket>> open(host_and_port balancer);
  task<> given_up(dial_serial serial);
  void failed(dial_serial serial, host_and_port const& balancer, error const& why);
  task<> read(dial_serial serial, websocket& socket);
  task<> check(applicable_state state);
  task<> examine(dial_serial serial, std::uint64_t number, applicable_state state);

  agent_id const agent_;
  std::vector<host_and_port> const balancers_;
  link_handlers const handlers_;
  agent_link_machine machine_;
  random_source random_;

  std::deque<agent_link_event> events_; // that came while effects were carried out
  bool applying_ = false;

  // of the newest dial
  dial_serial dial_ = 0;
  std::size_t address_ = 0;
  websocket* socket_ = nullptr; // open, and owned by the dial's task
  agent_link_end end_;          // of that socket
  wakeup dial_ended_;

  bool told_connected_ = false;
  bool over_ = false;
  std::optional<std::string> refusal_;
  wakeup changed_;     // the machine's deadline, or the end
  std::string notice_; // the newest
  log_limiter notices_{std::chrono::seconds(60)};
  log_limiter dial_failures_{std::chrono::seconds(10)};
  task_group tasks_;
};

} // namespace paddler
