#include "bench/state/state_bench.hpp"

#include "bench/load_generator.hpp"
#include "bench/state/fleet.hpp"
#include "bench/state/server_process.hpp"
#include "bench/state/state_change.hpp"
#include "net/listener.hpp"
#include "runtime/clock.hpp"
#include "runtime/files.hpp"
#include "runtime/timer.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <stdexcept>
#include <utility>

namespace paddler {
namespace {

constexpr auto patience = std::chrono::seconds(300);
constexpr auto look_pause = std::chrono::milliseconds(20);
constexpr auto facts_tick = std::chrono::milliseconds(1);
constexpr auto processor_tick = std::chrono::milliseconds(100);
constexpr std::size_t processor_window = 10; // ticks
constexpr std::size_t slots_a_second = 2000; // that the fleet opens, on average
constexpr int max_looks = 3000;
constexpr int looks_at_agents = 50;
constexpr int port_tries = 20;
constexpr document_limits list_limits{std::size_t{256} << 20, 10'000'000};

double milliseconds(duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double seconds(duration time) { return std::chrono::duration<double>(time).count(); }

void require(bool holds, std::string const& what) {
  if (!holds) throw std::runtime_error("bench/state: " + what);
}

std::string numbers(std::size_t is, std::size_t wanted) {
  return std::to_string(is) + " instead of " + std::to_string(wanted);
}

// With the values: runs are put together.
document_node distribution(std::vector<double> values) {
  auto out = object_node();
  out.add("p50", number_node(percentile(values, 50)))
      .add("p99", number_node(percentile(values, 99)))
      .add("max", number_node(percentile(values, 100)));
  auto all = list_node();
  for (double const value : values) all.items.push_back(number_node(value));
  out.add("values", std::move(all));
  return out;
}

document_node traffic_node(traffic const& what) {
  auto out = object_node();
  out.add("messages", number_node(what.messages)).add("bytes", number_node(what.bytes));
  return out;
}

// Below the ports that the kernel gives to who dials: while a balancer is away, no agent may get its port.
std::uint16_t free_port(asio::any_io_executor const& executor, random_source& random) {
  for (int i = 0; i < port_tries; ++i) {
    auto const port = static_cast<std::uint16_t>(16'000 + random.below(16'000));
    if (listener::tcp(executor, "127.0.0.1", port)) return port;
  }
  throw std::runtime_error("bench/state: no free port below 32000");
}

struct scratch_directory {
  scratch_directory() : path(blocking_make_private_directory("/tmp/paddler-bench-").value()) {}

  ~scratch_directory() { blocking_remove_directory(path); }

  scratch_directory(scratch_directory const&) = delete;
  scratch_directory& operator=(scratch_directory const&) = delete;

  std::string path;
};

// Asks for the server's health all the time: how long its loop lets one wait.
struct health_probe {
  health_probe(asio::any_io_executor const& executor, host_and_port const& server)
      : client(server), tasks(executor, "probe", on_escape::fail_process) {}

  task<> run() {
    while (!done) {
      auto const begun = mono_now();
      co_await client.want("GET", "/healthz");
      waits.push_back(milliseconds(mono_now() - begun));
      co_await sleep_for(look_pause);
    }
  }

  task<> end() {
    done = true;
    co_await tasks.join();
  }

  management_client client;
  std::vector<double> waits;
  bool done = false;
  task_group tasks;
};

// The most processor time that a process used in one second.
struct processor_probe {
  processor_probe(asio::any_io_executor const& executor, std::int64_t of)
      : pid(of), tasks(executor, "processor", on_escape::fail_process) {}

  task<> run() {
    while (!done) {
      used.push_back(seconds(usage_of(pid).cpu));
      co_await sleep_for(processor_tick);
    }
  }

  task<> end() {
    done = true;
    co_await tasks.join();
  }

  [[nodiscard]] double peak() const {
    double out = 0;
    for (std::size_t i = processor_window; i < used.size(); ++i)
      out = std::max(out, used[i] - used[i - processor_window]);
    return out;
  }

  std::int64_t pid;
  std::vector<double> used;
  bool done = false;
  task_group tasks;
};

class bench {
public:
  bench(asio::any_io_executor const& executor, bench_plan plan)
      : executor_(executor), plan_(std::move(plan)), random_(plan_.seed ^ random_seed()), server_(executor) {}

  task<> run() {
    address_ = {"127.0.0.1", free_port(executor_, random_)};
    co_await start_server();
    out_.add("server", text_node(is_bare() ? "bare" : "balancer"))
        .add("agents", number_node(plan_.agents))
        .add("empty_bytes", number_node(server_.usage().resident_bytes));
    changer_.emplace(address_, is_bare(), plan_.agents);
    client_.emplace(address_);
    co_await changer_->begin();
    co_await join();
    co_await rest();
    co_await change_all_kinds();
    co_await state_facts();
    if (plan_.restart && !is_bare()) co_await restart();
    out_.add("peak_bytes", number_node(server_.usage().peak_bytes));
  }

  // However run() ended.
  task<> end() {
    if (probe_) co_await probe_->end();
    if (processor_) co_await processor_->end();
    if (fleet_) co_await fleet_->stop();
    co_await server_.kill();
  }

  [[nodiscard]] document_node const& outcome() const { return out_; }

private:
  [[nodiscard]] bool is_bare() const { return plan_.paddler.empty(); }

  task<> start_server() {
    auto const where = to_string(address_);
    if (is_bare()) {
      std::vector<std::string> arguments = {"bare", where};
      co_await server_.start(plan_.bare, std::move(arguments));
      co_return;
    }
    std::vector<std::string> arguments = {
        "balancer",          "--state-dir", directory_.path + "/state", "--inference-addr", "127.0.0.1:0",
        "--management-addr", where};
    co_await server_.start(plan_.paddler, std::move(arguments));
  }

  // --- everybody comes ---

  task<> join() {
    fleet_plan plan{.balancer = address_,
                    .agents = plan_.agents,
                    .slots = plan_.slots,
                    .slot_connections = plan_.slot_connections && !is_bare(),
                    .offer_time = offer_time(),
                    .seed = plan_.seed};
    fleet_.emplace(executor_, plan);
    auto const before = server_.usage();
    auto const begun = mono_now();
    fleet_->start();
    co_await wait("the agents did not all connect", fleet_->wait_live(patience));
    if (is_bare()) co_await changer_->make(change_kind::all);
    co_await wait("the agents did not all get a state and serve it", fleet_->wait_settled(patience));
    co_await until_slots();
    auto const took = mono_now() - begun;
    if (!is_bare()) co_await check_agents();
    auto node = object_node();
    node.add("seconds", number_node(seconds(took)))
        .add("cpu_seconds", number_node(seconds(server_.usage().cpu - before.cpu)))
        .add("dials", number_node(fleet_->counts().dials))
        .add("failed_dials", number_node(fleet_->counts().failed_dials));
    out_.add("join", std::move(node));
  }

  // A thousand machines open sixteen thousand connections at once; the one process that stands for them needs a while.
  [[nodiscard]] duration offer_time() const {
    auto const slots = plan_.agents * static_cast<std::size_t>(plan_.slots);
    return std::chrono::milliseconds(1 + slots * 1000 / slots_a_second / 2);
  }

  static task<> wait(std::string what, task<bool> until) {
    bool const held = co_await std::move(until);
    require(held, what);
  }

  task<> until_slots() {
    if (!plan_.slot_connections || is_bare()) co_return;
    auto const target = "/readyz?slots=" + std::to_string(plan_.agents * static_cast<std::size_t>(plan_.slots));
    for (int i = 0; i < max_looks; ++i) {
      auto const answer = co_await client_->ask("GET", target);
      if (answer.status == 200) co_return;
      co_await sleep_for(look_pause);
    }
    require(false, "the slots did not all open");
  }

  // Every agent is there once, connected, and holds what is wanted; what it said last may be on its way. Gives the
  // revision of desired state.
  task<std::string> check_agents() {
    std::size_t good = 0;
    for (int i = 0; i < looks_at_agents; ++i) {
      auto const revision = co_await look_at_agents(&good);
      if (good == plan_.agents) co_return revision;
      co_await sleep_for(look_pause);
    }
    throw std::runtime_error("bench/state: " + numbers(good, plan_.agents) + " agents hold what is wanted of them");
  }

  task<std::string> look_at_agents(std::size_t* good) {
    auto const body = co_await client_->want("GET", "/management/v1/agents");
    auto const list = parse_json(body, list_limits);
    require(list.has_value(), "the list of agents is no JSON");
    auto const& rows = list->find("items")->items;
    require(rows.size() == plan_.agents, "there are " + numbers(rows.size(), plan_.agents) + " agents");
    *good = 0;
    for (auto const& row : rows)
      *good += row.find("connected")->boolean && row.find("applied")->text == row.find("wanted")->text &&
               row.find("applied")->text != "0";
    co_return list->find("revision")->text;
  }

  // --- nothing happens ---

  task<> rest() {
    co_await sleep_for(std::chrono::seconds(1)); // what joining left behind
    auto const before = server_.usage();
    auto const begun = mono_now();
    co_await sleep_for(length());
    auto const after = server_.usage();
    auto node = object_node();
    node.add("cpu", number_node(seconds(after.cpu - before.cpu) / seconds(mono_now() - begun)))
        .add("resident_bytes", number_node(after.resident_bytes));
    out_.add("rest", std::move(node));
  }

  [[nodiscard]] duration length() const { return duration(static_cast<duration::rep>(plan_.seconds * 1e9)); }

  // --- changes ---

  task<> change_all_kinds() {
    auto node = object_node();
    auto one = co_await change(change_kind::one);
    node.add("one", std::move(one));
    auto some = co_await change(change_kind::tenth);
    node.add("tenth", std::move(some));
    auto all = co_await change(change_kind::all);
    node.add("all", std::move(all));
    if (plan_.documents && !is_bare()) {
      auto whole = co_await change(change_kind::document);
      node.add("document", std::move(whole));
    }
    out_.add("changes", std::move(node));
  }

  // One after the other, each when what follows from the last one is over.
  task<document_node> change(change_kind kind) {
    std::vector<double> accepted, acknowledged, known;
    duration cpu{};
    auto const who = agents_of(kind, plan_.agents);
    auto const before = fleet_->counts();
    for (std::size_t i = 0; i < plan_.changes; ++i) {
      co_await wait("the engines did not all load", fleet_->wait_settled(patience));
      co_await sleep_for(look_pause);
      fleet_->expect_acks(who.first, who.every);
      auto const usage = server_.usage();
      auto const begun = mono_now();
      co_await changer_->make(kind);
      accepted.push_back(milliseconds(mono_now() - begun));
      co_await wait("a change was not acknowledged by all", fleet_->wait_acks(patience));
      acknowledged.push_back(milliseconds(fleet_->acknowledged_at() - begun));
      co_await client_->want("GET", "/healthz"); // the server has read what was sent before it
      known.push_back(milliseconds(mono_now() - begun));
      cpu += server_.usage().cpu - usage.cpu;
    }
    auto const& after = fleet_->counts();
    require(after.refusals == 0, "a state was refused");
    auto node = object_node();
    node.add("accepted_ms", distribution(std::move(accepted)))
        .add("acknowledged_ms", distribution(std::move(acknowledged)))
        .add("known_ms", distribution(std::move(known)))
        .add("cpu_ms", number_node(milliseconds(cpu) / static_cast<double>(plan_.changes)))
        .add("states",
             traffic_node({after.states.messages - before.states.messages, after.states.bytes - before.states.bytes}))
        .add("acks", traffic_node({after.acks.messages - before.acks.messages, after.acks.bytes - before.acks.bytes}));
    co_return node;
  }

  // --- facts ---

  task<> state_facts() {
    auto list = list_node();
    for (double const rate : plan_.rates) {
      co_await wait("the engines did not all load", fleet_->wait_settled(patience));
      auto node = co_await state_facts_at(rate);
      list.items.push_back(std::move(node));
      if (!is_bare()) co_await check_facts();
    }
    out_.add("facts", std::move(list));
  }

  // An open loop: facts are stated on a schedule, whatever the server makes of them.
  task<document_node> state_facts_at(double rate) {
    auto& probe = probe_.emplace(executor_, address_);
    auto const sent_before = fleet_->counts().reports;
    auto const before = server_.usage();
    auto const begun = mono_now();
    probe.tasks.spawn("probe", probe.run());
    std::uint64_t stated = 0;
    while (mono_now() - begun < length()) {
      auto const due = static_cast<std::uint64_t>(seconds(mono_now() - begun) * rate);
      while (stated < due) fleet_->report(stated++ % plan_.agents);
      co_await sleep_for(facts_tick);
    }
    auto const took = mono_now() - begun;
    auto const cpu = server_.usage().cpu - before.cpu;
    co_await probe.end();
    auto const& sent = fleet_->counts().reports;
    auto node = object_node();
    node.add("rate", number_node(rate))
        .add("seconds", number_node(seconds(took)))
        .add("stated", number_node(stated))
        .add("sent", traffic_node({sent.messages - sent_before.messages, sent.bytes - sent_before.bytes}))
        .add("cpu", number_node(seconds(cpu) / seconds(took)))
        .add("probe_ms", distribution(std::move(probe.waits)));
    co_return node;
  }

  // The balancer knows the last fact of every agent.
  task<> check_facts() {
    std::string lag;
    for (int i = 0; i < max_looks; ++i) {
      auto const body = co_await client_->want("GET", "/management/v1/agents");
      auto const list = parse_json(body, list_limits);
      require(list.has_value(), "the list of agents is no JSON");
      auto const& rows = list->find("items")->items;
      std::size_t good = 0;
      for (std::size_t k = 0; k < rows.size(); ++k)
        good += rows[k].find("engine_restarts")->text == std::to_string(fleet_->reported(k));
      if (good == plan_.agents) co_return;
      lag = numbers(good, plan_.agents);
      co_await sleep_for(look_pause);
    }
    require(false, "the last fact is known of " + lag + " agents");
  }

  // --- the balancer dies and is started again ---

  task<> restart() {
    auto const revision = co_await check_agents();
    auto const before = fleet_->counts();
    auto const begun = mono_now();
    co_await server_.kill();
    co_await start_server();
    client_.emplace(address_); // its connection is gone
    auto const listening = mono_now();
    auto& processor = processor_.emplace(executor_, server_.pid());
    processor.tasks.spawn("processor", processor.run());
    co_await sleep_for(look_pause); // every agent has noticed
    co_await wait("the agents did not all come back", fleet_->wait_live(patience));
    auto const live = mono_now();
    co_await until_slots();
    auto const served = mono_now();
    auto const revision_now = co_await check_agents();
    require(revision == revision_now, "coming back made new revisions: " + revision + " became " + revision_now);
    co_await sleep_for(std::chrono::seconds(1));
    co_await processor.end();
    auto const& after = fleet_->counts();
    require(after.welcomes - before.welcomes == plan_.agents,
            "there were " + numbers(after.welcomes - before.welcomes, plan_.agents) + " welcomes" + fleet_->notices());
    auto node = object_node();
    node.add("listening_seconds", number_node(seconds(listening - begun)))
        .add("live_seconds", number_node(seconds(live - listening)))
        .add("slots_seconds", number_node(seconds(served - listening)))
        .add("cpu_peak", number_node(processor.peak()))
        .add("cpu_seconds", number_node(seconds(server_.usage().cpu)))
        .add("dials", number_node(after.dials - before.dials))
        .add("failed_dials", number_node(after.failed_dials - before.failed_dials))
        .add("states", number_node(after.states.messages - before.states.messages));
    out_.add("restart", std::move(node));
  }

  asio::any_io_executor executor_;
  bench_plan const plan_;
  random_source random_;
  scratch_directory directory_;
  host_and_port address_;
  server_process server_;
  std::optional<fleet> fleet_;
  std::optional<state_changer> changer_;
  std::optional<management_client> client_;
  std::optional<health_probe> probe_;        // of the newest rate of facts
  std::optional<processor_probe> processor_; // of the restart
  document_node out_ = object_node();
};

} // namespace

task<std::string> run_bench(bench_plan plan) {
  bench run(co_await asio::this_coro::executor, std::move(plan));
  std::exception_ptr failure;
  try {
    co_await run.run();
  } catch (...) {
    failure = std::current_exception();
  }
  co_await run.end();
  if (failure) std::rethrow_exception(failure);
  co_return print_json(run.outcome());
}

} // namespace paddler
