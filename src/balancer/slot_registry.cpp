#include "balancer/slot_registry.hpp"

#include "base/canary.hpp"
#include "base/text.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"
#include "wire/slot_papers.hpp"

namespace paddler {
namespace {

constexpr std::string_view slot_protocol = "paddler-slot/1";
constexpr auto look_period = std::chrono::seconds(1);

std::optional<std::uint64_t> number_in(http_head const& head, std::string_view name) {
  return parse_number<std::uint64_t>(head.header(name));
}

} // namespace

task<> slot_registry::serve(http_exchange& exchange, agent_id agent) {
  auto const& head = exchange.head();
  auto const process = number_in(head, "x-paddler-process");
  auto const version = number_in(head, "x-paddler-version");
  auto const model = head.header("x-paddler-model");
  if (!equals_ignoring_case(head.header("upgrade"), slot_protocol) || !process || !version || model.empty()) {
    co_await exchange.respond_error(400,
                                    "A slot connection needs the headers Upgrade: paddler-slot/1, X-Paddler-Process, "
                                    "X-Paddler-Version and X-Paddler-Model.");
    co_return;
  }
  if (slots_.size() >= max_slot_connections) {
    co_await exchange.respond_error(503, "This balancer holds its limit of slot connections.");
    co_return;
  }
  slot_offer offer{{++serials_}, std::move(agent), {*process}, {*version}, std::string(model)};
  offer.engine_number = number_in(head, "x-paddler-engine").value_or(0);
  offer.resumes = read_resumable_apis(head.header("x-paddler-resumes"));
  offer.identity = read_identity(head.header("x-paddler-identity"));
  auto taken = co_await exchange.switch_protocols(std::string(slot_protocol));
  if (!taken) co_return;
  auto const executor = taken->stream->executor();
  auto kept = std::shared_ptr<slot>(new slot{std::move(offer), nullptr, wakeup(executor)});
  http_client_config as_client;
  as_client.limits.head_timeout = engine_silence_;
  as_client.limits.body_silence = engine_silence_;
  kept->connection =
      std::make_unique<http_connection>(std::move(taken->stream), std::move(taken->initial_bytes), as_client);
  std::pair const whose(kept->offer.agent, kept->offer.process);
  slots_.emplace(kept->offer.serial, kept);
  of_process_[whose].insert(kept->offer.serial);
  core_.apply(slot_arrived{kept->offer});
  co_await keep(kept);
  slots_.erase(kept->offer.serial);
  auto const others = of_process_.find(whose);
  others->second.erase(kept->offer.serial);
  if (others->second.empty()) of_process_.erase(others);
}

// Until its end, which a watch sees while it is idle, and its borrower otherwise.
task<> slot_registry::keep(std::shared_ptr<slot> kept) {
  watch(*kept);
  while (!kept->ended && co_await kept->changed.wait()) {
  }
  if (!kept->ended && !kept->borrower) end(*kept);
  while (kept->borrower) co_await kept->changed.wait_uncancellable();
}

// The registry has the slot until it has ended.
void slot_registry::watch(slot& idle) {
  idle.connection->stream().watch_peer([this, &idle] { end(idle); });
}

void slot_registry::spawn_into(task_group& group) { group.spawn("borrowed slots", look_at_borrowed()); }

// A borrower that waits for its client does not read, so it would find an end late. A look at all of them costs less
// than a watch of each, which every piece of an answer would wake.
task<> slot_registry::look_at_borrowed() {
  while (co_await sleep_for(look_period)) {
    std::vector<std::shared_ptr<slot>> over;
    for (auto const& [serial, held] : slots_)
      if (held->borrower && !held->left && held->connection->stream().peer_gone()) over.push_back(held);
    for (auto const& held : over) leave(*held);
  }
}

http_connection* slot_registry::borrow(slot_serial serial, request_serial by) {
  auto const at = slots_.find(serial);
  if (at == slots_.end() || at->second->ended) return nullptr;
  at->second->borrower = by;
  at->second->connection->stream().unwatch_peer();
  return at->second->connection.get();
}

void slot_registry::give_back(slot_serial serial, bool reusable) {
  auto const at = slots_.find(serial);
  if (at == slots_.end()) return;
  auto& returned = *at->second;
  returned.borrower.reset();
  if (reusable && !returned.left) return watch(returned);
  returned.ended = true;
  returned.connection->close();
  returned.changed.notify_all();
}

void slot_registry::interrupt(slot_serial serial) {
  if (auto const at = slots_.find(serial); at != slots_.end()) at->second->connection->close();
}

void slot_registry::drop(drop_slots const& which) {
  auto const at = of_process_.find({which.agent, which.process});
  if (at == of_process_.end()) return;
  std::vector<std::shared_ptr<slot>> dropped;
  for (auto const serial : at->second) dropped.push_back(slots_.at(serial));
  for (auto const& held : dropped) end(*held);
}

void slot_registry::drop(drop_slot const& which) {
  auto const at = slots_.find(which.serial);
  if (at == slots_.end()) return;
  if (refusals_.allow(mono_now()))
    log_warn("slot.refused", which.reason,
             {{"agent", at->second->offer.agent.value}, {"suppressed", refusals_.suppressed()}});
  end(*at->second);
}

void slot_registry::drop_all() {
  auto const all = slots_;
  for (auto const& [serial, held] : all) end(*held);
}

// Closes the connection. A borrower notices by its failing read.
void slot_registry::end(slot& which) {
  if (which.ended) return;
  which.connection->close();
  which.ended = !which.borrower;
  if (which.ended) which.changed.notify_all();
  leave(which);
}

// Out of the core's books, once. A borrower may still read what came.
void slot_registry::leave(slot& which) {
  if (std::exchange(which.left, true) || is_loose(canary::closed_slot_kept)) return;
  core_.apply(slot_left{which.offer.serial, which.borrower});
}

} // namespace paddler
