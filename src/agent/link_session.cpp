#include "agent/link_session.hpp"

#include "runtime/clock.hpp"
#include "runtime/race.hpp"

#include <utility>

namespace paddler {
namespace {

constexpr auto dial_limit = std::chrono::seconds(2);         // the second SYN leaves after one, the third after three
constexpr auto close_limit = std::chrono::milliseconds(500); // for the balancer to answer a close

std::string link_path(agent_id const& agent) {
  return "/management/v1/agents/" + percent_encode(agent.value) + "/link";
}

void log_refusal(link_nack const& nack) {
  for (auto const& wrong : nack.errors)
    log_warn("state.refused", wrong.message,
             {{"version", nack.version.value}, {"field", wrong.path}, {"hint", wrong.hint}});
}

} // namespace

link_session::link_session(asio::any_io_executor const& executor, agent_link_policy const& policy,
                           agent_identity identity, std::vector<host_and_port> balancers, link_handlers handlers)
    : agent_(identity.agent),
      balancers_(std::move(balancers)),
      handlers_(std::move(handlers)),
      machine_(policy, std::move(identity), balancers_.size()),
      random_(random_seed()),
      dial_ended_(executor),
      changed_(executor),
      tasks_(executor, "link", on_escape::fail_process) {}

task<std::optional<std::string>> link_session::run() {
  tasks_.spawn("clock", keep_time());
  apply(agent_started{});
  while (!over_)
    if (!co_await changed_.wait()) stop();
  tasks_.cancel();
  co_await tasks_.join();
  co_return refusal_;
}

void link_session::stop() {
  apply(agent_stopped{});
  over_ = true;
  changed_.notify_all();
}

// --- the machine ---

void link_session::apply(agent_link_event event) {
  events_.push_back(std::move(event));
  if (applying_) return; // a handler called: its event comes after the effects that are being carried out
  applying_ = true;
  while (!events_.empty()) {
    auto const next = std::move(events_.front());
    events_.pop_front();
    for (auto& effect : machine_.apply(next, mono_now(), random_.unit())) carry_out(std::move(effect));
    tell_if_connected();
  }
  applying_ = false;
  changed_.notify_all();
}

void link_session::carry_out(agent_link_effect effect) {
  std::visit([this](auto const& each) { on(each); }, effect);
}

void link_session::on(dial_balancer const& effect) {
  dial_ = effect.dial;
  address_ = effect.address;
  tasks_.spawn("dial", dial(effect.dial, balancers_[effect.address]));
}

void link_session::on(end_dial const& effect) {
  if (effect.dial != dial_) return;
  log_debug("link.closing", effect.reason, {{"balancer", to_string(balancers_[address_])}});
  dial_ = 0;
  socket_ = nullptr;
  dial_ended_.notify_all();
}

void link_session::on(send_to_balancer const& effect) {
  if (effect.dial != dial_ || !socket_) return;
  if (auto const* nack = std::get_if<link_nack>(&effect.message)) log_refusal(*nack);
  socket_->send(end_.encode(effect.message));
}

void link_session::on(check_state const& effect) { tasks_.spawn("check", check(effect.state)); }

void link_session::on(examine_state const& effect) {
  tasks_.spawn("examine", examine(effect.dial, effect.number, effect.state));
}

void link_session::on(run_state const& effect) { handlers_.run(effect.state); }

// What comes at each dial is told when it is news, and now and then.
void link_session::on(tell_operator const& effect) {
  bool const is_news = std::exchange(notice_, effect.text) != effect.text;
  bool const is_due = !effect.at_each_dial || notices_.allow(mono_now());
  if (is_news || is_due) log_warn("link.notice", effect.text);
}

void link_session::on(give_up const& effect) {
  refusal_ = effect.reason;
  over_ = true;
}

void link_session::tell_if_connected() {
  if (std::exchange(told_connected_, machine_.is_live()) == machine_.is_live()) return;
  if (!machine_.is_live()) return handlers_.connected(std::nullopt);
  log_info("link.connected", "the balancer knows this agent", {{"balancer", to_string(balancers_[address_])}});
  handlers_.connected(balancers_[address_]);
}

// --- tasks ---

task<> link_session::keep_time() {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  while (!is_cancelled(cancellation)) {
    auto const due = machine_.next_deadline();
    auto const now = mono_now();
    if (due && *due <= now)
      apply(agent_timer_fired{});
    else if (due)
      co_await with_deadline(*due - now, changed_.wait());
    else
      co_await changed_.wait();
  }
}

// One link from its dial to its end. Its socket lives in this frame.
task<> link_session::dial(dial_serial serial, host_and_port balancer) {
  auto opened = co_await unless(open(balancer), given_up(serial));
  if (!opened || serial != dial_) co_return;
  if (!*opened) co_return failed(serial, balancer, opened->error());
  websocket socket = std::move(**opened);
  socket_ = &socket;
  end_ = {};
  apply(dial_opened{serial});
  co_await run_unless(read(serial, socket), given_up(serial));
  if (socket_ == &socket) socket_ = nullptr;
  co_await with_deadline(close_limit, socket.close(websocket_code::normal, "the agent ends this link"));
}

task<result<websocket>> link_session::open(host_and_port balancer) {
  auto stream = co_await connect_tcp(balancer.host, balancer.port, dial_limit);
  if (!stream) co_return std::unexpected(std::move(stream).error());
  co_return co_await websocket::connect(std::move(*stream), to_string(balancer), link_path(agent_));
}

void link_session::failed(dial_serial serial, host_and_port const& balancer, error const& why) {
  if (dial_failures_.allow(mono_now()))
    log_warn("link.unreachable", why.message, {{"balancer", to_string(balancer)}, {"hint", why.hint}});
  apply(dial_ended{serial, why.message});
}

// Ends when the machine gave this dial up.
task<> link_session::given_up(dial_serial serial) {
  while (serial == dial_)
    if (!co_await dial_ended_.wait()) co_return;
}

task<> link_session::read(dial_serial serial, websocket& socket) {
  for (;;) {
    auto const text = co_await socket.read();
    if (!text) co_return apply(dial_ended{serial, text.error().message});
    if (serial != dial_) co_return;
    auto message = end_.decode(*text);
    if (!message) co_return apply(dial_ended{serial, describe(message.error())});
    if (message->message)
      apply(balancer_spoke{serial, std::move(*message->message)});
    else
      log_debug("link.unknown_message", "a newer balancer sent a type that is not known here",
                {{"type", message->type}});
  }
}

task<> link_session::check(applicable_state state) {
  auto errors = co_await handlers_.check(state);
  apply(state_checked{std::move(state), std::move(errors)});
}

task<> link_session::examine(dial_serial serial, std::uint64_t number, applicable_state state) {
  auto answer = co_await handlers_.examine(std::move(state));
  answer.number = number;
  apply(state_examined{serial, std::move(answer)});
}

} // namespace paddler
