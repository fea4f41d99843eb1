// A cluster that does what a script says: no chance but the network's, nobody but the script changes anything.
//
//   rehearsal play(scenario);
//   play.want(document);                     // through the API; ends when it is acknowledged
//   ASSERT_TRUE(play.converges(60s));
//   play.on().net.block(...); play.pass(10s);
#pragma once
#include "sim/checks.hpp"
#include "sim/convergence.hpp"
#include "sim/stage.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace paddler_sim {

class rehearsal {
public:
  // Starts the cluster, and the clients that the scenario asks for. `adjust` may change how each agent is started.
  explicit rehearsal(scenario const& what, std::function<void(std::size_t which, agent_config&)> adjust = {});
  ~rehearsal(); // everything ends
  rehearsal(rehearsal const&) = delete;
  rehearsal& operator=(rehearsal const&) = delete;

  stage& on() { return stage_; }

  [[nodiscard]] balancer_core const* core() const { return stage_.plant.core(); }

  // Null where it is not known.
  [[nodiscard]] agent_record const* agent(std::size_t which) const;

  [[nodiscard]] std::size_t slots_of(std::size_t which) const;

  // The API says this of all agents: 200 within ten seconds, or the run is over.
  void want(std::string document);

  // As a client sees it: whether the answer was 200; it waits for a balancer first.
  bool try_to_want(std::string document);

  void pass(duration time); // checking each second what the swarm checks, too

  // How long that took, in steps of five milliseconds; nothing where it took longer than the limit.
  std::optional<duration> until(duration limit, std::function<bool()> const& holds);

  std::optional<duration> converges(duration limit);

  // Of the whole run so far; empty: nothing was wrong.
  [[nodiscard]] std::string verdict() const { return stage_.violation.value_or(""); }

private:
  stage stage_;
  convergence state_;
};

// A document in which every agent runs one model, with so many slots.
std::string same_for_all(std::size_t agents, int slots);

} // namespace paddler_sim
