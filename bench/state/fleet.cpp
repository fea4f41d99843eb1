#include "bench/state/fleet.hpp"

#include "core/reconcile/content_digest.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"
#include "wire/link_compressor.hpp"

#include <cstdio>
#include <utility>

namespace paddler {
namespace {

constexpr auto fleet_resolution = std::chrono::milliseconds(2);
constexpr auto dial_limit = std::chrono::seconds(5); // as of a real agent
constexpr std::size_t max_notices = 20;
constexpr std::uint64_t engine_memory = std::uint64_t{4} << 30;

// RFC 6455, section 5.2; what an agent sends is masked.
std::size_t frame_bytes(std::size_t payload, bool masked) {
  return payload + (masked ? 6 : 2) + (payload < 126 ? 0 : payload < 65'536 ? 2 : 8);
}

agent_identity identity_of(std::size_t index, int slots, std::uint64_t process) {
  agent_identity out;
  out.agent = {agent_name(index)};
  out.process = {process};
  out.capabilities = {.version = "bench",
                      .hostname = "host-" + std::to_string(index),
                      .cpu_cores = 64,
                      .memory_bytes = std::uint64_t{256} << 30,
                      .gpus = {"NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3"}};
  agent_spec said;
  said.id = out.agent;
  said.desired_model.emplace();
  said.desired_model->source = model_source::local;
  said.desired_model->path = "/srv/models/" + model_of(index) + "-7b-q4_k_m.gguf";
  said.model = model_of(index);
  said.slots = slots;
  out.discovered = std::move(said);
  return out;
}

} // namespace

std::string agent_name(std::size_t index) {
  auto const digits = std::to_string(index);
  return "agent-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

std::string model_of(std::size_t index) { return index % tenth == 0 ? "tenth" : "fleet"; }

struct fleet::member {
  member(asio::any_io_executor const& executor, agent_link_policy const& policy, agent_identity self)
      : identity(self), machine(policy, std::move(self), 1), dial_ended(executor) {}

  agent_identity const identity;
  agent_link_machine machine;
  wakeup dial_ended;
  dial_serial dial = 0;
  websocket* socket = nullptr; // open, and owned by the dial's task
  agent_link_end end;          // of that socket
  bool live = false;
  bool settled = false;

  engine_report engine;
  std::optional<reconciliation> loading; // while the engine does
  std::uint64_t actions = 0;
  std::optional<slot_service> slots;
  bool offered = false; // they are
};

fleet::fleet(asio::any_io_executor const& executor, fleet_plan plan)
    : executor_(executor),
      plan_(std::move(plan)),
      random_(plan_.seed),
      changed_(executor),
      tasks_(executor, "fleet", on_escape::fail_process) {
  auto const process = random_seed();
  for (std::size_t i = 0; i < plan_.agents; ++i)
    members_.push_back(
        std::make_unique<member>(executor_, agent_link_policy{}, identity_of(i, plan_.slots, process + i)));
}

fleet::~fleet() = default;

void fleet::start() {
  tasks_.spawn("clock", keep_time());
  for (std::size_t i = 0; i < plan_.agents; ++i) apply(i, agent_started{});
}

task<> fleet::stop() {
  for (std::size_t i = 0; i < plan_.agents; ++i) apply(i, agent_stopped{});
  for (auto const& each : members_)
    if (each->slots) each->slots->serve(nullptr);
  for (auto const& each : members_)
    if (each->slots) co_await each->slots->join();
  tasks_.cancel();
  co_await tasks_.join();
}

// --- waiting ---

task<bool> fleet::wait_until(bool (fleet::*holds)() const, duration limit) {
  auto const end = mono_now() + limit;
  while (!(this->*holds)()) {
    auto const left = end - mono_now();
    if (left <= duration::zero()) co_return false;
    auto const woken = co_await with_deadline(left, changed_.wait());
    if (woken && !*woken) co_return false;
  }
  co_return true;
}

task<bool> fleet::wait_settled(duration limit) { return wait_until(&fleet::all_settled, limit); }

task<bool> fleet::wait_live(duration limit) { return wait_until(&fleet::all_live, limit); }

task<bool> fleet::wait_acks(duration limit) { return wait_until(&fleet::all_acknowledged, limit); }

void fleet::expect_acks(std::size_t first, std::size_t every) {
  awaited_.clear();
  for (auto i = first; i < plan_.agents; i += every) awaited_.insert(i);
}

// --- facts ---

void fleet::report(std::size_t agent) {
  auto& m = *members_[agent];
  ++m.engine.restarts;
  m.engine.slots_busy = static_cast<int>(m.engine.restarts % static_cast<std::uint64_t>(plan_.slots + 1));
  apply(agent, engines_observed{m.engine, {}, {}, {}});
}

std::uint64_t fleet::reported(std::size_t agent) const { return members_[agent]->engine.restarts; }

// --- the machines ---

void fleet::apply(std::size_t who, agent_link_event event) {
  events_.emplace_back(who, std::move(event));
  if (applying_) return; // its event comes after the effects that are being carried out
  applying_ = true;
  while (!events_.empty()) {
    auto const [at, next] = std::move(events_.front());
    events_.pop_front();
    auto& m = *members_[at];
    for (auto& effect : m.machine.apply(next, mono_now(), random_.unit())) carry_out(at, std::move(effect));
    if (auto const due = m.machine.next_deadline())
      timers_.set(at, *due);
    else
      timers_.erase(at);
    look_at(at);
  }
  applying_ = false;
}

void fleet::carry_out(std::size_t who, agent_link_effect effect) {
  std::visit([this, who](auto const& each) { on(who, each); }, effect);
}

// Live or not, settled or not.
void fleet::look_at(std::size_t who) {
  auto& m = *members_[who];
  bool const live = m.machine.is_live();
  bool const settled = live && m.engine.status == engine_status::ready && !m.loading;
  if (live != m.live) {
    live ? ++live_ : --live_;
    ++(live ? counts_.welcomes : counts_.losses);
    m.live = live;
    if (m.engine.status == engine_status::ready) offer_or_withdraw(who);
  }
  if (settled != m.settled) settled ? ++settled_ : --settled_;
  m.settled = settled;
  if (all_live() || all_settled()) changed_.notify_all();
}

void fleet::on(std::size_t who, dial_balancer const& effect) {
  members_[who]->dial = effect.dial;
  ++counts_.dials;
  tasks_.spawn("dial", dial(who, effect.dial));
}

void fleet::on(std::size_t who, end_dial const& effect) {
  auto& m = *members_[who];
  if (effect.dial != m.dial) return;
  m.dial = 0;
  m.socket = nullptr;
  m.dial_ended.notify_all();
}

void fleet::on(std::size_t who, send_to_balancer const& effect) {
  auto& m = *members_[who];
  if (effect.dial != m.dial || m.socket == nullptr) return;
  auto text = m.end.encode(effect.message);
  count_sent(who, effect.message, frame_bytes(text.size(), true));
  m.socket->send(std::move(text));
}

void fleet::count_sent(std::size_t who, agent_message const& message, std::size_t bytes) {
  if (std::holds_alternative<link_report>(message)) counts_.reports.add(bytes);
  if (std::holds_alternative<link_heartbeat>(message)) counts_.heartbeats.add(bytes);
  if (std::holds_alternative<link_nack>(message)) ++counts_.refusals;
  if (!std::holds_alternative<link_ack>(message)) return;
  counts_.acks.add(bytes);
  if (awaited_.erase(who) == 0 || !awaited_.empty()) return;
  acknowledged_at_ = mono_now();
  changed_.notify_all();
}

// The model file is there.
void fleet::on(std::size_t who, check_state const& effect) { apply(who, state_checked{effect.state, {}}); }

std::string const& fleet::digest_of(std::optional<applicable_model> const& model) {
  if (digest_.empty() || digested_ != model) {
    digested_ = model;
    digest_ = content_digest(model);
  }
  return digest_;
}

duration fleet::about(duration average) {
  return duration(static_cast<duration::rep>(static_cast<double>(average.count()) * 2 * random_.unit()));
}

void fleet::on(std::size_t who, examine_state const& effect) {
  apply(who, state_examined{effect.dial, {effect.number, {}, std::nullopt}});
}

// Only the newest state counts: a load under way is replaced.
void fleet::on(std::size_t who, run_state const& effect) {
  auto& m = *members_[who];
  auto const& model = effect.state.model;
  if (!model) return;
  auto const& content = digest_of(model);
  m.engine.version = effect.state.version;
  if (content == m.engine.content) return apply(who, engines_observed{m.engine, {}, {}, {}});
  m.engine.status = engine_status::loading;
  m.engine.model = model->name;
  m.engine.slots = model->slots;
  m.engine.max_context_length = model->max_context_length;
  m.engine.pid = static_cast<std::int64_t>(who) + 1000;
  m.engine.content = content;
  m.engine.memory_bytes = engine_memory;
  reconciliation action;
  action.number = ++m.actions;
  action.action = reconcile_action::load;
  action.engine = {m.actions};
  action.model = model->name;
  action.content = content;
  action.goal = effect.state.version;
  action.goal_content = content;
  action.difference = "no engine runs this content";
  action.started_at = wall_now();
  m.loading = std::move(action);
  loads_.erase(who);
  starts_.set(who, mono_now() + about(plan_.start_time));
}

void fleet::start_engine(std::size_t who) {
  auto const& m = *members_[who];
  loads_.set(who, mono_now() + about(plan_.load_time));
  apply(who, engines_observed{m.engine, {}, {}, {*m.loading}});
}

void fleet::engine_loaded(std::size_t who) {
  auto& m = *members_[who];
  auto load = *std::exchange(m.loading, std::nullopt);
  load.outcome = reconcile_outcome::done;
  load.observation = "a served probe came back";
  load.ended_at = wall_now();
  load.ended_after = m.actions;
  auto admit = load;
  admit.number = ++m.actions;
  admit.action = reconcile_action::admit;
  admit.difference = "an engine that is wanted is ready and not admitted";
  m.engine.status = engine_status::ready;
  m.engine.load_milliseconds = 150;
  apply(who, engines_observed{m.engine, {}, {}, {load, admit}});
  offer_or_withdraw(who);
}

// Opened under the first state that is served, and kept through later ones: what reopening costs is the engine's
// change, not that of the state.
void fleet::offer_or_withdraw(std::size_t who) {
  auto& m = *members_[who];
  if (!plan_.slot_connections || std::exchange(m.offered, m.live) == m.live) return;
  if (!m.slots) m.slots.emplace(executor_, slot_limits{}, slot_service::listeners{[] {}, [](ready_engine const&) {}});
  if (m.live) return offers_.set(who, mono_now() + about(plan_.offer_time));
  offers_.erase(who);
  m.slots->serve(nullptr);
}

void fleet::offer_slots(std::size_t who) {
  auto& m = *members_[who];
  slot_target target{{plan_.balancer, m.identity.agent, m.identity.process},
                     {m.engine.version, m.engine.model, "/nonexistent", m.engine.slots}};
  m.slots->serve(std::make_shared<slot_target const>(std::move(target)));
}

void fleet::on(std::size_t /*who*/, tell_operator const& effect) {
  if (notices_.size() < max_notices || notices_.contains(effect.text)) ++notices_[effect.text];
}

std::string fleet::notices() const {
  std::string out;
  for (auto const& [text, count] : notices_) out += "\n  " + std::to_string(count) + " x " + text;
  return out;
}

void fleet::on(std::size_t who, give_up const& effect) {
  if (counts_.refusals++ == 0)
    std::fprintf(stderr, "%s was turned away: %s\n", agent_name(who).c_str(), effect.reason.c_str());
}

// --- tasks ---

task<> fleet::keep_time() {
  while (co_await sleep_for(fleet_resolution)) {
    auto const now = mono_now();
    for (auto const who : timers_.take_due(now)) apply(who, agent_timer_fired{});
    for (auto const who : starts_.take_due(now)) start_engine(who);
    for (auto const who : loads_.take_due(now)) engine_loaded(who);
    for (auto const who : offers_.take_due(now)) offer_slots(who);
  }
}

task<> fleet::dial(std::size_t who, dial_serial serial) {
  auto& m = *members_[who];
  auto stream = co_await connect_tcp(plan_.balancer.host, plan_.balancer.port, dial_limit);
  std::optional<websocket> socket;
  std::string why;
  if (stream) {
    auto const path = "/management/v1/agents/" + m.identity.agent.value + "/link";
    auto opened = co_await websocket::connect(std::move(*stream), to_string(plan_.balancer), path);
    if (opened)
      socket = std::move(*opened);
    else
      why = opened.error().message;
  } else {
    why = stream.error().message;
  }
  if (serial != m.dial) co_return;
  if (!socket) {
    if (counts_.failed_dials++ == 0) std::fprintf(stderr, "the first dial that failed: %s\n", why.c_str());
    co_return apply(who, dial_ended{serial, std::move(why)});
  }
  m.socket = &*socket;
  m.end = {};
  apply(who, dial_opened{serial});
  co_await run_unless(read(who, serial, *socket), given_up(who, serial));
  if (m.socket == &*socket) m.socket = nullptr;
}

task<> fleet::given_up(std::size_t who, dial_serial serial) {
  auto& m = *members_[who];
  while (m.dial == serial)
    if (!co_await m.dial_ended.wait()) co_return;
}

task<> fleet::read(std::size_t who, dial_serial serial, websocket& socket) {
  for (;;) {
    auto const text = co_await socket.read();
    if (!text) co_return apply(who, dial_ended{serial, text.error().message});
    if (serial != members_[who]->dial) co_return;
    auto message = members_[who]->end.decode(*text);
    if (!message || !message->message) co_return apply(who, dial_ended{serial, "a message that is none"});
    if (std::holds_alternative<link_apply>(*message->message)) counts_.states.add(frame_bytes(text->size(), false));
    apply(who, balancer_spoke{serial, std::move(*message->message)});
  }
}

} // namespace paddler
