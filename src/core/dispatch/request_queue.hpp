// What waits for a slot, and whose turn it is. Bounded, fair between clients, and no operation costs more than the
// logarithm of what waits (`keep_only`: for each request that it takes out).
//
// For each model, or whatever else is waited for under a name, classes: what resumes a stream goes before all, then
// interactive > normal > bulk. A class that has waited for its starvation time gets one turn of every `starving_turn`,
// past the higher ones.
//
// Within a class, clients share by start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng, "Start-time Fair Queueing:
// A Scheduling Algorithm for Integrated Services Packet Switching Networks", SIGCOMM 1996). The first request of each
// client has a start tag; the least tag is served, the older request first where two are equal; the virtual time of
// the class is the tag of what was served last. What is served costs its client (`request_cost` + bytes of its body) /
// weight, which the client's next tag is later by; a client that comes back begins at its own tag or at the virtual
// time, whichever is later. So of two clients of equal weight that both wait, neither gets ahead of the other by more
// than the cost of one request of each, over any time (theorem 1 there). A client is remembered only while its tag is
// ahead of the virtual time, and none where nothing of the class waits: they all begin anew, and equal (rule 2 there).
// Requests of one client are served in the order of their arrival.
//
// Two limits, of requests and of bytes, over all models. The share of a client is what the classes above its own leave
// of the limit, divided by the clients that wait in its class or below, itself included. A new request that does not
// fit is refused if its client would hold more than its share; a first request is let in all the same where the classes
// below can make room. What is let in displaces the newest request of the client that holds most, in the lowest class
// that holds anything; in its own class that is always a client that holds more than its own then does. A client counts
// once for each model and class in which it waits. What comes back after it was served (put_back, resume) is never
// refused, never displaced, goes before the new ones of its class and pays nothing. What was put back counts against
// the limits, what resumes does not. Where limits become less than what waits, nothing is displaced: new requests are
// refused until so much has left.
//
// Pure: no clock. Owned by one thread.
#pragma once
#include "base/deadline_queue.hpp"
#include "base/ids.hpp"
#include "model/request.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

inline constexpr std::uint64_t request_cost = 4096; // of any request, in bytes of body that cost as much
inline constexpr std::uint32_t max_client_weight = 1024;
inline constexpr std::size_t starving_turn = 4; // one of so many

struct queue_policy {
  std::size_t max_requests = 1024;
  std::size_t max_bytes = std::size_t{256} << 20;
  // Remembered at once, counted for each model and class; those beyond are one, `client_key::others`, in each of these.
  std::size_t max_clients = 65'536;
  duration normal_starvation = std::chrono::seconds(30);
  duration bulk_starvation = std::chrono::seconds(120);
};

struct queued_request {
  request_serial serial; // grows with arrival: it is the order of arrival
  client_key client = client_key::others;
  request_class level = request_class::normal;
  std::uint32_t weight = 1; // of its client, 1..max_client_weight; twice the weight, twice the turns
  std::size_t bytes = 0;
  mono_time arrived;
  mono_time deadline; // of waiting
};

class request_queue {
public:
  explicit request_queue(queue_policy policy) : policy_(policy) {}

  void set_limits(std::size_t max_requests, std::size_t max_bytes);

  struct admission {
    bool admitted = false;
    std::vector<request_serial> displaced; // they left the queue in favour of it
  };

  // A new request. One that waits already stays as it is.
  admission push(std::string const& model, queued_request const& request);
  // One that was served and lost before its answer began.
  void put_back(std::string const& model, queued_request const& request);
  // One whose answer goes on elsewhere.
  void resume(std::string const& model, queued_request const& request);

  // Whose turn it is. It leaves the queue, and its client has paid. Deadlines are not looked at: expire(now) first.
  std::optional<request_serial> pop(std::string const& model, mono_time now);

  [[nodiscard]] bool is_waited_for(std::string const& model) const { return models_.contains(model); }

  // Wherever it waits; whether it did.
  bool erase(request_serial serial);

  // Those whose deadline has come, the earliest first. They leave the queue.
  std::vector<request_serial> expire(mono_time now);

  [[nodiscard]] std::optional<mono_time> next_deadline() const { return deadlines_.next(); }

  // Those that wait for any other model leave the queue, in the order of arrival.
  std::vector<request_serial> keep_only(std::function<bool(std::string const& model)> const& keeps);

  // How many are likely to be served before a new request: all of the classes above, and of its own at most one more of
  // each other client than its own client has waiting (two more, if that was just served). Who comes later, weights and
  // sizes are not foreseen.
  [[nodiscard]] std::size_t waiting_before(std::string const& model, client_key client, request_class level) const;

  struct totals {
    std::size_t requests = 0, bytes = 0; // that count against the limits
    std::size_t resuming = 0;            // that do not
    std::size_t clients = 0;             // remembered, for each model and class
    std::size_t models = 0;              // that something waits for
  };

  [[nodiscard]] totals count() const;

private:
  enum measure : std::size_t { requests, bytes };

  using load = std::array<std::size_t, 2>; // by measure
  using lane_number = std::size_t;         // 0 is of what resumes, then by class

  static constexpr lane_number resuming = 0;
  static constexpr std::size_t lanes = 4;

  // What one client has waiting for one model in one class.
  struct place {
    client_key client = client_key::others;
    std::uint64_t tag = 0; // of its next new request
    std::set<request_serial> fresh;
    std::set<request_serial> returned;
    load held{}; // by the fresh ones
  };

  struct turn {
    bool pays = true;
    std::uint64_t tag = 0;
    request_serial serial;
    friend auto operator<=>(turn const&, turn const&) = default;
  };

  struct lane {
    std::uint64_t virtual_time = 0;
    std::map<client_key, place> places;
    std::set<turn> turns;                                // one of each place where something waits
    std::set<std::pair<std::uint64_t, client_key>> idle; // the others; their tags are ahead of the virtual time
    std::set<request_serial> arrivals;
  };

  struct model_queue {
    std::array<lane, lanes> by_lane;
    std::size_t in_order = starving_turn - 1; // turns since a starving class had one
  };

  using models = std::map<std::string, model_queue>;

  struct entry {
    models::iterator model;
    lane_number lane = resuming;
    place* at = nullptr;
    bool fresh = true;
    std::size_t bytes = 0;
    std::uint64_t cost = 0;
    mono_time arrived;
  };

  using entries = std::map<request_serial, entry>;
  using by_weight = std::set<std::pair<std::size_t, request_serial>>; // what a place holds, and its newest request

  struct lane_load {
    load held{};
    std::array<by_weight, 2> places; // with new requests, by measure
  };

  static lane_number lane_of(request_class level) { return 1 + static_cast<lane_number>(level); }

  [[nodiscard]] std::size_t limit(measure what) const;
  [[nodiscard]] std::size_t counted(measure what) const;
  bool is_still_shrunk(measure what, std::size_t more);
  [[nodiscard]] place const* place_of(std::string const& model, client_key client, lane_number number) const;
  [[nodiscard]] bool has_room(measure what, std::size_t more, place const* own, lane_number number) const;
  [[nodiscard]] request_serial heaviest(measure what, lane_number number) const;
  [[nodiscard]] duration starvation(lane_number number) const;
  static lane_number highest_lane(model_queue const& from);
  [[nodiscard]] lane_number next_lane(model_queue const& from, lane_number highest, mono_time now) const;

  void add(std::string const& model, queued_request const& request, lane_number number, bool fresh);
  void remove(entries::iterator at, bool is_served);
  place& place_for(lane& in, client_key client);
  void list(lane& in, lane_number number, place& of);
  void unlist(lane& in, lane_number number, place& of);
  void forget_idle(lane& in);

  queue_policy policy_;
  std::array<bool, 2> shrunk_{}; // by measure: more waited than the new limit, and has not left yet
  models models_;
  entries entries_;
  deadline_queue<request_serial> deadlines_;
  std::array<lane_load, lanes> fresh_; // over all models
  load put_back_{};                    // what was, over all
  std::size_t resuming_ = 0;
  std::size_t places_ = 0;
};

// How long a slot is taken by one request, as a moving average: each new one counts an eighth (as the smoothed round
// trip time of RFC 6298). Nothing before the first one.
class slot_time {
public:
  void learn(duration sample);

  [[nodiscard]] std::optional<duration> average() const { return average_; }

private:
  std::optional<duration> average_;
};

// How long a request is likely to wait behind `before` others. Nothing where that is unknown: no request was answered
// yet, or there is no slot.
std::optional<duration> estimated_wait(std::size_t before, slot_time const& of_one, std::size_t slots);

} // namespace paddler
