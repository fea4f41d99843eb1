// up, balancer and agent: what they are told.
#include "base/ids.hpp"
#include "cli/command_set.hpp"
#include "cli/units.hpp"
#include "core/state/validation.hpp"

namespace paddler {
namespace {

constexpr std::uint64_t max_threads = 1024;
constexpr duration shortest_keep_alive = std::chrono::milliseconds(100);

void add_balancer_flags(flag_set& flags, balancer_config& config, bool& insecure) {
  flags.add({.name = "--inference-addr",
             .value = "HOST:PORT",
             .help = "Where the OpenAI API listens",
             .default_text = config.inference_address},
            set_listen_address(config.inference_address));
  flags.add({.name = "--management-addr",
             .value = "HOST:PORT",
             .help = "Where the management API listens, and agents connect",
             .default_text = config.management_address},
            set_listen_address(config.management_address));
  flags.add({.name = "--state-dir",
             .value = "DIR",
             .help = "Holds the state database",
             .default_text = "$XDG_STATE_HOME/paddler, ~/.local/state/paddler",
             .variable = "PADDLER_STATE_DIR"},
            set_text(config.state_directory));
  flags.add_repeated({.name = "--desired",
                      .value = "PATH",
                      .help = "A desired state in YAML or JSON, or a folder of such files; watched, and wins over what "
                              "agents say. May be given again: of two files the one whose path sorts first wins"},
                     append_text(config.desired_files));
  auto& dispatch = config.policy.dispatch;
  flags.add({.name = "--max-queue",
             .value = "N",
             .help = "Requests that may wait for a slot, unless policies say otherwise; more are refused with 503",
             .default_text = std::to_string(dispatch.max_queued)},
            set_number(dispatch.max_queued, 0, static_cast<std::uint64_t>(max_queue_requests)));
  flags.add({.name = "--queue-timeout",
             .value = "TIME",
             .help = "How long a request may wait for a slot, unless policies say otherwise",
             .default_text = print_duration(dispatch.queue_timeout)},
            set_duration(dispatch.queue_timeout));
  flags.add_word({.name = "--routing",
                  .value = "STRATEGY",
                  .help = "Where a request goes, unless policies say otherwise: prefix (to an engine that has read "
                          "most of its prompt, unless that is "
                          "too busy), session (to where X-Session-Id was), least_loaded or round_robin",
                  .default_text = "prefix"},
                 dispatch.routing.strategy, {"prefix", "session", "least_loaded", "round_robin"});
  flags.add({.name = "--keep-alive",
             .value = "TIME",
             .help = "How often a waiting stream is sent a comment, so that nothing between cuts it",
             .default_text = print_duration(config.comment_interval)},
            set_duration(config.comment_interval, shortest_keep_alive));
  flags.add({.name = "--memory-limit",
             .value = "SIZE",
             .help =
                 "What the balancer may hold in memory, as 512MiB; near it, it refuses new requests, and gives up the "
                 "largest",
             .default_text = "what the machine or its control group has"},
            set_bytes(config.memory.limit));
  flags.add_repeated({.name = "--host-name",
                      .value = "NAME",
                      .help = "A name by which clients and agents may call this balancer, beside its addresses. May be "
                              "given again; requests to any other name are refused with 421"},
                     append_text(config.host_names));
  flags.add_switch(
      {.name = "--insecure", .help = "Listen on addresses that other machines reach, without TLS and keys"}, insecure);
}

void add_log_flag(flag_set& flags, log_flags& log, std::string default_level) {
  flags.add({.name = "--log-level",
             .value = "LEVEL",
             .help = "trace, debug, info, warn, error, critical or off",
             .default_text = std::move(default_level),
             .variable = "PADDLER_LOG_LEVEL"},
            set_word(log.level, {"trace", "debug", "info", "warn", "error", "critical", "off"}));
}

flag_setter set_balancers(std::vector<std::string>& out) {
  return [&out](std::string const& text) -> result<void> {
    std::vector<std::string> balancers;
    std::string_view rest = text;
    while (true) {
      auto const comma = rest.find(',');
      auto const address = parse_server_address(rest.substr(0, comma), default_management_port);
      if (!address) return std::unexpected(address.error());
      balancers.push_back(to_string(*address));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    out = std::move(balancers);
    return {};
  };
}

flag_setter set_engine_binary(engine_program& program) {
  return [&program](std::string const& text) -> result<void> {
    if (text.empty()) return fail(error_code::invalid_input, "is empty");
    program.path = text;
    if (program.kind == engine_kind::built_in) program.kind = engine_kind::llama_server;
    return {};
  };
}

flag_setter set_simulation(engine_program& program) {
  return [&program](std::string const& text) -> result<void> {
    auto const simulation = parse_simulation(text);
    if (!simulation) return fail(error_code::invalid_input, describe(simulation.error()));
    program.kind = engine_kind::simulated;
    program.simulation = *simulation;
    return {};
  };
}

void add_engine_flags(flag_set& flags, agent_config& agent) {
  flags.add({.name = "--slots", .value = "N", .help = "Requests that are served at the same time", .default_text = "4"},
            set_number(agent.discovered->slots, 1, max_slots));
  flags.add(
      {.name = "--context", .value = "N", .help = "Context length of each slot, in tokens", .default_text = "4096"},
      set_number(agent.discovered->max_context_length, min_context_length, max_context_length_limit));
  flags.add({.name = "--engine-binary",
             .value = "PATH",
             .help = "A llama-server to run models with, as one built for your GPU; left out: built in"},
            set_engine_binary(agent.program));
  flags.add({.name = "--threads", .value = "N", .help = "CPU threads of the engine; left out: what it finds best"},
            set_number(agent.engine_threads, 1, max_threads));
  flags.add_optional_value(
      {.name = "--simulate",
       .value = "OPTIONS",
       .help = "No model: a simulated engine that answers with hashes, for tests and demonstrations"},
      set_simulation(agent.program));
}

result<void> check_listener(char const* flag, std::string const& text, bool insecure) {
  auto const address = parse_listen_address(text);
  if (!address) return std::unexpected(address.error());
  if (insecure || is_loopback_host(address->host)) return {};
  return fail(error_code::invalid_input,
              std::string(flag) + " " + text +
                  " is reachable from other machines, and this port has neither TLS nor keys: whoever reaches it uses "
                  "your models",
              "Listen on 127.0.0.1 behind a reverse proxy, or add --insecure if you trust the whole network.");
}

result<void> finish_balancer(balancer_config& config, bool insecure, environment const& surroundings) {
  if (auto const inference = check_listener("--inference-addr", config.inference_address, insecure); !inference)
    return inference;
  if (auto const management = check_listener("--management-addr", config.management_address, insecure); !management)
    return management;
  if (config.state_directory.empty()) config.state_directory = default_state_directory(surroundings);
  if (config.state_directory.empty()) {
    return fail(error_code::invalid_input, "there is no HOME, so no place for the state database",
                "Give one with --state-dir DIR.");
  }
  return {};
}

result<void> check_agent(agent_config const& agent) {
  if (agent.program.kind != engine_kind::simulated || agent.program.path.empty()) return {};
  return fail(error_code::invalid_input, "--simulate and --engine-binary exclude each other", "Leave one of them out.");
}

void add_up(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<up_command>();
  given->agent.id = {"local"};
  given->agent.discovered.emplace();
  flag_set flags;
  flags.add({.name = "--model", .value = "FILE.gguf", .help = "The model to serve; left out: the demo model"},
            set_text(given->model_file));
  add_engine_flags(flags, given->agent);
  flags.add({.name = "--name", .value = "ID", .help = "The local agent's name", .default_text = given->agent.id.value},
            set_name(given->agent.id.value));
  add_balancer_flags(flags, given->balancer, given->insecure);
  add_log_flag(flags, given->log, "warn");
  auto const finish = [given](environment const& surroundings) -> result<command> {
    if (auto const ok = check_agent(given->agent); !ok) return std::unexpected(ok.error());
    if (auto const ok = finish_balancer(given->balancer, given->insecure, surroundings); !ok)
      return std::unexpected(ok.error());
    return *given;
  };
  commands.push_back(
      {{.name = "up",
        .group = "Serve",
        .summary = "Everything on this machine: a balancer and an agent in one process",
        .usage = "[flags]",
        .text = "Serves a model over the OpenAI API and prints where. Clients name the model by its file, without "
                "folder and .gguf. Ctrl-C finishes running requests, a second one does not.",
        .examples = "paddler up                                    # the demo model\n"
                    "paddler up --model qwen3-0.6b-q8_0.gguf --slots 8\n"
                    "paddler up --desired cluster.yaml             # edit the file, it is followed"},
       std::move(flags),
       finish});
}

void add_balancer(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<balancer_command>();
  flag_set flags;
  add_balancer_flags(flags, given->balancer, given->insecure);
  add_log_flag(flags, given->log, "info");
  auto const finish = [given](environment const& surroundings) -> result<command> {
    if (auto const ok = finish_balancer(given->balancer, given->insecure, surroundings); !ok)
      return std::unexpected(ok.error());
    return *given;
  };
  commands.push_back(
      {{.name = "balancer",
        .group = "Serve",
        .summary = "The front door: OpenAI API, management API, agents and state",
        .usage = "[flags]",
        .text = "Agents connect to the management address. Requests wait, up to --queue-timeout, until an agent has a "
                "slot for them.",
        .examples = "paddler balancer\n"
                    "paddler balancer --desired cluster.yaml --state-dir /var/lib/paddler\n"
                    "paddler agent --balancer 127.0.0.1:8060       # in a second terminal"},
       std::move(flags),
       finish});
}

void add_agent(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<agent_command>();
  given->agent.discovered.emplace();
  given->agent.balancers = {"127.0.0.1:8060"};
  flag_set flags;
  flags.add({.name = "--balancer",
             .value = "HOST:PORT",
             .help = "The balancer's management address; several, with commas, are tried in turn",
             .default_text = given->agent.balancers.front(),
             .variable = "PADDLER_MANAGEMENT"},
            set_balancers(given->agent.balancers));
  flags.add({.name = "--name", .value = "ID", .help = "This agent's name", .default_text = "this machine's"},
            set_name(given->agent.id.value));
  flags.add({.name = "--model", .value = "FILE.gguf", .help = "A model to serve where the balancer says nothing else"},
            set_text(given->model_file));
  add_engine_flags(flags, given->agent);
  add_log_flag(flags, given->log, "info");
  auto const finish = [given](environment const&) -> result<command> {
    if (auto const ok = check_agent(given->agent); !ok) return std::unexpected(ok.error());
    return *given;
  };
  commands.push_back(
      {{.name = "agent",
        .group = "Serve",
        .summary = "Run models on this machine for a balancer",
        .usage = "[flags]",
        .text = "Connects to the balancer (no port is opened here), runs what desired state wants of it, and stays "
                "while the balancer is away.",
        .examples = "paddler agent --balancer 10.0.0.5:8060\n"
                    "paddler agent --model qwen3-0.6b-q8_0.gguf --slots 8 --name gpu-1\n"
                    "paddler agent --engine-binary /opt/llama.cpp-cuda/llama-server"},
       std::move(flags),
       finish});
}

} // namespace

void add_serving_commands(std::vector<declared_command>& commands) {
  add_up(commands);
  add_balancer(commands);
  add_agent(commands);
}

} // namespace paddler
