#include "sim/rehearsal.hpp"

#include "sim/http_call.hpp"
#include "sim/workloads.hpp"

#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto glance = 5ms;
constexpr auto check_period = 1s;
constexpr auto start_limit = 10s;
constexpr auto answer_limit = 10s;

// Sends one document and ends.
class messenger final : public life {
public:
  messenger(simulator& sim, sim_network& net, process& where, std::string document)
      : life(sim, net, where), document_(std::move(document)) {}

  outcome answer;

private:
  task<> run() override {
    asked question;
    question.place = management_place;
    question.method = "PUT";
    question.target = "/management/v1/desired";
    question.body = document_;
    question.type = "application/yaml";
    answer = co_await call(std::move(question));
  }

  std::string document_;
};

} // namespace

rehearsal::rehearsal(scenario const& what, std::function<void(std::size_t, agent_config&)> adjust)
    : stage_(what, false), state_(stage_) {
  stage_.plant.adjust = std::move(adjust);
  stage_.plant.start();
  stage_.faults_end = mono_time::max();
  until(start_limit, [this] { return core() != nullptr; });
  for (auto const& each : all_workloads())
    if (!each.changes_state) each.start(stage_);
}

rehearsal::~rehearsal() {
  for (auto const& each : all_workloads()) each.finish(stage_);
  stage_.violation.reset();
  stage_.plant.end();
}

agent_record const* rehearsal::agent(std::size_t which) const {
  if (core() == nullptr) return nullptr;
  auto const at = core()->agents().agents().find({stage_.plant.machines()[which].id});
  return at == core()->agents().agents().end() ? nullptr : &at->second;
}

std::size_t rehearsal::slots_of(std::size_t which) const {
  if (core() == nullptr) return 0;
  agent_id const id{stage_.plant.machines()[which].id};
  return core()->requests().slots_of(id, false) + core()->requests().slots_of(id, true);
}

void rehearsal::want(std::string document) {
  if (!try_to_want(std::move(document))) stage_.violated("a change was not answered 200");
}

bool rehearsal::try_to_want(std::string document) {
  until(start_limit, [this] { return core() != nullptr; });
  auto& where = stage_.sim.add_process("script", client_host);
  auto const sender = std::make_shared<messenger>(stage_.sim, stage_.net, where, std::move(document));
  sender->start();
  return until(answer_limit, [&] { return sender->over(); }) && sender->answer.status == 200;
}

void rehearsal::pass(duration time) {
  for (auto const end = stage_.sim.now() + time; stage_.sim.now() < end;) {
    stage_.step_until(std::min(end, stage_.sim.now() + check_period));
    check(stage_, moment::each_second);
    if (stage_.violation) return;
  }
}

std::optional<duration> rehearsal::until(duration limit, std::function<bool()> const& holds) {
  auto const begin = stage_.sim.now();
  while (!holds()) {
    if (stage_.violation || stage_.sim.now() - begin >= limit) return std::nullopt;
    stage_.step_until(stage_.sim.now() + glance);
  }
  return stage_.sim.now() - begin;
}

std::optional<duration> rehearsal::converges(duration limit) {
  return until(limit, [this] { return state_.holds(); });
}

std::string same_for_all(std::size_t agents, int slots) {
  std::string out = "agents:\n";
  for (std::size_t i = 0; i < agents; ++i)
    out += "  - id: a" + std::to_string(i) +
           "\n    desired_model: {source: local, path: /models/m.gguf}\n    slots: " + std::to_string(slots) + "\n";
  return out + "models:\n  - id: sim\n";
}

} // namespace paddler_sim
