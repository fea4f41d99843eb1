// A program inside a simulated process: started, and ended by force at any time.
#pragma once
#include "runtime/wakeup.hpp"
#include "sim/network.hpp"
#include "sim/simulator.hpp"

#include <functional>
#include <memory>

namespace paddler_sim {

// What runs in one process from its start to its end. Derived classes do their work in run(), which returns soon after
// `ending()`; what it owns must be ended by then. Kept by shared pointer until then, killed or not.
class life : public std::enable_shared_from_this<life> {
public:
  life(simulator& sim, sim_network& net, process& where)
      : sim_(sim), net_(net), where_(where), changed_(where.executor()) {}

  virtual ~life() = default;
  life(life const&) = delete;
  life& operator=(life const&) = delete;

  void start();

  // As kill -9, or as the machine's end where `silently`: nobody outside hears anything of the process from now on.
  void kill(bool silently = false);

  [[nodiscard]] bool over() const { return over_; }

  [[nodiscard]] bool killed() const { return !where_.alive(); }

  process& where() { return where_; }

  // Called once, by nobody's turn, when it is over (or was killed).
  std::function<void()> on_end;

protected:
  virtual task<> run() = 0;

  // It is about to be killed; nothing of it has changed yet.
  virtual void dies() {}

  [[nodiscard]] bool ending() const { return ending_; }

  // Asks run() to return.
  void end();

  wakeup& changed() { return changed_; }

  simulator& sim_;
  sim_network& net_;

private:
  static task<> live(std::shared_ptr<life> self);

  process& where_;
  bool ending_ = false;
  bool over_ = false;
  wakeup changed_;
};

} // namespace paddler_sim
