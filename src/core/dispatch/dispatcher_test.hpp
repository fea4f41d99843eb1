// For tests: a dispatcher of one model, whose requests are called by letters.
#pragma once
#include "core/dispatch/dispatcher.hpp"
#include "model/words.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace paddler {

class DispatcherTest : public ::testing::Test {
protected:
  instant now{mono_time{std::chrono::seconds(100)}, wall_time{std::chrono::seconds(1)}};
  dispatch_policy policy{.max_queued = 3, .max_queued_bytes = 1000, .queue_timeout = std::chrono::seconds(10)};
  dispatcher it{policy};
  std::uint64_t serial = 0;

  void SetUp() override { it.set_models({"m"}, now); }

  // A request is called by a letter.
  static request_serial named(std::string_view id) { return {static_cast<std::uint64_t>(id.front() - 'a') + 1}; }

  dispatch_decisions request(std::string id, std::string model = "m", std::size_t bytes = 1) {
    auto const number = named(id);
    return it.arrived({number, {std::move(id)}, std::move(model), "/v1/chat/completions", bytes}, now);
  }

  dispatch_decisions slot(std::string agent, std::string model = "m") {
    return it.slot_opened({{++serial}, {std::move(agent)}, {1}, {1}, std::move(model)}, now);
  }

  // Of an engine that can go on where another one of its identity was lost.
  dispatch_decisions equal_slot(std::string agent, std::uint64_t identity) {
    slot_offer made{{++serial}, {std::move(agent)}, {1}, {1}, "m"};
    made.resumes.chat = true;
    made.identity = identity;
    return it.slot_opened(made, now);
  }

  dispatch_decisions end(std::string_view id, attempt_outcome outcome, std::uint64_t number = 1,
                         std::optional<resume_refusal> refusal = {}) {
    return it.ended(named(id), {number}, outcome, now, refusal);
  }

  void first_byte(std::string_view id, std::uint64_t number = 1) {
    it.sent(named(id), {number}, now);
    it.first_byte(named(id), {number}, now);
  }

  dispatch_decisions gone(std::string agent) { return it.agent_gone({{std::move(agent)}, {1}}, now); }

  dispatch_decisions died(std::string agent) { return it.engine_died({{std::move(agent)}, {1}}, now); }

  dispatch_decisions leave(std::string_view id) { return it.left(named(id), now); }

  dispatch_decisions drain(std::string agent, std::optional<duration> stays) {
    return it.set_drained({std::move(agent)}, stays ? std::optional(drain_wish{*stays}) : std::nullopt, now);
  }

  request_record const& record(std::string_view id) { return *it.find(named(id)); }

  void pass(duration time) { now = {now.mono + time, now.wall + time}; }
};

inline std::string name_of(request_serial serial) { return std::string(1, static_cast<char>('a' + serial.value - 1)); }

inline std::string text(dispatch_decisions const& decisions) {
  std::string out;
  for (auto const& decision : decisions) {
    if (auto const* run = std::get_if<run_request>(&decision))
      out += (run->resumes ? "resume " : "run ") + name_of(run->serial) + " on " + run->slot->agent.value + ";";
    if (auto const* moves = std::get_if<interrupt_attempt>(&decision))
      out += "interrupt " + name_of(moves->serial) + ";";
    if (auto const* failed = std::get_if<fail_request>(&decision)) {
      out += "fail " + name_of(failed->serial) + " " + std::string(to_string(failed->reason));
      if (failed->not_resumed) out += " (" + std::string(to_string(*failed->not_resumed)) + ")";
      out += ";";
    }
  }
  return out;
}

inline std::string failed(std::string const& id, request_failure reason) {
  return "fail " + id + " " + std::string(to_string(reason)) + ";";
}

} // namespace paddler
