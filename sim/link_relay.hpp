// A relay between an agent and its balancer that knows the messages of their link and treats them badly (REC-09): it
// passes one on twice, again after a while, late so that others overtake it, or not at all; and what it holds it
// delivers, though its sender has hung up or died in the meantime. Connections that are no link it leaves alone.
//
// It sees WebSocket frames (RFC 6455) and repeats them as they are. Close frames wait for what is held.
#pragma once
#include "sim/network.hpp"
#include "sim/simulator.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace paddler_sim {

class link_relay final : public relay, public std::enable_shared_from_this<link_relay> {
public:
  // `share` of all messages is treated badly, as of now. `greeted` is told the first words of each link: its head and
  // its hello.
  struct settings {
    std::function<double()> share;
    std::function<void(std::string words)> greeted;
  };

  // Of a message that is held.
  static constexpr duration longest_wait = std::chrono::seconds(60);

  link_relay(simulator& sim, settings how, forward onward)
      : sim_(sim), how_(std::move(how)), onward_(std::move(onward)) {}

  void take(std::size_t side, std::string bytes) override;
  void end(std::size_t side, std::function<void()> then) override;

private:
  // What one side sends.
  struct direction {
    bool has_head = false;
    std::string unread;  // of a head, or of a frame
    std::string message; // frames of one that has not ended
    std::string closing; // the close frame
    std::size_t held = 0;
    std::function<void()> then; // when nothing is held any more
  };

  void read_head(std::size_t side);
  void read_frames(std::size_t side);
  void pass(std::size_t side, std::string message);
  void hold(std::size_t side, std::string message, duration wait);
  void settle(std::size_t side);

  simulator& sim_;
  settings how_;
  forward onward_;
  std::array<direction, 2> directions_; // by sender: 0 dialled
  bool is_link_ = true;                 // as far as is known
  std::string head_;                    // of the request, until the hello came
};

} // namespace paddler_sim
