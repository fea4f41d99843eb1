// The simulated network: hosts, connections of ordered bytes between their processes, and what goes wrong on the way.
//
// A connection behaves as TCP does: bytes arrive in order, late, or never; a lost segment comes again after a
// retransmission time that doubles; a reset ends it; a peer that was cut off is noticed by nobody until it speaks. Unix
// sockets ("unix:PATH") are connections within one host, which no fault of the network touches.
#pragma once
#include "net/network.hpp"
#include "sim/simulator.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paddler_sim {

class sim_connection;
class sim_acceptor;

// Of every path between two hosts.
struct weather {
  duration least_delay = std::chrono::microseconds(50);
  duration most_delay = std::chrono::milliseconds(1);
  double loss = 0;                 // of each segment
  std::size_t window = 256 * 1024; // bytes under way or unread in one direction
  std::size_t segment = 64 * 1024; // bytes that travel together
  duration retransmission = std::chrono::milliseconds(200);
  double events_again = 0; // after an arrival: that its reader is woken once more, for nothing
};

// Stands between the two ends of one connection: takes what each end sends, in order, and passes on what it likes when
// it likes. End 0 dialled, end 1 accepted.
class relay {
public:
  using forward = std::function<void(std::size_t side, std::string bytes)>; // of what this side sent

  virtual ~relay() = default;
  virtual void take(std::size_t side, std::string bytes) = 0;

  // This side sends nothing more: its process closed the connection, or died. `then` tells the other side.
  virtual void end(std::size_t side, std::function<void()> then) = 0;
};

class sim_network final : public network {
public:
  explicit sim_network(simulator& sim);
  ~sim_network() override;

  weather conditions;

  // Where set, sees all bytes of connections between hosts on their way, and may change them.
  std::function<void(std::string&)> tamper;

  // Where set, makes the relay of each new connection between hosts.
  std::function<std::shared_ptr<relay>(relay::forward)> make_relay;

  // Where set, is told of each piece that a process sent, after it did.
  std::function<void(process& who)> on_sent;

  // Nothing gets from one host to the other until the path is opened again.
  void block(host_id from, host_id to) { blocked_.insert({from, to}); }

  void unblock(host_id from, host_id to) { blocked_.erase({from, to}); }

  void unblock_all() { blocked_.clear(); }

  [[nodiscard]] bool is_blocked(host_id from, host_id to) const { return blocked_.contains({from, to}); }

  // Between these hosts everything waits, in both directions, and nothing is lost.
  void clog(host_id a, host_id b) { clogged_.insert(std::minmax(a, b)); }

  void unclog(host_id a, host_id b);
  void unclog_all();

  [[nodiscard]] bool is_clogged(host_id a, host_id b) const { return clogged_.contains(std::minmax(a, b)); }

  // The process is gone: its sockets are closed by its system, whose peers are told. `silently`: the machine is gone
  // with it, and nobody is told.
  void abandon(process& who, bool silently);

  // A connection of this process breaks, chosen by chance. Whether there was one.
  bool break_one(process& who);

  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }

  // --- network ---
  task<result<std::unique_ptr<transport>>> connect(std::string place, duration limit) override;
  result<std::unique_ptr<acceptor>> listen(asio::any_io_executor const& executor, std::string const& place) override;

private:
  friend class sim_connection;
  friend class sim_acceptor;

  [[nodiscard]] duration delay(bool local);
  std::unique_ptr<transport> join(process& dialler, process& listening, std::string const& place);
  void forget(std::string const& place, sim_acceptor* from);

  simulator& sim_;
  std::set<std::pair<host_id, host_id>> blocked_;
  std::set<std::pair<host_id, host_id>> clogged_;
  std::map<std::pair<host_id, host_id>, std::vector<std::function<void()>>> held_; // by what is clogged
  std::map<std::string, sim_acceptor*> listening_;
  std::vector<std::weak_ptr<sim_connection>> connections_;
  std::uint16_t ports_ = 20000;
  std::uint64_t bytes_sent_ = 0;
};

} // namespace paddler_sim
