#include "sim/cluster.hpp"

#include "runtime/race.hpp"
#include "runtime/task_group.hpp"

#include <algorithm>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto restart_least = 100ms;
constexpr auto restart_most = 3s;
constexpr auto unwinding_limit = std::chrono::minutes(5);

} // namespace

// --- processes ---

task<> balancer_life::run() {
  it_ = std::make_unique<balancer>(where().executor(), config_);
  it_->on_fatal = [this](error const&) { sim_.at(sim_.now(), [self = shared_from_this()] { self->kill(); }); };
  auto const started = co_await it_->start();
  serving_ = started.has_value();
  if (serving_) served_ = {it_->core().desired().current(), {}};
  while (serving_ && !ending())
    if (!co_await changed().wait()) break;
  if (serving_) co_await it_->stop();
  serving_ = false;
  it_.reset();
}

void balancer_life::dies() { served_ = served(); }

std::optional<balancer_life::span> balancer_life::served() const {
  if (auto const* const lives = core(); lives != nullptr) return span{served_->from, lives->desired().current()};
  return served_;
}

task<> agent_life::stop_at_end() {
  while (!ending())
    if (!co_await changed().wait()) co_return;
  it_->stop(duration::zero());
}

namespace {

task<> run_agent(agent& it) { co_await it.run(); }

} // namespace

task<> agent_life::run() {
  it_ = std::make_unique<agent>(where().executor(), config_);
  task_group group(where().executor(), "agent of the simulation");
  group.spawn("end", stop_at_end());
  co_await run_agent(*it_);
  group.cancel();
  co_await group.join();
  it_.reset();
}

// --- the cluster ---

cluster::cluster(simulator& sim, sim_network& net, sim_files& files, scenario const& what,
                 dispatch_policy const& dispatch)
    : sim_(sim), net_(net), files_(files), what_(what), dispatch_(dispatch) {
  disk_->faults = {what.disk_full, what.disk_broken};
  disk_->forgets = what.broken == broken_promise::disk_forgets;
  for (std::size_t i = 0; i < what.agents; ++i) {
    auto const host = static_cast<host_id>(first_agent_host + i);
    machines_.push_back(
        {.id = "a" + std::to_string(i), .host = host, .engines = std::make_shared<sim_engine_host>(sim, net, host)});
  }
}

void cluster::start() {
  start_balancer();
  for (std::size_t i = 0; i < machines_.size(); ++i) start_agent(i);
}

void cluster::start_balancer() {
  if (ending_) return;
  auto& where = sim_.add_process("balancer", balancer_host);
  balancer_config config;
  config.inference_address = inference_place;
  config.management_address = management_place;
  config.make_store = [this, &where] { return make_sim_store(sim_, disk_, where); };
  config.policy.dispatch = dispatch_;
  config.policy.history = {.max_records = 20, .always_kept = 5, .max_folded_at_once = 8, .slack = 5};
  if (what_.file_pause > duration{}) {
    config.desired_files = {desired_file};
    config.open_desired_file = [this](blocking_executor&) { return files_.open(desired_file); };
  }
  config.engine_silence = 30s;
  config.memory.look_every = std::chrono::hours(24); // that of the simulation says nothing of it
  balancer_ = std::make_shared<balancer_life>(sim_, net_, where, std::move(config));
  balancer_->on_end = [this] {
    sim_.count("balancer.ended");
    sim_.at(sim_.now() + sim_.between(restart_least, restart_most), [this] { start_balancer(); });
  };
  balancers_.push_back(balancer_);
  all_.push_back(balancer_);
  balancer_->start();
}

void cluster::start_agent(std::size_t which) {
  auto& on = machines_[which];
  if (ending_ || on.gone) return;
  auto& where = sim_.add_process(on.id, on.host);
  agent_config config;
  config.balancers = {management_place};
  config.id = {on.id};
  config.version = "simulated";
  config.program.kind = engine_kind::simulated;
  config.program.simulation.load_time = std::chrono::duration_cast<std::chrono::microseconds>(what_.load_time);
  config.program.simulation.token_time = std::chrono::duration_cast<std::chrono::microseconds>(what_.token_time);
  config.program.simulation.answer_tokens = 1000;
  config.runtime_directory = "/sim/" + on.id;
  config.engines = on.engines;
  config.machine = [id = on.id, memory = what_.room_for_two ? std::uint64_t{64} << 30U : 0] {
    return machine_facts{.hostname = id, .cpu_cores = 8, .memory_bytes = memory, .gpus = {}};
  };
  config.drain = 5s;
  if (what_.discovery) {
    config.discovered.emplace();
    config.discovered->slots = static_cast<int>(1 + sim_.chance().below(4));
    if (sim_.likely(0.3)) config.discovered->max_context_length = 2048;
    if (sim_.likely(0.3))
      config.discovered->desired_model = model_reference{.source = model_source::local, .path = "/models/d.gguf"};
  }
  config.link.deltas = !is_older_peer(what_, which);
  if (adjust) adjust(which, config);
  words_[&where] = config.discovered;
  if (auto& word = words_[&where]) word->id = config.id;
  on.agent = std::make_shared<agent_life>(sim_, net_, where, std::move(config));
  on.agent->on_end = [this, which] {
    machines_[which].engines->kill_all(); // they die with their parent
    sim_.at(sim_.now() + sim_.between(restart_least, restart_most), [this, which] { start_agent(which); });
  };
  all_.push_back(on.agent);
  on.agent->start();
}

void cluster::kill_balancer() {
  if (balancer_) balancer_->kill();
}

void cluster::kill_agent(std::size_t which) {
  if (auto const& agent = machines_[which].agent) agent->kill(sim_.likely(0.3));
}

void cluster::lose_agent_for_ever(std::size_t which) {
  machines_[which].gone = true;
  kill_agent(which);
}

bool cluster::end() {
  ending_ = true;
  kill_balancer();
  for (std::size_t i = 0; i < machines_.size(); ++i) lose_agent_for_ever(i);
  return sim_.run_until(sim_.now() + unwinding_limit,
                        [this] { return std::ranges::all_of(all_, [](auto const& each) { return each->over(); }); });
}

} // namespace paddler_sim
