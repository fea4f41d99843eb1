#include "agent/agent.hpp"

#include "agent/engine_reconciler.hpp"
#include "agent/link_session.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/machine.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t blocking_threads = 3; // two digests of large files may be under way
constexpr std::size_t blocking_queue = 64;

// Grows from start to start, and fits into a JSON number's 53 bits.
incarnation new_process() {
  auto const now = std::chrono::duration_cast<std::chrono::microseconds>(wall_now().time_since_epoch());
  return {static_cast<std::uint64_t>(now.count())};
}

agent_capabilities capabilities_of(machine_facts facts, std::string version) {
  return {.version = std::move(version),
          .hostname = std::move(facts.hostname),
          .cpu_cores = facts.cpu_cores,
          .memory_bytes = facts.memory_bytes,
          .gpus = std::move(facts.gpus)};
}

machine_facts blocking_facts(agent_config const& config) {
  if (config.machine) return config.machine();
  return blocking_machine_facts();
}

result<std::vector<host_and_port>> parse_balancers(std::vector<std::string> const& texts) {
  std::vector<host_and_port> out;
  for (auto const& text : texts) {
    auto parsed = parse_host_and_port(text, default_management_port);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    out.push_back(std::move(*parsed));
  }
  if (out.empty())
    return fail(error_code::invalid_input, "the agent was given no balancer's address",
                "name one as in 127.0.0.1:" + std::to_string(default_management_port));
  return out;
}

} // namespace

struct agent::parts {
  parts(asio::any_io_executor const& executor_in, agent_config config_in)
      : executor(executor_in),
        config(std::move(config_in)),
        changed(executor),
        tasks(executor, "agent", on_escape::fail_process) {}

  task<result<void>> prepare();
  void make_services(machine_facts facts, std::vector<host_and_port> balancers);
  task<> keep_link();
  task<> wait_for_end();
  task<> check_itself();
  task<> check(agent_check what);
  task<> measure_machine();
  task<> shut_down();
  task<> wait_until_idle();
  task<> patience_over();
  void tell_balancer();
  void serve_slots();

  asio::any_io_executor const executor;
  agent_config config;
  agent_identity identity;
  wakeup changed;                        // what run() waits for
  std::optional<mono_time> stop_at;      // set: it is to stop; requests may run until then
  std::optional<host_and_port> balancer; // that knows this agent
  std::optional<std::string> refusal;
  bool link_over = false;

  blocking_executor blocking{"agent", blocking_threads, blocking_queue};
  std::optional<engine_reconciler> engines; // these two from prepare() on
  std::optional<link_session> link;
  task_group tasks;
};

// --- the beginning ---

task<result<void>> agent::parts::prepare() {
  auto balancers = parse_balancers(config.balancers);
  if (!balancers) co_return std::unexpected(std::move(balancers).error());
  auto facts = co_await run_blocking(blocking, [this] { return blocking_facts(config); });
  if (!facts) co_return std::unexpected(std::move(facts).error());
  if (config.id.empty()) config.id.value = facts->hostname;
  if (!is_valid_name(config.id.value))
    co_return fail(error_code::invalid_input, "'" + config.id.value + "' is not a valid agent id",
                   "give the agent a name of 1 to 128 letters, digits and - _ . / : @");
  if (config.discovered) config.discovered->id = config.id;
  make_services(std::move(*facts), std::move(*balancers));
  co_return result<void>{};
}

void agent::parts::make_services(machine_facts facts, std::vector<host_and_port> balancers) {
  engines.emplace(executor, blocking, config, facts, [this] { tell_balancer(); });
  identity = {config.id, new_process(), capabilities_of(std::move(facts), config.version), config.discovered};
  link.emplace(executor, config.link, identity, std::move(balancers),
               link_handlers{.check = [this](applicable_state state) { return engines->check(std::move(state)); },
                             .examine = [this](applicable_state state) { return engines->examine(std::move(state)); },
                             .run = [this](applicable_state const& state) { engines->run(state); },
                             .connected =
                                 [this](std::optional<host_and_port> const& by) {
                                   balancer = by;
                                   serve_slots();
                                 }});
}

task<> agent::parts::keep_link() {
  refusal = co_await link->run();
  link_over = true;
  changed.notify_all();
}

// --- what follows from the engines' state ---

void agent::parts::tell_balancer() {
  if (!link) return;
  auto seen = engines->report();
  seen.actions = engines->take_log_news();
  link->observe(std::move(seen));
}

// Slots are offered to the balancer that knows this agent.
void agent::parts::serve_slots() {
  if (!balancer) return engines->serve(std::nullopt);
  engines->serve(slot_audience{*balancer, identity.agent, identity.process});
}

// --- looking at itself ---

task<> agent::parts::check_itself() {
  check_schedule schedule(config.checks, mono_now());
  while (co_await sleep_for(std::max(schedule.next() - mono_now(), duration{}))) {
    auto const due = schedule.take_due(mono_now());
    for (auto const what : due) co_await check(what);
  }
}

task<> agent::parts::check(agent_check what) {
  switch (what) {
  case agent_check::health: engines->ask_health(); co_return;
  case agent_check::model: co_return co_await engines->look_at_files();
  case agent_check::machine: co_return co_await measure_machine();
  }
}

// What it is called does not change while it runs.
task<> agent::parts::measure_machine() {
  auto facts = co_await run_blocking(blocking, [this] { return blocking_facts(config); });
  if (!facts) co_return;
  facts->hostname = identity.capabilities.hostname;
  auto seen = capabilities_of(*facts, config.version);
  if (seen == identity.capabilities) co_return;
  log_info("machine.changed", "the machine has other memory or other devices than before",
           {{"memory_bytes", seen.memory_bytes}, {"cpu_cores", seen.cpu_cores}, {"gpus", seen.gpus.size()}});
  identity.capabilities = seen;
  engines->measured(*std::move(facts));
  link->measured(std::move(seen));
}

// --- the end ---

task<> agent::parts::wait_for_end() {
  while (!stop_at && !link_over)
    if (!co_await changed.wait()) break;
  if (!stop_at) stop_at = mono_now();
}

task<> agent::parts::wait_until_idle() { co_await engines->wait_idle(); }

task<> agent::parts::patience_over() {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  for (auto now = mono_now(); now < *stop_at && !is_cancelled(cancellation); now = mono_now())
    co_await with_deadline(*stop_at - now, changed.wait());
}

// First the requests, then the engines, and the link last: without its link the balancer takes all slots for lost.
task<> agent::parts::shut_down() {
  log_info("agent.stopping", "running requests may end first", {{"requests", engines->busy()}});
  engines->withdraw();
  co_await run_unless(wait_until_idle(), patience_over());
  co_await engines->stop();
  link->stop();
  tasks.cancel();
  co_await tasks.join();
}

agent::agent(asio::any_io_executor executor, agent_config config)
    : parts_(std::make_unique<parts>(executor, std::move(config))) {}

agent::~agent() = default;

task<result<void>> agent::run() {
  auto& p = *parts_;
  if (auto ready = co_await p.prepare(); !ready) co_return ready;
  p.tasks.spawn("link", p.keep_link());
  p.tasks.spawn("checks", p.check_itself());
  co_await p.wait_for_end();
  co_await p.shut_down();
  if (p.refusal) co_return fail(error_code::conflict, "the balancer refuses this agent: " + *p.refusal);
  co_return result<void>{};
}

void agent::stop(duration polite) {
  auto const at = mono_now() + polite;
  parts_->stop_at = std::min(at, parts_->stop_at.value_or(at));
  parts_->changed.notify_all();
}

engine_report agent::engine() const { return parts_->engines ? parts_->engines->report().engine : engine_report{}; }

bool agent::is_connected() const { return parts_->balancer.has_value(); }

agent_id const& agent::id() const { return parts_->config.id; }

} // namespace paddler
