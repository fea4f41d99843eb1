// Which agents get no requests for a while, because those that they had went wrong: a breaker for each (M. Nygard,
// "Release It!", 2007). It opens on failures in a row, for a time that grows with each opening and has jitter, as in
// Envoy's outlier detection (envoyproxy.io, "Outlier detection": consecutive_5xx, base_ejection_time,
// max_ejection_time, max_ejection_time_jitter); it closes on successes in a row.
//
//   closed ──failures──▶ open ──its time has passed──▶ half-open ──successes──▶ closed
//                          ▲──────────a failure───────────┘
//
// Half-open it takes one request at a time, the probe. Whom an open one leaves without anybody is for the caller to
// see, who knows what else there is; what it is given all the same counts like a probe.
//
// It is of an agent and a model, not of an engine's process: a supervisor starts an engine again within a second, and
// one that always fails would always begin anew. Another model on that machine may well work.
//
// What counts: one engine that dies takes all its requests along, so a request that began before the failure that was
// counted last says nothing new; nor does a server error of the same body as the one before, which may be the body's
// fault. What began before it opened says nothing either. What an agent did is forgotten `memory` after it last
// mattered.
//
// Pure: no clock, no chance; jitter follows from the names. Owned by one thread. Each operation costs the logarithm of
// how many are remembered.
#pragma once
#include "base/deadline_queue.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "model/breaker.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

struct breaker_policy {
  std::uint64_t failures = 5;  // in a row, that open it
  std::uint64_t successes = 2; // in a row, that close it
  duration open_first = std::chrono::seconds(30);
  duration open_limit = std::chrono::minutes(5); // it doubles up to this
  std::uint32_t jitter_percent = 10;             // of its time, at most, on top
  duration memory = std::chrono::minutes(10);
  std::size_t max_remembered = std::size_t{1} << 14; // more agents than that are not judged
};

struct agent_model {
  agent_id agent;
  std::string model;
  friend auto operator<=>(agent_model const&, agent_model const&) = default;
};

// In the order in which requests began.
enum class begin_number : std::uint64_t {};

class agent_health {
public:
  explicit agent_health(breaker_policy const& policy) : policy_(policy) {}

  // A request goes there; it ends with one of the next three.
  begin_number began(agent_model const& where);

  void worked(agent_model const& where, begin_number number, instant now);

  // `body`: the fingerprint of that which a server error answers. Whether it counted.
  bool failed(agent_model const& where, begin_number number, agent_fault fault, instant now, std::uint64_t body = 0);

  // Its end says nothing of the agent.
  void passed(agent_model const& where, begin_number number);

  // One that counted was not the agent's fault after all.
  void forgive(agent_model const& where, instant now);

  // Those that may be given requests from now on.
  std::vector<agent_model> expire(instant now);

  [[nodiscard]] std::optional<mono_time> next_deadline() const { return deadlines_.next(); }

  // Whether it gets a request that others can have just as well.
  [[nodiscard]] bool takes(agent_model const& where) const;

  // Nothing where nothing is remembered.
  [[nodiscard]] std::optional<breaker_standing> standing(agent_model const& where) const;

  // Those of the model that are not closed, by when they are due.
  using agents_by_due = std::set<std::pair<mono_time, agent_id>>;

  [[nodiscard]] agents_by_due const& by_due(std::string const& model) const;

  struct change {
    agent_model where;
    breaker_standing now;
  };

  // The states that changed since this was asked last.
  [[nodiscard]] std::vector<change> take_news() { return std::exchange(news_, {}); }

private:
  struct record {
    breaker_standing shown;
    begin_number counted{}; // what began up to this one is not counted any more
    std::uint64_t body = 0; // of the newest server error
    std::uint64_t successes = 0;
    int openings = 0;
    mono_time due; // of one that is not closed
    std::optional<begin_number> probe;
  };

  using records = std::map<agent_model, record>;

  record* record_of(agent_model const& where);
  void open(agent_model const& where, record& it, instant now);
  void move_to(agent_model const& where, record& it, breaker_state state, instant now);
  void erase(records::iterator at, instant now);
  [[nodiscard]] duration time_open(agent_model const& where, int openings) const;

  breaker_policy policy_;
  std::uint64_t begun_ = 0;
  records known_;
  deadline_queue<agent_model> deadlines_;       // when an open one is half-open, and another one forgotten
  std::map<std::string, agents_by_due> unwell_; // by model
  std::vector<change> news_;
};

} // namespace paddler
