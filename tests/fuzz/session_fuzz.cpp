// FUZ-06, the balancer's side: sequences of messages of agents, of operators, of clients and of the disk, in any order
// and with any content. After each of them the ledger is right (P1), capacity is what was offered (P5), nothing is
// answered before it is durable (P2), every limit holds, and no deadline lies in the past.
#include "choices.hpp"
#include "core/balancer_core.hpp"
#include "target.hpp"

#include <map>
#include <set>

namespace paddler {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_agents = 3;
constexpr std::size_t most_queued = 4;
constexpr std::size_t most_logged = 8;
constexpr std::size_t most_steps = 400; // an input that is longer tells nothing new

balancer_policy small_policy() {
  balancer_policy out;
  out.dispatch.max_queued = most_queued;
  out.dispatch.ended_kept = 3;
  out.link.max_agents = most_agents;
  out.link.log_entries = most_logged;
  return out;
}

// What the shell knows of a slot connection.
struct slot_seen {
  slot_offer offer;
  std::optional<request_serial> runs;
  attempt number;
};

class session {
public:
  explicit session(choices from) : from_(from), core_(small_policy(), {2}) {}

  void run() {
    for (std::size_t step = 0; step < most_steps && !from_.empty(); ++step) {
      next();
      settle();
      look();
    }
    finish();
  }

private:
  // --- what happens ---

  void next() {
    switch (from_.below(15)) {
    case 0:
    case 1: return greet();
    case 2:
    case 3: return speak();
    case 4: return take(link_closed{{from_.below(6)}});
    case 5:
    case 6: return submit();
    case 7:
    case 8: return ask();
    case 9: return leave();
    case 10: return offer();
    case 11: return end_slot();
    case 12: return progress();
    case 13: return store();
    default: return pass_time();
    }
  }

  void greet() {
    link_greeted event;
    event.link = {from_.below(6)};
    event.hello.agent = {from_.name()};
    event.hello.process = {from_.below(3)};
    if (from_.below(8) == 7) event.hello.protocol = static_cast<int>(from_.below(3));
    event.hello.highest_epoch = {from_.below(4)};
    event.hello.report = any_report(from_);
    if (from_.maybe()) event.hello.discovered = any_agent(from_);
    event.hello.actions = any_actions(from_);
    greeted_.insert(event.link);
    take(event);
  }

  void speak() { take(link_spoke{{from_.below(6)}, any_message()}); }

  agent_message any_message() {
    switch (from_.below(7)) {
    case 0: return link_hello{};
    case 5: return link_answer{from_.number(), any_errors(from_), std::nullopt};
    case 1: return link_ack{{from_.number()}};
    case 2: return link_nack{{from_.number()}, any_errors(from_)};
    case 3: return link_heartbeat{from_.number()};
    default: return link_report{any_report(from_), any_actions(from_)};
    }
  }

  void submit() {
    desired_submitted event;
    event.command = {++commands_};
    event.change.source = from_.maybe() ? source_id{source_kind::api, ""} : source_id{source_kind::file, "/f"};
    event.change.document = any_document(from_);
    if (from_.below(4) == 3) event.change.if_match = revision{from_.number()};
    unanswered_.insert(event.command);
    take(event);
  }

  void ask() {
    request_arrived event;
    event.request.serial = {from_.below(8) == 7 ? from_.below(16) : ++requests_};
    event.request.id.value = "r" + std::to_string(from_.below(16));
    event.request.model = from_.below(4) == 3 ? "" : from_.model();
    event.request.body_bytes = from_.below(256);
    event.request.client = static_cast<client_key>(from_.below(4));
    event.request.level = static_cast<request_class>(from_.below(3));
    if (from_.below(4) == 3) event.request.patience = milliseconds(from_.number());
    if (from_.maybe()) event.request.endpoint = "/v1/chat/completions";
    over_.erase(event.request.serial); // whoever is over may come again
    take(event);
  }

  // The connection of a running request is closed with it.
  void leave() {
    request_serial const serial{from_.below(16)};
    std::erase_if(slots_, [&](auto const& each) { return each.second.runs == serial; });
    take(request_left{serial});
  }

  void offer() {
    slot_offer made;
    made.serial = {++slots_made_};
    made.agent = {from_.name()};
    made.process = {from_.below(3)};
    made.version = {from_.number()};
    made.model = from_.model();
    made.identity = from_.below(3);
    made.resumes.chat = from_.maybe();
    slots_[made.serial] = {made, std::nullopt, {}};
    take(slot_arrived{made});
  }

  slot_seen* any_slot() {
    if (slots_.empty()) return nullptr;
    auto at = slots_.begin();
    std::advance(at, from_.below(static_cast<unsigned>(std::min<std::size_t>(slots_.size(), 256))));
    return &at->second;
  }

  void end_slot() {
    if (auto const* const slot = any_slot()) close_slot(slot->offer.serial);
  }

  // As the shell does it: after that of a running request its attempt ends.
  void close_slot(slot_serial serial) {
    auto const at = slots_.find(serial);
    if (at == slots_.end()) return;
    auto const slot = at->second;
    slots_.erase(at);
    take(slot_left{serial, slot.runs});
    if (!slot.runs) return;
    attempt_ended event{*slot.runs, slot.number, attempt_outcome::lost_early};
    if (from_.maybe()) event.outcome = attempt_outcome::lost_late;
    if (from_.below(4) == 3) event.not_resumable = resume_refusal::tool_call;
    take(event);
  }

  void progress() {
    auto* const slot = any_slot();
    if (!slot) return;
    auto const serial = slot->runs.value_or(request_serial{1});
    auto const number = from_.below(8) == 7 ? attempt{from_.number()} : slot->number;
    switch (from_.below(4)) {
    case 0: return take(attempt_sent{serial, number});
    case 1: return take(attempt_first_byte{serial, number});
    default: return end_attempt(serial, number, static_cast<attempt_outcome>(from_.below(9)));
    }
  }

  void end_attempt(request_serial serial, attempt number, attempt_outcome outcome) {
    for (auto at = slots_.begin(); at != slots_.end(); ++at) {
      if (at->second.runs != serial || at->second.number != number) continue;
      at->second.runs.reset();
      bool const reusable = outcome == attempt_outcome::completed || outcome == attempt_outcome::refused;
      if (!reusable) slots_.erase(at);
      break;
    }
    take(attempt_ended{serial, number, outcome});
  }

  void store() {
    if (persisted_.empty()) return;
    if (from_.below(4) == 3) {
      persisted_.clear();
      return take(records_refused{{error_code::full, "the disk is full", "", {}}});
    }
    auto const last = *std::next(persisted_.begin(), from_.below(static_cast<unsigned>(persisted_.size())));
    persisted_.erase(persisted_.begin(), persisted_.upper_bound(last));
    stored_ = last;
    take(records_stored{last});
  }

  void pass_time() {
    now_ += milliseconds(1U << from_.below(17));
    take(time_passed{});
    auto const next = core_.next_deadline();
    must(!next || *next > now_);
  }

  // --- what follows ---

  void take(balancer_event const& event) {
    for (auto const& effect : core_.apply(event, {now_, wall_time{now_.time_since_epoch()}}))
      std::visit([this](auto const& each) { carry_out(each); }, effect);
  }

  void carry_out(persist_record const& effect) {
    must(effect.record.number.value ==
         std::max(stored_.value, persisted_.empty() ? 0 : persisted_.rbegin()->value) + 1);
    persisted_.insert(effect.record.number);
    must(persisted_.size() <= 256);
  }

  void carry_out(send_to_agent const& effect) { must(greeted_.contains(effect.link)); }

  void carry_out(close_link const& effect) {
    greeted_.erase(effect.link);
    ended_links_.push_back(effect.link);
  }

  void carry_out(answer_command const& effect) {
    must(unanswered_.erase(effect.command) == 1);
    if (effect.outcome)
      must(effect.outcome->at.value <= stored_.value);
    else
      must(!effect.outcome.error().message.empty());
  }

  void carry_out(compact_log const& effect) { must(effect.last.value <= stored_.value); }

  void carry_out(tell_loser const& effect) { must(effect.loss.winner.value != effect.loss.lost.value); }

  // Whoever was told that it failed neither runs nor fails again.
  void carry_out(run_request const& effect) {
    auto const at = slots_.find(effect.slot->serial);
    must(at != slots_.end() && !at->second.runs); // no phantom, no slot twice
    must(!over_.contains(effect.serial));
    at->second.runs = effect.serial;
    at->second.number = effect.number;
    std::size_t busy = 0;
    for (auto const& [serial, slot] : slots_) busy += slot.runs && slot.offer.model == effect.slot->model ? 1U : 0U;
    auto& most = most_busy_[effect.slot->model];
    most = std::max(most, busy);
  }

  void carry_out(fail_request const& effect) {
    must(effect.reason != request_failure::none);
    must(over_.insert(effect.serial).second);
  }

  void carry_out(tell_breaker const& effect) { must(!effect.what.agent.value.empty()); }

  void carry_out(interrupt_attempt const& effect) { must(!over_.contains(effect.serial)); }

  void carry_out(drop_slots const& effect) {
    for (auto const& [serial, slot] : slots_)
      if (slot.offer.agent == effect.agent && slot.offer.process == effect.process) dropped_.push_back(serial);
  }

  void carry_out(drop_slot const& effect) { slots_.erase(effect.serial); }

  // What the shell does about effects, as events of their own.
  void settle() {
    while (!dropped_.empty() || !ended_links_.empty()) {
      for (auto const serial : std::exchange(dropped_, {})) close_slot(serial);
      for (auto const link : std::exchange(ended_links_, {})) take(link_closed{link});
    }
  }

  // --- what must hold ---

  void look() const {
    auto const count = core_.requests().count();
    must(count.accepted == count.completed + count.failed + count.live);
    std::size_t busy = 0;
    for (auto const& [serial, slot] : slots_) busy += slot.runs ? 1U : 0U;
    // What is lost early comes back into a queue that may be full: of each model as many as ran at once.
    std::size_t most_back = 0;
    for (auto const& [model, most] : most_busy_) most_back += most;
    must(count.queued <= most_queued + most_back && count.queued <= count.live);
    must(count.slots_busy == busy && count.slots <= slots_.size());
    must(core_.agents().agents().size() <= most_agents);
    must(core_.agents().log().size() <= most_logged);
    must(core_.desired().current() == stored_);
    for (auto const& [agent, state] : core_.desired().applicable_states()) must(state.version.value <= stored_.value);
  }

  // After everything has ended nothing is left.
  void finish() {
    take(stop_requested{});
    while (!slots_.empty()) close_slot(slots_.begin()->first);
    if (!persisted_.empty()) {
      stored_ = *persisted_.rbegin();
      persisted_.clear();
      take(records_stored{stored_});
    }
    settle();
    look();
    auto const count = core_.requests().count();
    must(count.live == 0 && count.queued == 0 && count.queued_bytes == 0 && count.slots == 0);
    must(count.resuming == 0 && count.engines == 0);
    must(unanswered_.empty());
  }

  choices from_;
  balancer_core core_;
  mono_time now_{milliseconds(1)};
  std::uint64_t commands_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t slots_made_ = 0;
  revision stored_;
  std::set<revision> persisted_; // and not stored yet
  std::set<command_id> unanswered_;
  std::set<link_id> greeted_;
  std::set<request_serial> over_; // failed
  std::map<slot_serial, slot_seen> slots_;
  std::map<std::string, std::size_t> most_busy_; // by model
  std::vector<slot_serial> dropped_;
  std::vector<link_id> ended_links_;
};

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  paddler::session(paddler::choices(data, size)).run();
  return 0;
}
