// What an agent is told at its start. Values only; the command line fills them in.
#pragma once
#include "core/engine/engine_command.hpp"
#include "core/engine/engine_machine.hpp"
#include "core/session/agent_link_machine.hpp"
#include "core/session/check_schedule.hpp"
#include "engine/engine_host.hpp"
#include "model/desired.hpp"
#include "runtime/machine.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

inline constexpr std::uint16_t default_management_port = 8060;

// Of slot connections. The defaults serve production.
struct slot_limits {
  duration dial_limit = std::chrono::seconds(5); // to connect, and again until the balancer switched protocols
  duration backoff_first = std::chrono::milliseconds(50);
  duration backoff_limit = std::chrono::seconds(2);
  std::size_t body_bytes = std::size_t{1} << 30; // of a request; the balancer's own limit is the one that people meet
  duration write_silence = std::chrono::minutes(2); // the same, for a client that does not read
};

struct agent_config {
  // Balancers' management addresses, tried in turn: "host:port", "[::1]:port" or "host". At least one.
  std::vector<std::string> balancers;
  agent_id id;         // empty: the machine's host name
  std::string version; // of paddler, for people

  // What the command line says of the model: the discovery source of the desired state. Its `id` is filled in.
  std::optional<agent_spec> discovered;

  engine_program program;
  int engine_threads = 0;                    // of each engine; 0: its own choice, one for each physical core
  std::optional<int> engine_gpu_layers;      // none given: as many as fit
  std::string runtime_directory;             // absolute; for engines' sockets; made if missing
  duration drain = std::chrono::seconds(30); // for running requests, before an engine is replaced

  agent_link_policy link = {};
  check_policy checks = {}; // of itself: health, model files, machine
  slot_limits slots = {};
  std::shared_ptr<engine_host> engines = {};                              // where they run; empty: this machine
  std::function<machine_facts()> machine = {};                            // empty: the machine is asked
  engine_policy engine = {.stop_grace = std::chrono::milliseconds(1500)}; // an engine has nothing to save
};

} // namespace paddler
