// Brings one agent to hold the applicable state that is wanted of it: level-triggered, one message at a time.
//
//   wanted differs from what it holds ──▶ sent ──▶ acknowledged: it holds it
//                                          │ ├──▶ refused: parked; woken by other content, by the agent itself (it
//                                          looks │ │    again and acknowledges), by a new link │ └──▶ silence: sent
//                                          again, after exponential backoff with full jitter; ▼      after
//                                          `stuck_after` silences it is stuck, and says so
//                                     other content is wanted: that one is sent, at once
//
// What the agent says it holds counts, not what is remembered of having been sent.
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/applicable.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paddler {

struct delivery_policy {
  duration answer_within = std::chrono::seconds(10); // to a state that was sent, before it is sent again
  duration backoff_first = std::chrono::seconds(2);  // on top of that
  duration backoff_limit = std::chrono::minutes(1);
  int stuck_after = 3; // messages without an answer
};

// A version of an agent's applicable state, by its number and content_digest().
struct held_state {
  generation version;
  std::string content;
  friend bool operator==(held_state const&, held_state const&) = default;
};

enum class delivery_phase {
  delivered, // it holds what is wanted
  due,       // to be sent now
  sent,      // no answer yet
  refused,
  stuck, // sent again and again without an answer
};

// Of one link of an agent.
class state_delivery {
public:
  state_delivery() = default;

  // `held`: what the agent said in its hello.
  state_delivery(delivery_policy const& policy, held_state held) : policy_(policy), held_(std::move(held)) {}

  // A version of zero wants nothing: no source ever spoke of this agent.
  void want(held_state wanted);

  // The agent says that it holds this, unasked.
  void report(held_state held);
  void acknowledge(generation version);
  void refuse(generation version, std::vector<field_error> errors);

  // What is wanted was sent. `random` is uniform in [0, 1).
  void note_sent(mono_time now, double random);

  [[nodiscard]] delivery_phase phase(mono_time now) const;

  // When it is due again though nothing has happened.
  [[nodiscard]] std::optional<mono_time> next_due() const;

  [[nodiscard]] generation held() const { return held_.version; }

  [[nodiscard]] held_state const& wanted() const { return wanted_; }

  // Why the wanted version was refused; empty where it was not.
  [[nodiscard]] std::vector<field_error> const& refusal() const { return refusal_; }

  // Messages that carried the wanted version, and were not answered.
  [[nodiscard]] int unanswered() const { return unanswered_; }

private:
  void settle();

  [[nodiscard]] bool is_settled() const { return wanted_.version == generation{} || wanted_ == held_ || refused_; }

  delivery_policy policy_;
  held_state wanted_;
  held_state held_;
  bool refused_ = false; // the wanted version
  std::vector<field_error> refusal_;
  int unanswered_ = 0;
  std::optional<mono_time> again_at_; // after it was sent
};

} // namespace paddler
