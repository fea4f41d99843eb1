// Which request runs on which slot, and what becomes of every request: the ledger (design.md section 5, promises P1 and
// P5).
//
// Capacity is the set of idle slot connections: an agent opens exactly one for each slot of its engine, so slots can be
// neither oversubscribed nor leaked. One that is over counts no more, though its request may still read what came. A
// request is bound to a slot when one is free, never before (late binding); whose turn it is says the request_queue,
// and where it goes search_route (route_search.hpp). A stream that loses its engine waits, before all others, for an
// engine that would have made the same answer, and goes on there. What lost an engine runs apart from others of that
// kind until it brings something, and not at all once engines are known to die of it (blame.hpp). An agent where too
// much goes wrong gets nothing for a while (agent_health.hpp), unless there is nobody else: then the one that is due
// first serves. Pure: no I/O, no clock; the caller carries the returned decisions out in their order.
#pragma once
#include "core/dispatch/agent_health.hpp"
#include "core/dispatch/blame.hpp"
#include "core/dispatch/client_limits.hpp"
#include "core/dispatch/drain_table.hpp"
#include "core/dispatch/engine_pace.hpp"
#include "core/dispatch/request_queue.hpp"
#include "core/dispatch/route_note.hpp"
#include "model/request.hpp"
#include "model/slot_papers.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace paddler {

struct dispatch_policy {
  std::size_t max_queued = 1024;
  std::size_t max_queued_bytes = std::size_t{256} << 20;
  duration queue_timeout = std::chrono::seconds(60);
  duration resume_timeout = std::chrono::seconds(30); // that a stream waits for another engine
  std::uint64_t max_attempts = 3;                     // in a row, of which none brought a byte
  std::uint64_t max_refusals = 100;                   // attempts that an engine of another version refused
  std::uint64_t max_resumes = 3;                      // of one stream
  std::uint64_t max_deaths = 2;                       // of engines, by one request
  duration word_within = std::chrono::seconds(1);     // that an agent says what became of its engine
  duration quarantine = std::chrono::minutes(10);     // of the body of a request of which engines died
  std::size_t max_quarantined = 1024;                 // bodies; more are not remembered
  std::uint64_t retry_percent = 20;                   // of requests, that may be tried again
  std::uint64_t retry_burst = 100;                    // attempts that may be saved up
  breaker_policy breaker = {};
  routing_policy routing = {};
  limit_policies limits = {.priority_header = priority_trust::lower_only};
  std::size_t prefix_blocks = std::size_t{1} << 18; // of prompts, that are remembered; 28 bytes each
  std::size_t max_sessions = 65'536;                // that are remembered
  std::size_t ended_kept = 1000;                    // terminal requests kept for people to look at
};

struct request_arrival {
  request_serial serial; // given by the caller, larger for each
  request_id id;         // for people; one that is known already gets the serial behind it
  std::string model;     // empty: the only model there is
  std::string endpoint;
  std::size_t body_bytes = 0;
  client_key client = client_key::others;
  request_class level = request_class::normal;
  std::optional<duration> patience = {}; // how long its client waits
  std::uint64_t fingerprint = 0;         // of its body; 0: of none
  std::uint64_t session = 0;             // whose requests belong together; 0: of none
  std::uint64_t prompt_bytes = 0;        // about
  std::vector<block_hash> blocks = {};   // of its prompt's beginning
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

using slot_handle = std::shared_ptr<slot_offer const>;

// Decisions. Run: send the request on this slot connection; where it resumes, have the engine go on from what the
// client has. Fail: tell the client; the request is over.
struct run_request {
  request_serial serial;
  attempt number;
  slot_handle slot;
  bool resumes = false;
  std::uint64_t queue_milliseconds = 0;
};

struct fail_request {
  request_serial serial;
  request_failure reason = request_failure::none;
  std::optional<resume_refusal> not_resumed; // of agent_lost
  std::optional<duration> retry_after;       // when it may be served, where that can be told
};

// Break the attempt off, and report it as lost: the request goes on elsewhere, as its agent is to become empty. Where
// the caller cannot have it go on, it reports `stays` instead.
struct interrupt_attempt {
  request_serial serial;
  attempt number;
};

using dispatch_decision = std::variant<run_request, fail_request, interrupt_attempt>;
using dispatch_decisions = std::vector<dispatch_decision>;

void append(dispatch_decisions& out, dispatch_decisions more);

// What of the policy limits clients.
inline client_limit_policy client_limits_of(dispatch_policy const& policy) {
  return {.requests_per_minute = policy.limits.requests_per_minute,
          .concurrent_requests = policy.limits.concurrent_requests};
}

class dispatcher {
public:
  explicit dispatcher(dispatch_policy policy)
      : policy_(policy),
        queue_({.max_requests = policy.max_queued, .max_bytes = policy.max_queued_bytes}),
        limits_(client_limits_of(policy)),
        blame_(policy.word_within),
        budget_(share_of(policy.retry_percent), static_cast<double>(policy.retry_burst)),
        health_(policy.breaker),
        index_(policy.prefix_blocks) {}

  // From here on. What waits keeps its place, and the time until which it may wait; what runs goes on. The sizes of
  // tables stay as they are.
  void set_policy(dispatch_policy const& policy, generation version);

  // The names under which models are wanted. Requests that wait for a name that is no longer there fail.
  dispatch_decisions set_models(std::set<std::string> names, instant now);

  // An agent that is to get nothing new: what runs there ends, or moves to where it can go on once its time is over.
  // Without a wish it is wanted again.
  dispatch_decisions set_drained(agent_id const& agent, std::optional<drain_wish> const& wish, instant now);
  // Of an attempt that was to be interrupted: it cannot go on elsewhere.
  dispatch_decisions stays(request_serial serial, attempt number);

  [[nodiscard]] bool is_drained(agent_id const& agent) const { return drains_.contains(agent); }

  dispatch_decisions arrived(request_arrival request, instant now);
  // Ends the request wherever it stands. Its slot connection, if any, counts as closed: the caller closes it, and tells
  // the client where that is still there.
  dispatch_decisions left(request_serial serial, instant now, request_failure why = request_failure::client_gone);

  dispatch_decisions slot_opened(slot_offer const& slot, instant now);
  // The connection is over. That of a running request is reported by `ended`, unless the request still reads what came
  // on it: then `reader` goes on without a slot until `ended`.
  dispatch_decisions slot_closed(slot_serial serial, instant now, std::optional<request_serial> reader = {});

  // Progress of an attempt. Words about an attempt that is not the current one are ignored (the fence). The first byte
  // is the first of this attempt that the client gets.
  void sent(request_serial serial, attempt number, instant now);
  dispatch_decisions first_byte(request_serial serial, attempt number, instant now);
  // `refusal`: why the caller cannot have a stream go on that was lost late; nothing where it can. `status`: that of
  // the engine's answer, where it was completed.
  dispatch_decisions ended(request_serial serial, attempt number, attempt_outcome outcome, instant now,
                           std::optional<resume_refusal> refusal = {}, unsigned status = 200);

  // What became of an engine, before or after its slot connections ended: it died while its agent lives, or its agent
  // is gone too.
  dispatch_decisions engine_died(agent_process const& where, instant now);
  dispatch_decisions agent_gone(agent_process const& where, instant now);

  // Time passed: requests that waited too long fail.
  dispatch_decisions expire(instant now);

  [[nodiscard]] std::optional<mono_time> next_deadline() const;

  // Fails whatever waits and everything that comes from now on.
  dispatch_decisions shut_down(instant now);

  struct totals {
    std::uint64_t accepted = 0, completed = 0, failed = 0; // accepted = completed + failed + live, always
    std::uint64_t attempts = 0;                            // of all of them
    std::size_t live = 0, queued = 0, queued_bytes = 0, slots = 0, slots_busy = 0;
    std::size_t resuming = 0; // that wait for a slot
    std::size_t engines = 0;  // with slots
  };

  [[nodiscard]] totals count() const;
  [[nodiscard]] std::size_t slots_of(agent_id const& agent, bool busy) const;
  // Live requests first, in order of arrival; then the newest that ended.
  [[nodiscard]] std::vector<request_record> requests() const;
  [[nodiscard]] request_record const* find(request_serial serial) const;
  [[nodiscard]] request_record const* find(request_id const& id) const;

  // Why its attempts went where they went, the newest max_request_attempts of them.
  [[nodiscard]] std::vector<route_note> const* routes_of(request_serial serial) const;

  [[nodiscard]] std::map<slot_serial, slot_handle> const& idle_slots() const { return idle_; }

  // Whether the agent gets requests for the model; nothing where nothing speaks against it.
  [[nodiscard]] std::optional<breaker_standing> breaker_of(agent_model const& where) const {
    return health_.standing(where);
  }

  // How that changed since it was asked last.
  [[nodiscard]] std::vector<agent_health::change> take_breaker_news() { return health_.take_news(); }

  // How long a slot of the engine behind it is taken by one request, on average.
  [[nodiscard]] std::optional<duration> time_of(agent_model const& where) const;

private:
  // From an agent that is to become empty.
  enum class move_state { may, does, cannot };

  struct live_request {
    request_record record;
    std::vector<route_note> routes;
    queued_request place;               // where it waits
    std::optional<client_key> counted;  // as whose, against the limits of clients
    std::optional<mono_time> gives_up;  // its client
    std::optional<mono_time> begins_by; // to be answered before that
    slot_handle slot;                   // of the attempt that runs; record.has_slot: it is taken by it still
    std::uint64_t identity = 0;         // of the engine that began its stream
    std::uint64_t fingerprint = 0;
    std::uint64_t session = 0;
    std::size_t prompt_blocks = 0;
    std::vector<block_hash> blocks;
    engine_ordinal engine{}; // while it has a slot
    std::uint64_t fruitless = 0, refusals = 0;
    move_state moves = move_state::may;    // of the newest attempt
    bool apart = false;                    // it runs, is suspected, and has brought nothing yet
    begin_number begun{};                  // of the newest attempt
    std::optional<agent_model> counted_at; // who was charged with its loss, until it brings something
  };

  // What the table of slots does not know of an engine.
  struct engine_facts {
    std::uint64_t identity = 0;
    std::size_t apart = 0; // suspects that run there and have brought nothing yet
    engine_pace pace;
  };

  struct slot_count {
    std::size_t idle = 0, busy = 0;
  };

  // Which engines will do.
  struct engine_wish {
    std::uint64_t identity = 0; // 0: any
    bool apart = false;         // where no other suspect is
  };

  static double share_of(std::uint64_t percent) { return static_cast<double>(percent) / 100; }

  static std::string line_of(std::string const& model, std::uint64_t identity, bool suspect);
  dispatch_decisions match(std::string const& model, instant now);
  void run_waiting(std::string const& line, engine_wish const& wish, std::string const& model, instant now,
                   dispatch_decisions& out);

  [[nodiscard]] bool is_any_idle(std::string const& model) const { return slots_.in_turn(model, {}).has_value(); }

  [[nodiscard]] route_search_result search(std::string const& model, live_request const* request,
                                           engine_wish const& wish) const;
  void know(route_candidate& each, live_request const* request, engine_wish const& wish) const;
  void keep_last(std::string const& model, live_request const* request, engine_wish const& wish,
                 route_search_result& found) const;
  [[nodiscard]] bool is_any_sound(std::string const& model, std::uint64_t identity) const;
  void begin_at(live_request& request);
  void judge_agent(live_request& request, std::optional<attempt_outcome> outcome, unsigned status, instant now);
  void let_or_withhold(agent_model const& where);
  dispatch_decisions move_on(std::string const& model);
  run_request run_on(live_request& request, route_search_result const& found, instant now);
  void note_route(live_request& request, route_search_result const& found) const;
  void release(live_request& request, bool reusable);
  void vacate(live_request& request, bool reusable);
  void close(slot_offer const& slot, std::size_t slot_count::* as);
  void remember_session(std::uint64_t session, engine_ordinal engine);
  dispatch_decisions try_again(live_request& request, bool begun, std::optional<resume_refusal> refusal, instant now);
  dispatch_decisions resume(live_request& request, std::optional<resume_refusal> refusal, instant now);
  [[nodiscard]] std::optional<resume_refusal> refusal_of(live_request const& request) const;
  void wait_again(live_request& request);
  dispatch_decisions rejudge(std::vector<request_serial> const& which, instant now);
  dispatch_decisions condemn(live_request const& request, instant now);
  dispatch_decisions fail(request_serial serial, request_failure reason, instant now,
                          std::optional<resume_refusal> not_resumed = {}, std::optional<duration> retry_after = {});
  dispatch_decisions fail_all(std::vector<request_serial> const& which, request_failure reason, instant now);
  void finish(request_serial serial, request_state state, request_failure reason, instant now);
  void set_deadline(live_request& request, instant now);
  [[nodiscard]] duration usual_time(std::string const& model) const;
  [[nodiscard]] std::optional<duration> wait_expected(live_request const& request, std::size_t others = 0) const;
  [[nodiscard]] bool comes_too_late(live_request const& request) const;
  live_request* current(request_serial serial, attempt number);

  dispatch_policy policy_;
  generation policy_version_;
  bool shutting_down_ = false;
  std::set<std::string> models_;
  std::map<request_serial, live_request> live_;
  slot_table slots_;
  std::map<engine_ordinal, engine_facts> engines_;
  std::map<agent_id, slot_count> by_agent_;
  std::map<slot_serial, slot_handle> idle_;
  std::map<std::string, slot_time> times_; // by model
  std::map<std::string, duration> clocks_; // of engine_pace, by model
  request_queue queue_;
  client_limits limits_;
  blame blame_;
  attempt_budget budget_;
  agent_health health_;
  drain_table drains_;
  std::optional<request_serial> moving_; // its attempt is being interrupted
  prefix_index index_;
  std::map<std::uint64_t, engine_ordinal> sessions_; // where the newest request of each went
  std::deque<std::uint64_t> session_order_;          // the oldest first
  engine_ordinal turn_{};                            // of engines that are equal
  std::set<request_serial> held_;                    // until it is known whether engines died of them
  deadline_queue<std::uint64_t> quarantined_;        // fingerprints
  std::uint64_t accepted_ = 0, completed_ = 0, failed_ = 0, attempts_ = 0;
  std::size_t queued_too_many_ = 0; // only with a canary

  struct ended_request {
    request_record record;
    std::vector<route_note> routes;
  };

  std::map<request_serial, ended_request> over_;
  std::deque<request_serial> over_order_;        // the oldest end first
  std::map<request_id, request_serial> by_name_; // of all that live or are kept
};

} // namespace paddler
