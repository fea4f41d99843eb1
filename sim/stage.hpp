// What a run is made of, for faults and checkers: the cluster, those who use it, and the verdict.
#pragma once
#include "sim/circumstances.hpp"
#include "sim/cluster.hpp"
#include "sim/files.hpp"
#include "sim/notices.hpp"
#include "sim/workload.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace paddler_sim {

// Members are destroyed in reverse: programs before the network, the network before the clock.
struct stage {
  stage(scenario const& what, bool print);

  scenario what;
  surroundings around;
  simulator sim;
  sim_network net;
  ledger book;
  notices told;
  sim_files files;
  cluster plant;
  std::vector<std::shared_ptr<client_life>> clients;
  std::vector<std::shared_ptr<operator_life>> operators;
  std::vector<std::shared_ptr<troublemaker_life>> troublemakers;
  std::optional<std::string> violation; // the first
  mono_time faults_end{};

  // What balancers believed last of each process: its report's number, and the version that it runs.
  struct believed {
    std::uint64_t sequence = 0;
    generation applied;
  };

  std::map<std::tuple<epoch, agent_id, incarnation>, believed> newest_reports;

  // What ran on an agent when it was first seen to be drained, by the desired state of that moment.
  struct drained_agent {
    epoch leader;
    revision wanted;
    std::set<std::pair<request_serial, attempt>> running;
  };

  std::map<agent_id, drained_agent> drained;
  std::vector<std::string> greetings; // the first words of links, where there are relays: the newest
  mono_time stood_still{};            // when the balancer was last seen not to run

  void violated(std::string const& words);
  void note_greeting(std::string words);

  // A fault struck: counted together with what was under way.
  void injected(std::string_view kind);

  // Until relays treat everything well again: what they hold then arrives before faults end.
  [[nodiscard]] mono_time relays_end() const;

  // A living balancer or agent, by chance; null: there is none there.
  process* somebody();

  // The index of a machine, by chance; nothing where there is none.
  std::optional<std::size_t> some_machine();

  void step_until(mono_time when);
};

} // namespace paddler_sim
