// What one seed is about: drawn from it, and printed with every failure.
#pragma once
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace paddler_sim {

using namespace paddler;

// A world that breaks what it promises, so that a checker has to speak up: proof that it can.
enum class broken_promise {
  none,
  disk_forgets,   // what was synced is missing after a crash
  bytes_change,   // an engine's tokens arrive altered
  cut_never_ends, // a partition outlives the time of faults
};

struct scenario {
  std::uint64_t seed = 0;
  duration length = std::chrono::seconds(120); // with faults; a healed core must converge afterwards
  std::size_t agents = 3;                      // 0..12
  std::size_t clients = 4;                     // 1..40
  std::size_t operators = 1;
  double drained = 0;            // the share of agents that a document of an operator wants empty
  double repeated = 0;           // the share of requests that clients send several times, with one Idempotency-Key
  bool racing_operators = false; // each sends two changes of one revision at once, again and again
  duration client_pause{};       // mean, between two requests of one client
  duration operator_pause{};
  duration file_pause{}; // mean, between two changes of the configuration file; zero: there is no file
  double loss = 0;       // of network segments
  duration most_delay{};
  duration load_time{};
  duration token_time{};
  bool discovery = false;   // agents say what they want to run
  double bad_messages = 0;  // of links, the share that relays treat badly (sim/link_relay.hpp); half of the agents then
                            // are older peers, whose messages have no numbers
  bool room_for_two = true; // it is known that two engines fit beside each other
  double disk_full = 0;
  double disk_broken = 0;
  std::map<std::string, duration, std::less<>> faults; // the mean time between two of a kind (sim/faults.hpp)
  duration trouble_pause{}; // mean, between two requests of somebody who asks what no engine can answer; zero: nobody
  std::size_t poisons = 0;  // of these, that kill engines
  std::size_t sound_agents = 0;              // the first so many, whose engines never break
  std::set<std::string, std::less<>> unkind; // circumstances (sim/circumstances.hpp)
  broken_promise broken = broken_promise::none;
};

// The swarm: which kinds of trouble there are differs from seed to seed (Groce et al. 2012, "Swarm Testing").
scenario draw_scenario(std::uint64_t seed);

// Eight operators who do nothing but read and change desired state, a history of at most 2,000 operations. With
// `restarts` the balancer is killed every one to three seconds. With `pairs` it is one who sends two changes of one
// revision at once, again and again.
scenario draw_operators(std::uint64_t seed, bool restarts, bool pairs);

// The API, a configuration file and agents that say what they run, on the same few fields, for ten seconds (LIN-08). In
// a third of all seeds the balancer dies now and then.
scenario draw_conflicts(std::uint64_t seed);

// Relays that repeat, hold back and lose single messages of links, among them those of links and processes that are
// gone, and greetings that come once more (REC-09). For a minute; what was held back then has another minute to arrive,
// while agents and balancers go on dying.
scenario draw_relays(std::uint64_t seed);

// Engines that answer 500 for a while, one or all of them, and clients who send prompts that are too long or kill
// engines: breakers open where something is broken, nowhere else, and never leave anybody without an engine (OVR-09,
// OVR-10, REQ-12).
scenario draw_poison(std::uint64_t seed);

// Whose messages have no number.
inline bool is_older_peer(scenario const& what, std::size_t agent) { return what.bad_messages > 0 && agent % 2 == 1; }

std::string describe(scenario const& what);

} // namespace paddler_sim
