// What people do to a cluster: clients that ask and hold every answer against the hash chain, operators that change
// desired state and remember what they were told.
#pragma once
#include "base/ids.hpp"
#include "sim/life.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace paddler_sim {

// What was promised and what was seen, by everybody together. `violation` ends the run.
struct ledger {
  std::function<void(std::string)> violation;

  std::uint64_t asked = 0, answered = 0, cut_off = 0, told_error = 0, refused = 0;
  std::uint64_t writes_acknowledged = 0, writes_unknown = 0, writes_refused = 0;
  std::map<revision, std::string> acknowledged; // desired documents of the API, by revision
  revision newest_seen;
};

class client_life final : public life {
public:
  client_life(simulator& sim, sim_network& net, process& where, scenario const& what, ledger& book)
      : life(sim, net, where), what_(what), book_(book) {}

  void finish() {
    sim_.after({}, where(), [self = shared_from_this(), this] { end(); });
  }

private:
  task<> run() override;
  task<> ask(std::string text, std::size_t tokens);

  scenario const& what_;
  ledger& book_;
};

class operator_life final : public life {
public:
  operator_life(simulator& sim, sim_network& net, process& where, scenario const& what, ledger& book)
      : life(sim, net, where), what_(what), book_(book) {}

  void finish() {
    sim_.after({}, where(), [self = shared_from_this(), this] { end(); });
  }

private:
  task<> run() override;
  task<> put(std::string document);
  std::string draw_document();

  scenario const& what_;
  ledger& book_;
};

} // namespace paddler_sim
