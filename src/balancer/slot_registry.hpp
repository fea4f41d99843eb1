// The slot connections that agents opened: who may use which, and when one is gone.
#pragma once
#include "balancer/core_service.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace paddler {

inline constexpr std::size_t max_slot_connections = 65'536;

// Lives on one executor. A connection belongs to the registry; a request borrows it between `borrow` and `give_back`.
class slot_registry {
public:
  // An engine that is silent for longer is given up: before its answer, and between two pieces of it.
  slot_registry(core_service& core, duration engine_silence) : core_(core), engine_silence_(engine_silence) {}

  // Serves `POST /management/v1/agents/{agent}/slots`: takes the connection over and keeps it until it ends.
  task<> serve(http_exchange& exchange, agent_id agent);

  // Tells the core of borrowed connections that are over while their borrowers wait for clients.
  void spawn_into(task_group& group);

  // The connection behind a slot that the core gave to a request; nothing if it broke in this very moment.
  http_connection* borrow(slot_serial serial, request_serial by);
  // Ends the loan. A connection that is not reusable is closed.
  void give_back(slot_serial serial, bool reusable);

  // Breaks a borrowed connection; its borrower notices.
  void interrupt(slot_serial serial);

  void drop(drop_slots const& which);
  void drop(drop_slot const& which);
  void drop_all();

  [[nodiscard]] std::size_t size() const { return slots_.size(); }

private:
  struct slot {
    slot_offer offer;
    std::unique_ptr<http_connection> connection;
    wakeup changed;
    std::optional<request_serial> borrower = {};
    bool left = false; // the core was told that it is over
    bool ended = false;
  };

  void watch(slot& idle);
  task<> look_at_borrowed();
  void end(slot& which);
  void leave(slot& which);
  task<> keep(std::shared_ptr<slot> kept);

  core_service& core_;
  duration const engine_silence_;
  std::uint64_t serials_ = 0;
  log_limiter refusals_{std::chrono::seconds(1)};
  std::map<slot_serial, std::shared_ptr<slot>> slots_;
  std::map<std::pair<agent_id, incarnation>, std::set<slot_serial>> of_process_;
};

} // namespace paddler
