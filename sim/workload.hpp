// What people do to a cluster: clients that ask and hold every answer against the hash chain, operators that change
// desired state and remember what they were told.
#pragma once
#include "base/ids.hpp"
#include "linearizability/checker.hpp"
#include "linearizability/versioned_register.hpp"
#include "sim/life.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace paddler_sim {

// What was promised and what was seen, by everybody together. `violation` ends the run.
struct ledger {
  std::function<void(std::string)> violation;

  std::uint64_t poisons = 0; // requests that kill engines, and were sent
  std::uint64_t asked = 0, answered = 0, cut_off = 0, told_error = 0, refused = 0;
  std::uint64_t writes_acknowledged = 0, writes_unknown = 0, writes_refused = 0;
  std::map<revision, std::string> acknowledged; // desired documents of the API, by revision
  revision newest_seen;

  // What operators did to the API's layer of desired state, for the checker of linearizability: each operation stands
  // here from its call on. `moments` counts calls and returns; a value is the number of the document that was written.
  std::vector<timed_operation<register_operation>> history;
  std::uint64_t moments = 0;
  std::vector<std::string> documents = {""};
  std::uint64_t pairs_raced = 0;

  std::size_t called(register_operation::kind what, std::uint64_t value, std::optional<revision> wanted);
  void returned(std::size_t which, register_operation::kind what, revision at, std::uint64_t value);
};

// Empty where the history is linearizable. `shared`: others than the history's operators change desired state too.
std::string judge_history(ledger const& book, bool shared);

// Until the next of events that come about every `mean`, as a Poisson process.
duration pause_of(simulator& sim, duration mean);

class client_life final : public life {
public:
  client_life(simulator& sim, sim_network& net, process& where, scenario const& what, ledger& book)
      : life(sim, net, where), what_(what), book_(book) {}

  void finish() {
    sim_.after({}, where(), [self = shared_from_this(), this] { end(); });
  }

private:
  task<> run() override;
  [[nodiscard]] bool may_look_like_poison(int status) const;

  // Of requests with one Idempotency-Key: their whole answers.
  struct repeated_request {
    std::string key;
    std::vector<std::string> answers;
  };

  task<> ask(std::string text, std::size_t tokens, repeated_request* repeated);
  task<> ask_again_and_again(std::string text, std::size_t tokens);

  scenario const& what_;
  ledger& book_;
};

// Asks what no engine can answer: prompts that are too long, and a few that kill engines.
class troublemaker_life final : public life {
public:
  troublemaker_life(simulator& sim, sim_network& net, process& where, scenario const& what, ledger& book)
      : life(sim, net, where), what_(what), book_(book) {}

  void finish() {
    sim_.after({}, where(), [self = shared_from_this(), this] { end(); });
  }

private:
  task<> run() override;
  task<> ask_too_much(std::uint64_t number);
  task<> ask_for_death();
  task<int> ask(std::string text);

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
  task<> act();
  // The revision at which desired state was read.
  task<std::optional<revision>> read();
  task<int> put(std::optional<revision> if_match); // the answer's status
  task<> race();                                   // two conditional changes of one revision at once
  task<> race_with(revision at, int& status);
  std::size_t draw_document(); // its number

  scenario const& what_;
  ledger& book_;
};

} // namespace paddler_sim
