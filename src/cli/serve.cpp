#include "cli/serve.hpp"

#include "cli/api_client.hpp"
#include "cli/greeting.hpp"
#include "cli/serving.hpp"
#include "cli/units.hpp"
#include "hub/local_models.hpp"
#include "model/views.hpp"
#include "runtime/clock.hpp"
#include "runtime/files.hpp"
#include "runtime/machine.hpp"
#include "runtime/process.hpp"
#include "runtime/timer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>
#include <utility>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration up_stop_deadline = 2500ms; // the engine needs the rest of five seconds
constexpr duration look_again = 100ms;        // for a model that loads

// --- what is there before anything starts ---

struct named_folder {
  std::string path;
  std::string origin; // for people
};

named_folder folder_for_sockets(environment const& surroundings) {
  for (auto const* const variable : {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR", "TMPDIR"}) {
    auto const value = surroundings.get(variable);
    if (value && value->starts_with('/')) return {*value, std::string("the environment variable ") + variable};
  }
  return {"/tmp", "the folder for temporary files"};
}

// A folder for engines' sockets, gone when the command ends.
class runtime_directory {
public:
  static result<runtime_directory> make(environment const& surroundings) {
    auto const base = folder_for_sockets(surroundings);
    auto path = blocking_make_private_directory(base.path + "/paddler-run-");
    if (path) return runtime_directory(std::move(*path));
    return fail(path.error().code, base.origin + ": " + path.error().message,
                "Engines' sockets need a folder that paddler may write to: name one by XDG_RUNTIME_DIR or TMPDIR.");
  }

  runtime_directory(runtime_directory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

  runtime_directory& operator=(runtime_directory&&) = delete;

  ~runtime_directory() {
    if (!path_.empty()) blocking_remove_directory(path_);
  }

  [[nodiscard]] std::string const& path() const { return path_; }

private:
  explicit runtime_directory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

struct named_model {
  std::string file;             // as given; empty: none
  std::string origin = "model"; // where that was said, for people
};

// The absolute path of a model that an engine can load. The simulated engine opens no file: any name does.
result<std::string> find_model(named_model const& wanted, engine_program const& program) {
  auto const& given = wanted.file;
  if (program.kind == engine_kind::simulated) return given.starts_with('/') ? given : "/simulated/" + given;
  auto path = blocking_find_file(given);
  auto const model = path ? blocking_inspect_model(*path) : std::unexpected(path.error());
  if (model) return path;
  auto const& why = model.error();
  return fail(why.code, wanted.origin + ": " + why.message,
              why.hint.empty() ? "Give the path of a model in GGUF form." : why.hint);
}

// The demo model: where it is installed, or where it lies in the repository that the program was built in.
named_model find_demo_model(environment const& surroundings) {
  constexpr auto variable = "PADDLER_DEMO_MODEL";
  if (auto const named = surroundings.get(variable)) return {*named, std::string("environment variable ") + variable};
  auto const program = blocking_program_path();
  auto const folder = program.substr(0, program.rfind('/'));
  for (auto const* const place : {"/../share/paddler/models/demo.gguf", "/../../models/demo.gguf"}) {
    if (auto const found = blocking_find_file(folder + place)) return {*found, "the demo model"};
  }
  return {};
}

// What the command line says of the model becomes what the agent says of itself.
result<void> discover(agent_config& agent, named_model const& model) {
  if (!model.file.empty()) {
    auto const path = find_model(model, agent.program);
    if (!path) return std::unexpected(path.error());
    agent.discovered->desired_model = model_reference{.source = model_source::local, .path = *path};
  }
  auto const& spec = *agent.discovered;
  if (!spec.desired_model && !spec.slots && !spec.max_context_length) agent.discovered.reset();
  return {};
}

result<void> find_engine(engine_program& program) {
  if (program.path.empty()) return {};
  auto const path = blocking_find_program(program.path);
  if (!path)
    return fail(path.error().code, "--engine-binary: " + path.error().message, "Give the path of a llama-server.");
  program.path = *path;
  return {};
}

// Other commands' codes for what a server says are not for what keeps one from starting.
exit_code refused(error const& why, console& terminal) {
  terminal.print_error(why);
  bool const of_servers = why.code == error_code::unavailable || why.code == error_code::conflict;
  return of_servers ? exit_code::failure : exit_code_for(why.code);
}

void prepare_process(log_flags const& flags, log_level usual, char const* role) {
  log_configure({.level = flags.level.value_or(usual), .role = role});
  raise_open_file_limit();
  ignore_broken_pipes();
}

// --- up ---

std::string machine_text() {
  auto const machine = blocking_machine_facts();
  auto out = std::to_string(machine.cpu_cores) + (machine.cpu_cores == 1 ? " core" : " cores");
  if (machine.memory_bytes > 0) out += ", " + print_bytes(machine.memory_bytes);
  for (auto const& gpu : machine.gpus) out += ", " + gpu;
  return out;
}

std::string seconds_text(duration time) {
  auto const tenths = std::llround(std::chrono::duration<double>(time).count() * 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

// Why the balancer believes that the agent does not serve; empty where it only needs time.
task<std::string> trouble_of(serving const& servers) {
  auto const address = parse_server_address(servers.front().management_address(), default_management_port);
  if (!address) co_return "";
  api_request request;
  request.target = "/management/v1/agents";
  auto const answer = co_await call_api(management_server(*address), std::move(request));
  auto const list = answer ? parse_list(*answer) : fail(error_code::closed, "");
  auto const rows = list ? rows_of<agent_view>(*list) : fail(error_code::closed, "");
  if (!rows) co_return "";
  auto const row = std::ranges::find(*rows, servers.worker().id(), &agent_view::id);
  bool const in_time =
      row == rows->end() || row->status == engine_status::loading || row->status == engine_status::ready;
  co_return in_time ? "" : row->reason;
}

// Says so when the first model serves; and what goes wrong before.
task<> greet_model(serving const& servers, console& terminal) {
  auto const began = mono_now();
  std::string told;
  while (servers.worker().engine().status != engine_status::ready) {
    if (!co_await sleep_for(look_again)) co_return;
    auto const trouble = co_await trouble_of(servers);
    if (trouble.empty() || trouble == told) continue;
    terminal.err << terminal.on_err(text_style::red, "model:") << " " << trouble << "\n" << std::flush;
    told = trouble;
  }
  auto const engine = servers.worker().engine();
  balancer_addresses const at{servers.front().inference_address(), servers.front().management_address()};
  auto const load_time = seconds_text(mono_now() - began);
  terminal.out << print_model_greeting({engine.model, engine.slots, load_time}, at) << std::flush;
}

task<exit_code> serve_up(event_loop& loop, up_command wanted, console& terminal) {
  serving servers(loop, terminal);
  auto const state = wanted.balancer.state_directory;
  bool const has_model = wanted.agent.discovered && wanted.agent.discovered->desired_model;
  bool const may_have_model = has_model || !wanted.balancer.desired_files.empty();
  auto const started = co_await servers.start_balancer(std::move(wanted.balancer));
  if (!started) co_return refused(started.error(), terminal);
  balancer_addresses const at{servers.front().inference_address(), servers.front().management_address()};
  wanted.agent.balancers = {at.management};
  auto const name = wanted.agent.id.value;
  terminal.out << print_up_greeting({PADDLER_VERSION, state, at, name, machine_text()}) << std::flush;
  if (!may_have_model) terminal.out << print_no_model(at) << std::flush;
  servers.start_agent(std::move(wanted.agent));
  servers.beside("greeting", greet_model(servers, terminal));
  co_return co_await servers.until_stopped();
}

// --- balancer, agent ---

task<exit_code> serve_balancer(event_loop& loop, balancer_config config, console& terminal) {
  serving servers(loop, terminal);
  auto const started = co_await servers.start_balancer(std::move(config));
  if (!started) co_return refused(started.error(), terminal);
  balancer_addresses const at{servers.front().inference_address(), servers.front().management_address()};
  terminal.out << print_balancer_greeting(at) << std::flush;
  co_return co_await servers.until_stopped();
}

task<exit_code> serve_agent(event_loop& loop, agent_config config, console& terminal) {
  serving servers(loop, terminal);
  servers.start_agent(std::move(config));
  co_return co_await servers.until_stopped();
}

} // namespace

exit_code run_up(up_command wanted, environment const& surroundings, console& terminal) {
  prepare_process(wanted.log, terminal.err_is_terminal ? log_level::warn : log_level::info, "up");
  named_model model{wanted.model_file, "--model"};
  if (model.file.empty() && wanted.balancer.desired_files.empty()) {
    model =
        wanted.agent.program.kind == engine_kind::simulated ? named_model{"simulated"} : find_demo_model(surroundings);
  }
  if (auto const found = discover(wanted.agent, model); !found) return refused(found.error(), terminal);
  if (auto const found = find_engine(wanted.agent.program); !found) return refused(found.error(), terminal);
  auto const sockets = runtime_directory::make(surroundings);
  if (!sockets) return refused(sockets.error(), terminal);
  wanted.agent.runtime_directory = sockets->path();
  wanted.agent.version = PADDLER_VERSION;
  wanted.balancer.stop_deadline = std::min(wanted.balancer.stop_deadline, up_stop_deadline);
  event_loop loop;
  return loop.run_until_done(serve_up(loop, std::move(wanted), terminal));
}

exit_code run_balancer(balancer_command wanted, console& terminal) {
  prepare_process(wanted.log, log_level::info, "balancer");
  event_loop loop;
  return loop.run_until_done(serve_balancer(loop, std::move(wanted.balancer), terminal));
}

exit_code run_agent(agent_command wanted, environment const& surroundings, console& terminal) {
  prepare_process(wanted.log, log_level::info, "agent");
  if (auto const found = discover(wanted.agent, {wanted.model_file, "--model"}); !found)
    return refused(found.error(), terminal);
  if (auto const found = find_engine(wanted.agent.program); !found) return refused(found.error(), terminal);
  auto const sockets = runtime_directory::make(surroundings);
  if (!sockets) return refused(sockets.error(), terminal);
  wanted.agent.runtime_directory = sockets->path();
  wanted.agent.version = PADDLER_VERSION;
  event_loop loop;
  return loop.run_until_done(serve_agent(loop, std::move(wanted.agent), terminal));
}

} // namespace paddler
