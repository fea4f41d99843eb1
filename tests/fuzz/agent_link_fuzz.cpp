// FUZ-06, the agent's side: whatever a balancer says and whenever its connections end, the agent speaks on the open
// link only, obeys no older balancer than before, takes no older version of the same balancer, runs nothing that was
// not checked, and has no deadline in the past.
#include "choices.hpp"
#include "core/session/agent_link_machine.hpp"
#include "target.hpp"

#include <algorithm>

namespace paddler {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t most_steps = 400; // an input that is longer tells nothing new

class link_of_agent {
public:
  explicit link_of_agent(choices from)
      : from_(from), machine_({}, {.agent = {"a"}, .process = {1}, .capabilities = {}, .discovered = {}}, 2) {}

  void run() {
    take(agent_started{});
    for (std::size_t step = 0; step < most_steps && !from_.empty() && !stopped_; ++step) next();
    take(agent_stopped{});
    must(!machine_.next_deadline());
    stopped_ = true;
    take(dial_opened{dial_});
    take(balancer_spoke{dial_, link_welcome{{9}, 1}});
  }

private:
  // --- what happens ---

  void next() {
    switch (from_.below(10)) {
    case 0: return open();
    case 1: return end();
    case 2:
    case 3:
    case 4: return speak();
    case 5: return observe();
    case 6: return answer_check();
    case 8: return answer_question();
    case 9: return measure();
    default: return pass_time();
    }
  }

  dial_serial any_dial() { return from_.below(8) == 7 ? from_.number() : dial_; }

  void open() {
    auto const dial = any_dial();
    if (dial == dial_ && dial_ != 0 && !dial_over_) open_ = true;
    take(dial_opened{dial});
  }

  void end() {
    auto const dial = any_dial();
    if (dial == dial_) {
      open_ = false;
      dial_over_ = true;
    }
    take(dial_ended{dial, "it broke"});
  }

  void speak() {
    auto const message = any_message();
    take(balancer_spoke{any_dial(), message});
  }

  balancer_message any_message() {
    switch (from_.below(8)) {
    case 0:
    case 1: return link_welcome{{from_.number()}, from_.number()};
    case 2: return link_refuse{"no", from_.below(8) != 7};
    case 3: return link_notice{"a word"};
    case 4: return link_heartbeat{from_.number()};
    case 5: return link_question{{from_.number()}, from_.number(), any_state(from_)};
    default: return link_apply{{from_.number()}, any_state(from_)};
    }
  }

  void observe() {
    auto const report = any_report(from_);
    take(engines_observed{report.engine, report.beside, from_.name(), any_actions(from_)});
  }

  void answer_check() {
    if (checking_.empty()) return;
    auto const at = from_.below(static_cast<unsigned>(std::min<std::size_t>(checking_.size(), 256)));
    auto state = checking_[at];
    auto errors = any_errors(from_);
    if (errors.empty()) checked_.push_back(state);
    checking_.erase(checking_.begin() + at);
    take(state_checked{std::move(state), std::move(errors)});
  }

  // One that was asked, or one that nobody asked.
  void answer_question() {
    state_examined event{any_dial(), {from_.number(), any_errors(from_), std::nullopt}};
    if (!asked_.empty()) {
      event = {asked_.back().dial, {asked_.back().number, any_errors(from_), std::nullopt}};
      asked_.pop_back();
    }
    take(event);
  }

  void measure() { take(machine_measured{{.memory_bytes = from_.below(4)}}); }

  void pass_time() {
    now_ += milliseconds(1U << from_.below(17));
    // Without jitter the next dial may be due at once, and then something is under way.
    for (int fires = 0; fires == 0 || machine_.next_deadline().value_or(now_ + milliseconds(1)) <= now_; ++fires) {
      must(fires < 4);
      take(agent_timer_fired{});
    }
  }

  // --- what follows ---

  void take(agent_link_event const& event) {
    for (auto const& effect : machine_.apply(event, now_, 0.25 * from_.below(4)))
      std::visit([this](auto const& each) { carry_out(each); }, effect);
  }

  void carry_out(dial_balancer const& effect) {
    must(!stopped_ && effect.dial == dial_ + 1 && effect.address < 2);
    dial_ = effect.dial;
    open_ = false;
    dial_over_ = false;
  }

  void carry_out(end_dial const& effect) {
    must(effect.dial == dial_ && !effect.reason.empty());
    open_ = false;
    dial_over_ = true;
  }

  void carry_out(send_to_balancer const& effect) {
    must(open_ && effect.dial == dial_);
    if (auto const* const report = std::get_if<link_report>(&effect.message)) {
      must(report->report.sequence > sequence_);
      sequence_ = report->report.sequence;
    } else if (auto const* const hello = std::get_if<link_hello>(&effect.message)) {
      must(hello->highest_epoch >= obeyed_);
      obeyed_ = hello->highest_epoch;
      sequence_ = std::max(sequence_, hello->report.sequence);
    }
  }

  void carry_out(check_state const& effect) {
    must(effect.state.model.has_value());
    checking_.push_back(effect.state);
    if (checking_.size() > 64) checking_.erase(checking_.begin());
  }

  void carry_out(examine_state const& effect) {
    must(open_ && effect.dial == dial_);
    asked_.push_back(effect);
    if (asked_.size() > 64) asked_.erase(asked_.begin());
  }

  // Either it was checked, or there is nothing to check: no model, or the content that it runs already.
  void carry_out(run_state const& effect) {
    bool const was_checked = std::ranges::find(checked_, effect.state) != checked_.end();
    bool const runs_already = running_ && running_->model == effect.state.model;
    must(was_checked || runs_already || !effect.state.model);
    must(machine_.accepted() == effect.state);
    running_ = effect.state;
  }

  void carry_out(tell_operator const& effect) { must(!effect.text.empty()); }

  void carry_out(give_up const& effect) {
    must(!effect.reason.empty());
    stopped_ = true;
  }

  choices from_;
  agent_link_machine machine_;
  mono_time now_{milliseconds(1)};
  dial_serial dial_ = 0;
  bool open_ = false;
  bool dial_over_ = true;
  bool stopped_ = false;
  epoch obeyed_;
  std::uint64_t sequence_ = 0;
  std::optional<applicable_state> running_;
  std::vector<applicable_state> checking_;
  std::vector<applicable_state> checked_;
  std::vector<examine_state> asked_;
};

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  paddler::link_of_agent(paddler::choices(data, size)).run();
  return 0;
}
