#include "sim/circumstances.hpp"

#include <array>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr double quarter = 0.25;

constexpr auto circumstances = std::to_array<circumstance>({
    // Each answer travels in pieces, and writers wait.
    {"tiny_buffers", quarter,
     [](surroundings& s) {
       s.network.window = 1500;
       s.network.segment = 100;
     }},
    {"queue_of_one", quarter, [](surroundings& s) { s.dispatch.max_queued = 1; }},
    // Here and there a timeout comes at once.
    {"immediate_timeouts", quarter, [](surroundings& s) { s.machine.early_timers = 0.01; }},
    // Timers that were set in one order fire in another.
    {"reordered_timers", quarter, [](surroundings& s) { s.machine.timer_slack = 50ms; }},
    // What a socket has told it tells again, though nothing is new.
    {"events_again", quarter, [](surroundings& s) { s.network.events_again = 0.2; }},
    // Every blocking call takes its time, and now and then very long.
    {"slow_store", quarter,
     [](surroundings& s) {
       s.machine.blocking_most = 100ms;
       s.machine.blocking_stall = 2s;
     }},
});

} // namespace

std::span<circumstance const> all_circumstances() { return circumstances; }

} // namespace paddler_sim
