// What a command line says, as values: the parser makes them, the commands carry them out.
#pragma once
#include "agent/agent_config.hpp"
#include "balancer/balancer.hpp"
#include "cli/address.hpp"
#include "runtime/log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace paddler {

inline constexpr std::uint16_t default_inference_port = 8061;

// Text for standard output; nothing else happens.
struct help_command {
  std::string text;
};

struct version_command {
  std::optional<host_and_port> server; // asked for its version, too
};

struct log_flags {
  std::optional<log_level> level; // left out: what suits the command
};

struct up_command {
  balancer_config balancer;
  agent_config agent;     // `discovered` holds slots and context length; the model's file comes when it is looked for
  std::string model_file; // as given; empty: the demo model
  bool insecure = false;
  log_flags log;
};

struct balancer_command {
  balancer_config balancer;
  bool insecure = false;
  log_flags log;
};

struct agent_command {
  agent_config agent;
  std::string model_file; // as given; empty: what the balancer says
  log_flags log;
};

enum class view_kind { agents, models, slots, requests, desired, reconciliations };
enum class output_format { table, wide, json, yaml, name };

struct get_command {
  host_and_port management{"127.0.0.1", default_management_port};
  view_kind kind = view_kind::agents;
  std::string name; // empty: all
  std::optional<output_format> output;
  std::string source; // of desired state: api, file or discovery; empty: what they say together
};

struct events_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::optional<std::uint64_t> from;  // a revision: what came since
  std::string kinds;                  // "agent,config"; empty: all
  std::optional<std::uint64_t> count; // then it ends
  bool json = false;
};

struct apply_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file; // "-": standard input
  std::optional<std::uint64_t> if_revision;
  bool error_unchanged = false;
};

struct chat_command {
  host_and_port inference{"127.0.0.1", default_inference_port};
  std::string model; // empty: the only one that is served
  std::string system;
  std::string message; // empty: from standard input, or a conversation where that is a terminal
};

using command = std::variant<help_command, version_command, up_command, balancer_command, agent_command, get_command,
                             apply_command, events_command, chat_command>;

} // namespace paddler
