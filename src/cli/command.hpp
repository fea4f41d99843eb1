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
#include <vector>

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

enum class view_kind {
  agents,
  models,
  slots,
  requests,
  desired,
  reconciliations,
  applicable,
  conflicts,
  revisions,
  policies,
};
enum class output_format { table, wide, json, yaml, name };

// Which requests.
struct request_choice {
  bool failed = false;
  std::string model;       // empty: all
  std::string agent;       // of the newest attempt
  std::uint64_t limit = 0; // 0: none
  friend bool operator==(request_choice const&, request_choice const&) = default;
};

struct get_command {
  host_and_port management{"127.0.0.1", default_management_port};
  view_kind kind = view_kind::agents;
  std::string name; // empty: all
  std::optional<output_format> output;
  std::string source; // of desired state: api, file or discovery; empty: what they say together
  std::string at;     // an instant (cli/instants.hpp), of desired and applicable state; empty: now
  bool watch = false; // goes on with the rows that change
  request_choice requests;
};

// One page about one object.
struct describe_command {
  host_and_port management{"127.0.0.1", default_management_port};
  view_kind kind = view_kind::agents; // or models, revisions, requests, policies
  std::string name;
};

// Why the attempts of a request went where they went.
struct why_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string request;
};

struct events_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::optional<std::uint64_t> from;  // a revision: what came since
  std::string kinds;                  // "agent,config"; empty: all
  std::optional<std::uint64_t> count; // then it ends
  bool json = false;
};

enum class dry_run { client, server };

struct apply_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file; // "-": standard input
  std::optional<std::uint64_t> if_revision;
  bool error_unchanged = false;
  std::optional<dry_run> dry;   // checks only, here or at the balancer
  std::optional<duration> wait; // until the agents serve it
};

// What a document would change, or what differs between two instants (cli/instants.hpp).
struct diff_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file; // empty: of two instants
  std::string from;
  std::string to; // empty: desired state as it is now
  std::string path;
  std::optional<output_format> output; // json or yaml
};

struct plan_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file;
  std::optional<std::uint64_t> if_revision;
  std::optional<output_format> output; // json or yaml
};

struct validate_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file;
  bool offline = false; // by what one document tells of itself
};

struct explain_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string path; // empty: all
  std::optional<output_format> output;
};

inline constexpr std::uint64_t default_history_limit = 20;

struct history_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string path; // only what changed it; empty: all
  std::uint64_t limit = default_history_limit;
  std::optional<duration> since; // ago
  std::optional<output_format> output;
};

struct rollback_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::uint64_t to = 0;
  std::optional<std::uint64_t> if_revision;
  bool yes = false;
  bool dry = false;
};

// An agent whose machine somebody wants empty, or, without `drain`, one that is wanted again.
struct drain_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string agent;
  bool drain = true;
  std::optional<std::int64_t> seconds; // that what runs there may stay; left out: as the balancer has it
  bool wait = true;                    // until nothing runs there
};

struct dump_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::string file; // empty: standard output
  bool force = false;
};

struct replay_command {
  std::string file;
};

enum class shell { bash, zsh, fish };

// The script that a shell reads.
struct completion_command {
  shell of = shell::bash;
};

// What may stand where the cursor is: the scripts call this.
struct complete_command {
  host_and_port management{"127.0.0.1", default_management_port};
  std::vector<std::string> words; // of the line behind "paddler"; the last one is being typed
};

struct chat_command {
  host_and_port inference{"127.0.0.1", default_inference_port};
  std::string model; // empty: the only one that is served
  std::string system;
  std::string message; // empty: from standard input, or a conversation where that is a terminal
};

using command = std::variant<help_command, version_command, up_command, balancer_command, agent_command, get_command,
                             describe_command, why_command, apply_command, diff_command, plan_command, validate_command,
                             explain_command, history_command, rollback_command, drain_command, dump_command,
                             replay_command, events_command, chat_command, completion_command, complete_command>;

} // namespace paddler
