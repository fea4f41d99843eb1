#include "sim/workloads.hpp"

#include "net/transport.hpp"
#include "runtime/timer.hpp"
#include "sim/stage.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

// So many, each in a process that is called by the letter and its number.
template <class Life>
void start_lives(stage& on, std::vector<std::shared_ptr<Life>>& lives, std::string const& letter, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    auto& where = on.sim.add_process(letter + std::to_string(i), client_host);
    lives.push_back(std::make_shared<Life>(on.sim, on.net, where, on.what, on.book));
    lives.back()->start();
  }
}

void start_clients(stage& on) { start_lives(on, on.clients, "c", on.what.clients); }

void finish_clients(stage& on) {
  for (auto& each : on.clients) each->finish();
}

void start_operators(stage& on) { start_lives(on, on.operators, "o", on.what.operators); }

void finish_operators(stage& on) {
  for (auto& each : on.operators) each->finish();
}

void start_troublemaker(stage& on) {
  if (on.what.trouble_pause > duration{}) start_lives(on, on.troublemakers, "t", 1);
}

void finish_troublemaker(stage& on) {
  for (auto& each : on.troublemakers) each->finish();
}

// --- the configuration file ---

// It sets some fields of some agents, and the model's.
std::string draw_file(stage& on) {
  auto& sim = on.sim;
  std::string agents;
  for (std::size_t i = 0; i < on.what.agents; ++i) {
    if (sim.likely(0.4)) continue;
    agents += "  - id: a" + std::to_string(i) + "\n";
    if (sim.likely(0.5))
      agents +=
          "    desired_model: {source: local, path: /models/f" + std::to_string(sim.chance().below(2)) + ".gguf}\n";
    if (sim.likely(0.5)) agents += "    slots: " + std::to_string(1 + sim.chance().below(4)) + "\n";
    if (sim.likely(0.5)) agents += "    max_context_length: " + std::to_string(1024 << sim.chance().below(2)) + "\n";
  }
  auto out = agents.empty() ? std::string("agents: []\n") : "agents:\n" + agents;
  if (sim.likely(0.5))
    out += "models:\n  - id: \"sim\"\n    parameters: {top_k: " + std::to_string(1 + sim.chance().below(3)) + "}\n";
  return out;
}

// As editors and people do it: as a whole, in place and so half written for a while, away and back, the same once more.
void change_file(stage& on) {
  auto text = draw_file(on);
  auto const way = on.sim.chance().below(10);
  if (way < 5) {
    on.sim.count("file.replaced");
    on.files.replace(desired_file, std::move(text));
  } else if (way < 8) {
    on.sim.count("file.half_written");
    on.files.replace(desired_file, text.substr(0, on.sim.chance().below(text.size())));
    on.sim.at(on.sim.now() + on.sim.between(1ms, 2s),
              [&on, text = std::move(text)] { on.files.replace(desired_file, text); });
  } else if (way == 8) {
    on.sim.count("file.removed");
    on.files.remove(desired_file);
  } else if (auto same = on.files.content(desired_file)) {
    on.sim.count("file.touched");
    on.files.replace(desired_file, *std::move(same));
  }
}

void keep_changing_file(stage& on) {
  auto const when = on.sim.now() + pause_of(on.sim, on.what.file_pause);
  if (when >= on.faults_end) return;
  on.sim.at(when, [&on] {
    change_file(on);
    keep_changing_file(on);
  });
}

void start_file(stage& on) {
  if (on.what.file_pause == duration{}) return;
  if (on.sim.likely(0.5)) on.files.replace(desired_file, draw_file(on));
  keep_changing_file(on);
}

// --- links of before ---

// What a link began with comes once more, as from a proxy that tries again: a greeting of a process that lives on, or
// that is long gone. Nothing follows.
class late_greeting final : public life {
public:
  late_greeting(simulator& sim, sim_network& net, process& where, std::string words)
      : life(sim, net, where), words_(std::move(words)) {}

private:
  task<> run() override {
    auto stream = co_await connect_tcp("127.0.0.1", 8060, 2s);
    if (!stream) co_return;
    asio::const_buffer const all(words_.data(), words_.size());
    co_await (*stream)->write({&all, 1});
    co_await sleep_for(sim_.between(10ms, 5s));
  }

  std::string words_;
};

void keep_greeting(stage& on) {
  auto const when = on.sim.now() + pause_of(on.sim, 5s);
  if (when >= on.relays_end()) return;
  on.sim.at(when, [&on] {
    keep_greeting(on);
    if (on.greetings.empty()) return;
    on.sim.count("relay.greeting_again");
    auto& where = on.sim.add_process("p", client_host);
    std::make_shared<late_greeting>(on.sim, on.net, where, on.greetings[on.sim.chance().below(on.greetings.size())])
        ->start();
  });
}

void start_late_greetings(stage& on) {
  if (on.what.bad_messages > 0) keep_greeting(on);
}

constexpr auto table = std::to_array<workload>({
    {"clients", start_clients, false, finish_clients},
    {"somebody who makes trouble", start_troublemaker, false, finish_troublemaker},
    {"operators", start_operators, true, finish_operators},
    {"configuration file", start_file, true, [](stage&) {}},
    {"greetings of before", start_late_greetings, true, [](stage&) {}},
});

} // namespace

std::span<workload const> all_workloads() { return table; }

} // namespace paddler_sim
