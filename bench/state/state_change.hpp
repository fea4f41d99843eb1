// What is changed in a run, and how the server that is measured is told.
#pragma once
#include "bench/state/management_client.hpp"
#include "runtime/task.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace paddler {

enum class change_kind {
  one,      // one agent's entry, in a document that names no other agent
  tenth,    // a models[] entry that every tenth agent serves
  all,      // the models[] entries that all agents serve
  document, // one agent's entry, in a document that names every agent
};

// The agents that a change concerns: each `every`-th from `first` on.
struct concerned_agents {
  std::size_t first = 0;
  std::size_t every = 1;
};

concerned_agents agents_of(change_kind kind, std::size_t agents);

// Makes changes on a balancer through its management API, or has a bare server send what a balancer would.
class state_changer {
public:
  state_changer(host_and_port const& server, bool bare, std::size_t agents)
      : client_(server), bare_(bare), agents_(agents) {}

  // What agents need to be there before they join.
  task<> begin();

  // Returns when it is accepted.
  task<> make(change_kind kind);

private:
  [[nodiscard]] std::string document(bool every_agent) const;
  [[nodiscard]] std::string state() const;

  management_client client_;
  bool const bare_;
  std::size_t const agents_;
  bool names_every_agent_ = false;
  std::uint64_t changes_ = 0;
  std::uint64_t context_ = 0; // of the one agent
  std::uint64_t tenth_ = 0;   // of templates
  std::uint64_t fleet_ = 0;
};

} // namespace paddler
