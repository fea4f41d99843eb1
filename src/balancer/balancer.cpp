#include "balancer/balancer.hpp"

#include "balancer/admission.hpp"
#include "balancer/core_service.hpp"
#include "balancer/dump_service.hpp"
#include "balancer/event_service.hpp"
#include "balancer/file_source.hpp"
#include "balancer/history_service.hpp"
#include "balancer/inference_service.hpp"
#include "balancer/link_registry.hpp"
#include "balancer/management_service.hpp"
#include "balancer/openapi.hpp"
#include "balancer/policy_service.hpp"
#include "balancer/slot_registry.hpp"
#include "core/state/field_map.hpp"
#include "net/host_guard.hpp"
#include "net/http_server.hpp"
#include "net/router.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/files.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "store/memory_store.hpp"
#include "store/sqlite_store.hpp"

#include <deque>

namespace paddler {
namespace {

constexpr std::size_t write_queue_limit = 64;
constexpr std::size_t file_queue_limit = 64;
constexpr std::size_t max_clients = 20'000;   // connections to the inference API
constexpr std::size_t max_operators = 10'000; // connections to the management API beside those of agents
// For those who ask the wrong port.
constexpr auto about_inference =
    "this port serves OpenAI's API under /v1, the management API has another (--management-addr)";
constexpr auto about_management =
    "this port serves the management API under /management/v1, OpenAI's API has another (--inference-addr)";
constexpr auto last_words = std::chrono::milliseconds(500); // to tell open streams and links that this is the end

std::unique_ptr<state_store> make_store(balancer_config const& config) {
  if (config.make_store) return config.make_store();
  if (config.state_directory.empty()) return make_memory_store();
  return make_sqlite_store(config.state_directory + "/state.db");
}

result<stored_state> blocking_open_state(std::string const& directory, state_store& store) {
  if (!directory.empty())
    if (auto const made = blocking_make_directories(directory); !made)
      return fail(
          made.error().code, "the state directory: " + made.error().message,
          "Choose another with --state-dir, or mend this one: paddler must be able to make it and write to it.");
  return store.blocking_open();
}

// OpenAI's clients understand errors in their own shape only, the server's own errors included.
error_answer inference_shape(unsigned status, std::string_view detail, std::string_view) {
  inference_error wrong;
  wrong.status = static_cast<int>(status);
  wrong.code = status == 404 || status == 405 ? "not_found" : status < 500 ? "invalid_request_error" : "server_error";
  wrong.message = detail;
  wrong.should_retry = status >= 500;
  return {"application/json", error_body(wrong, api_dialect::openai)};
}

result<listener> listen_on(asio::any_io_executor const& executor, char const* flag, std::string const& address) {
  auto const where = parse_host_and_port(address, 0);
  auto opened = where ? listener::tcp(executor, where->host, where->port) : std::unexpected(where.error());
  if (!opened) opened.error().message.insert(0, std::string(flag) + ": ");
  return opened;
}

// Bound; connections wait until somebody accepts them.
struct front_doors {
  listener inference, management;
};

result<front_doors> open_doors(asio::any_io_executor const& executor, balancer_config const& config) {
  auto inference = listen_on(executor, "--inference-addr", config.inference_address);
  if (!inference) return std::unexpected(inference.error());
  auto management = listen_on(executor, "--management-addr", config.management_address);
  if (!management) return std::unexpected(management.error());
  return front_doors{std::move(*inference), std::move(*management)};
}

std::vector<route> joined(std::vector<route> first, std::vector<route> second) {
  first.insert(first.end(), std::make_move_iterator(second.begin()), std::make_move_iterator(second.end()));
  return first;
}

} // namespace

// What a started balancer is made of, in order of construction. Destroyed in reverse: connections before what they use.
struct balancer::parts {
  parts(asio::any_io_executor ex, balancer_config given) : executor(ex), config(std::move(given)) {}

  asio::any_io_executor executor;
  balancer_config config;
  blocking_executor writer{"state writer", 1, write_queue_limit};
  blocking_executor files{"files", 1, file_queue_limit};
  std::unique_ptr<state_store> store;

  std::optional<core_service> core;
  std::optional<slot_registry> slots;
  std::optional<link_registry> links;
  std::optional<admission> door;
  std::optional<inference_service> inference;
  std::optional<management_service> management;
  std::optional<history_service> history;
  std::optional<policy_service> policies;
  std::optional<dump_service> dump;
  std::optional<event_service> events;
  std::deque<file_source> files_of_desired;
  std::optional<http_server> inference_server, management_server;
  std::optional<memory_watch> memory;
  task_group background{executor, "balancer", on_escape::fail_process};
  std::string inference_address, management_address;

  void compose(balancer& owner, balancer_core core_state, front_doors const& front);
  void listen(front_doors doors);

  [[nodiscard]] host_guard guard_of(listener const& at) const {
    return host_guard({.loopback = at.is_loopback(), .names = config.host_names});
  }
};

balancer::balancer(asio::any_io_executor executor, balancer_config config)
    : parts_(std::make_unique<parts>(executor, std::move(config))) {}

balancer::~balancer() = default;

std::string balancer::inference_address() const { return parts_->inference_address; }

std::string balancer::management_address() const { return parts_->management_address; }

balancer_core const& balancer::core() const { return parts_->core->core(); }

// What can be refused comes first: nothing runs yet that would have to be stopped.
task<result<void>> balancer::start() {
  auto& p = *parts_;
  if (p.config.desired_files.size() > max_desired_paths)
    co_return fail(error_code::invalid_input,
                   "--desired was given " + std::to_string(p.config.desired_files.size()) + " times, and " +
                       std::to_string(max_desired_paths) + " are allowed",
                   "Put the files into one folder and name that.");
  auto doors = open_doors(p.executor, p.config);
  if (!doors) co_return std::unexpected(doors.error());
  p.store = make_store(p.config);
  auto opened =
      co_await run_blocking(p.writer, [&p] { return blocking_open_state(p.config.state_directory, *p.store); });
  if (!opened) co_return std::unexpected(opened.error());
  balancer_core core(p.config.policy, opened->leader);
  core.restore(opened->base.value_or(state_snapshot{}), opened->log);
  log_info(
      "state.restored", "desired state is as it was",
      {{"revision", core.desired().current().value}, {"records", opened->log.size()}, {"epoch", opened->leader.value}});
  p.compose(*this, std::move(core), *doors);
  p.listen(std::move(*doors));
  co_return result<void>{};
}

void balancer::parts::compose(balancer& owner, balancer_core core_state, front_doors const& front) {
  core.emplace(executor, std::move(core_state), *store, writer);
  slots.emplace(*core, config.engine_silence);
  links.emplace(*core);
  door.emplace(executor, *core, *links, config.admission);
  inference.emplace(executor, *core, *slots, inference_limits{config.comment_interval}, config.max_body_bytes);
  management.emplace(*core, *door, *links, *slots, files, config.max_document_bytes);
  history.emplace(*core, *door, files, config.max_document_bytes);
  policies.emplace(*core, *door, files);
  dump.emplace(*core, files);
  events.emplace(executor, *core);
  core->handlers = {
      .send = [this](link_id link, balancer_message const& message) { links->send(link, message); },
      .close_link = [this](link_id link, std::string const& reason) { links->close(link, reason); },
      .tell_loser =
          [](lost_field const& loss) { log_warn("desired.field_lost", describe(loss), {{"path", loss.path}}); },
      .run = [this](run_request const& decision) { inference->run(decision); },
      .fail = [this](fail_request const& decision) { inference->fail(decision); },
      .interrupt = [this](interrupt_attempt const& decision) { inference->interrupt(decision); },
      .drop_slots_of = [this](drop_slots const& which) { slots->drop(which); },
      .drop_one_slot = [this](drop_slot const& which) { slots->drop(which); },
      .published = [this] { events->notify(); },
      .storage_failed =
          [&owner](error why) {
            if (owner.on_fatal) owner.on_fatal(std::move(why));
          },
  };
  core->spawn_into(background);
  inference->spawn_into(background);
  slots->spawn_into(background);
  core->apply(balancer_started{});
  for (auto const& given : config.desired_files) {
    auto const path = without_final_slashes(given);
    auto opened = config.open_desired_file ? config.open_desired_file(files) : watch_file(executor, files, path);
    auto& source =
        files_of_desired.emplace_back(*core, *door, files, path, std::move(opened), config.max_document_bytes);
    background.spawn("desired file", source.watch());
  }
  http_server_config as_inference{.name = "inference", .connection_limit = max_clients, .errors = inference_shape};
  as_inference.limits.write_silence = config.client_silence;
  inference_server.emplace(executor, std::move(as_inference),
                           guarded(guard_of(front.inference),
                                   routed(router(joined(inference->routes(), health_routes(*core)), about_inference))));
  memory.emplace(config.memory, files, *inference, *inference_server);
  background.spawn("memory", memory->run());
  auto management_routes = joined(joined(management->routes(), history->routes()), events->routes());
  management_routes = joined(joined(std::move(management_routes), policies->routes()), dump->routes());
  management_routes = joined(std::move(management_routes), health_routes(*core));
  // Links and slots have limits of their own, which tell an agent more than a server that is full.
  auto const connections = config.policy.link.max_agents + max_slot_connections + max_operators;
  management_server.emplace(executor, http_server_config{.name = "management", .connection_limit = connections},
                            guarded(guard_of(front.management),
                                    routed(router(with_openapi(std::move(management_routes)), about_management))));
}

void balancer::parts::listen(front_doors doors) {
  inference_address = doors.inference.address();
  management_address = doors.management.address();
  inference_server->start(std::move(doors.inference));
  management_server->start(std::move(doors.management));
  log_info("balancer.listening", "ready for clients and agents",
           {{"inference", inference_address}, {"management", management_address}});
}

// Nothing new comes in; what waits is told; what runs gets its time, then is told. Agents go last, so that running
// requests keep their slots; then the tasks behind the core, which may still have answers to make durable.
task<> balancer::stop() {
  auto& p = *parts_;
  if (!p.core) co_return;
  log_info("balancer.stopping", "running requests may finish", {{"requests", p.inference->size()}});
  p.core->apply(stop_requested{});
  co_await stop_in_two_phases(p.config.stop_deadline, p.inference_server->stop(p.config.stop_deadline + last_words),
                              [&p] { p.inference->abort_all(); });
  p.slots->drop_all();
  p.links->close_all("the balancer is stopping");
  p.events->stop();
  co_await p.management_server->stop(last_words);
  p.background.cancel();
  co_await p.background.join();
  log_info("balancer.stopped", "every connection is closed");
}

} // namespace paddler
