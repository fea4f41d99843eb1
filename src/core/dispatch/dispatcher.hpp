// Which request runs on which slot, and what becomes of every request: the ledger (design.md section 5, promises P1 and
// P5).
//
// Capacity is the set of idle slot connections: an agent opens exactly one for each slot of its engine, so slots can be
// neither oversubscribed nor leaked. A request is bound to a slot when one is free, never before (late binding), in the
// order of arrival per model. Pure: no I/O, no clock; the caller carries the returned decisions out in their order.
#pragma once
#include "base/bounded.hpp"
#include "model/request.hpp"
#include "model/slot_papers.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace paddler {

struct dispatch_policy {
  std::size_t max_queued = 1024;
  std::size_t max_queued_bytes = std::size_t{256} << 20;
  duration queue_timeout = std::chrono::seconds(60);
  std::uint64_t max_attempts = 3;
  std::size_t ended_kept = 1000; // terminal requests kept for people to look at
};

struct request_arrival {
  request_id id;
  std::string model; // empty: the only model there is
  std::string endpoint;
  std::size_t body_bytes = 0;
};

// One slot connection that an agent opened.
struct slot_offer {
  slot_serial serial;
  agent_id agent;
  incarnation process;
  generation version; // of the applicable state that its engine runs
  std::string model;
  std::uint64_t engine_number = 0; // of its engine among all that this process started; 0: it does not say
  resumable_apis resumes = {};
  std::uint64_t identity = 0; // engines with the same one give the same greedy answers; 0: nothing is known
};

// How an attempt ended, as the shell saw it.
enum class attempt_outcome {
  completed,      // the answer was delivered whole; the slot connection can take the next request
  completed_last, // the same, but the connection cannot be used again
  lost_early,     // the connection broke before the client got a byte
  lost_late,      // it broke after that
  refused,        // the engine runs another version by now; nothing was done
  timeout,        // the engine was silent for too long
  slow_client,    // the client did not read
  engine_error,   // the engine's answer was not HTTP
};

// Decisions. Run: send the request on this slot connection. Fail: tell the client; the request is over.
struct run_request {
  request_id id;
  attempt number;
  slot_offer slot;
  std::uint64_t queue_milliseconds = 0;
};

struct fail_request {
  request_id id;
  request_failure reason = request_failure::none;
};

using dispatch_decision = std::variant<run_request, fail_request>;
using dispatch_decisions = std::vector<dispatch_decision>;

class dispatcher {
public:
  explicit dispatcher(dispatch_policy policy) : policy_(policy), ended_(policy.ended_kept) {}

  // The names under which models are wanted. Requests that wait for a name that is no longer there fail.
  dispatch_decisions set_models(std::set<std::string> names, mono_time now, wall_time wall_now);

  dispatch_decisions arrived(request_arrival const& request, mono_time now, wall_time wall_now);
  // Ends the request wherever it stands. Its slot connection, if any, counts as closed: the caller closes it.
  dispatch_decisions client_gone(request_id const& id, wall_time wall_now);

  dispatch_decisions slot_opened(slot_offer const& slot, mono_time now);
  // Of an idle connection. That of a running request is reported by `ended`.
  void slot_closed(slot_serial serial);

  // Progress of an attempt. Words about an attempt that is not the current one are ignored (the fence).
  void sent(request_id const& id, attempt number);
  void first_byte(request_id const& id, attempt number);
  dispatch_decisions ended(request_id const& id, attempt number, attempt_outcome outcome, mono_time now,
                           wall_time wall_now);

  // Time passed: requests that waited too long fail.
  dispatch_decisions expire(mono_time now, wall_time wall_now);
  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  // Fails whatever waits and everything that comes from now on.
  dispatch_decisions shut_down(wall_time wall_now);

  struct totals {
    std::uint64_t accepted = 0, completed = 0, failed = 0; // accepted = completed + failed + live, always
    std::size_t live = 0, queued = 0, queued_bytes = 0, slots = 0, slots_busy = 0;
    std::size_t pools = 0; // models with slots or requests, at least; those without go when models are set
  };

  [[nodiscard]] totals count() const;
  [[nodiscard]] std::size_t slots_of(agent_id const& agent, bool busy) const;
  // Live requests first, in order of arrival; then the newest that ended.
  [[nodiscard]] std::vector<request_record> requests() const;
  [[nodiscard]] request_record const* find(request_id const& id) const;

  [[nodiscard]] std::map<slot_serial, slot_offer> const& idle_slots() const { return idle_; }

private:
  struct live_request {
    request_record record;
    std::uint64_t arrival = 0; // order among all requests
    mono_time deadline;        // of waiting
    std::optional<slot_offer> slot;
  };

  struct agent_slots {
    std::deque<slot_offer> idle;
    std::size_t busy = 0;
  };

  struct pool {
    std::map<agent_id, agent_slots> agents;
    std::deque<request_id> queue;
  };

  dispatch_decisions match(std::string const& model, mono_time now);
  agent_slots* best_agent(pool& from, agent_id const& avoid);
  void remove_from_queue(live_request const& request);
  void release(live_request& request, bool reusable);
  dispatch_decisions retry(request_id const& id, bool counts, mono_time now, wall_time wall_now);
  dispatch_decisions fail(request_id const& id, request_failure reason, wall_time wall_now);
  void finish(request_id const& id, request_state state, request_failure reason, wall_time wall_now);
  live_request* current(request_id const& id, attempt number);

  dispatch_policy policy_;
  bool shutting_down_ = false;
  std::set<std::string> models_;
  std::map<request_id, live_request> live_;
  std::map<std::string, pool> pools_;
  std::map<slot_serial, slot_offer> idle_;
  std::size_t queued_ = 0, queued_bytes_ = 0;
  std::uint64_t arrivals_ = 0, completed_ = 0, failed_ = 0;
  bounded_ring<request_record> ended_;
};

} // namespace paddler
