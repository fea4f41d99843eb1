// A TCP relay under a test's control: what networks do to connections, as data. What happens to a connection is said by
// its plan before its first byte goes on; what happens to all of them, by the functions of the relay.
#pragma once
#include "base/time.hpp"
#include "harness/names.hpp"
#include "runtime/task.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {

// What happens where a connection has carried so many bytes in one direction.
enum class mishap {
  none,
  reset,      // both ends get an RST
  close,      // both ends get a FIN, and what they still send is lost
  half_close, // the receiver gets a FIN; the other direction goes on
  hold,       // nothing goes on in this direction until let_go()
  corrupt,    // the next byte arrives with all its bits turned round
};

// How one direction carries its bytes; by itself, as they come.
struct carriage {
  mishap what = mishap::none;
  std::size_t after = 0;       // bytes of this direction
  std::size_t first_piece = 0; // of so many bytes; whoever waits for them reads them by themselves. 0: as they come
  std::size_t piece = 0;       // the same for each later one
  duration delay{};            // of each packet
  duration jitter{};           // up to so much more
  double loss = 0;             // packets that are lost, twice at most; what comes later waits for them
  duration sent_again_after{}; // a packet that was lost
  std::size_t bytes_per_second = 0; // 0: no limit
};

struct connection_plan {
  carriage up = {};   // from the one who dialled
  carriage down = {}; // and to it
};

// A connection that was dialled, with the first bytes that came on it.
struct arrival {
  std::size_t number = 0; // from 1
  std::string_view first_bytes;

  [[nodiscard]] bool is_link() const { return first_bytes.starts_with("GET ") && names("/link"); }

  [[nodiscard]] bool is_slot() const { return first_bytes.starts_with("POST ") && names("/slots"); }

private:
  [[nodiscard]] bool names(std::string_view end) const {
    auto const path = first_bytes.substr(0, first_bytes.find(" HTTP/1.1"));
    return path.ends_with(end);
  }
};

enum class course { up, down, both };

// Lives on one executor; stop() it before it is destroyed. The same plan and the same bytes meet the same mishaps; what
// is drawn is drawn by `seed` and the connection's number.
class chaos_proxy {
public:
  explicit chaos_proxy(asio::any_io_executor executor);
  ~chaos_proxy();
  chaos_proxy(chaos_proxy const&) = delete;
  chaos_proxy& operator=(chaos_proxy const&) = delete;

  // Relays to HOST:PORT from now on; from a free port, where no other place is given.
  void start(std::string target, std::string const& place = "127.0.0.1:0");

  [[nodiscard]] std::string const& address() const { return address_; }

  // For connections from now on; none: everything goes through.
  std::function<connection_plan(arrival const&)> plan;
  std::uint64_t seed = 1;

  // Nothing goes on in this direction, on connections old and new, until let_go(); they stay open all the while.
  void hold(course which);

  // What was held goes on, in one piece where its plan does not cut it.
  void let_go();

  // Each open connection meets it now: reset or close.
  void cut(mishap how);

  // Dials are refused from now on, as where nobody listens; until accept_again().
  void refuse();
  void accept_again();

  [[nodiscard]] std::size_t connections() const; // open ones

  [[nodiscard]] std::size_t accepted() const { return accepted_; }

  // Mishaps of plans that have happened.
  [[nodiscard]] std::size_t met() const { return met_; }

  // Bytes that went on in one direction of an open connection; 0 where there is none of this number.
  [[nodiscard]] std::size_t carried(std::size_t number, course which) const;

  task<> stop();

private:
  struct direction;
  struct line;

  void listen(asio::ip::tcp::endpoint const& place);
  task<> accept();
  task<> serve(std::shared_ptr<line> on);
  task<> take(std::shared_ptr<line> on, direction* way);
  task<> deliver(std::shared_ptr<line> on, direction* way);
  task<std::string> next_due(direction* way);
  task<bool> carry(line* on, direction* way, std::string bytes);
  void enqueue(direction& way, std::string bytes) const;
  void meet(line& on, direction& way);
  static void break_off(line& on);
  static void end_direction(direction& way);
  [[nodiscard]] bool is_held(direction const& way) const;
  [[nodiscard]] std::vector<std::shared_ptr<line>> open_lines() const;

  asio::any_io_executor executor_;
  std::string target_;
  std::string address_;
  std::optional<asio::ip::tcp::acceptor> acceptor_;
  std::vector<std::weak_ptr<line>> lines_;
  std::size_t accepted_ = 0;
  std::size_t met_ = 0;
  bool holds_up_ = false;
  bool holds_down_ = false;
  task_group tasks_;
};

} // namespace paddler_test
