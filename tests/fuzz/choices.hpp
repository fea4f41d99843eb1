// Turns the bytes of a fuzzer into choices, and choices into values that meet often: few names, small numbers, and now
// and then the largest one. When the bytes are used up every choice is the first one.
#pragma once
#include "model/link.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

class choices {
public:
  choices(std::uint8_t const* data, std::size_t size) : at_(data), end_(data + size) {}

  [[nodiscard]] bool empty() const { return at_ == end_; }

  // Below `count`, which is at most 256.
  unsigned below(unsigned count) { return empty() ? 0 : *at_++ % count; }

  bool maybe() { return below(2) == 1; }

  std::uint64_t number() {
    auto const chosen = below(16);
    return chosen == 15 ? std::numeric_limits<std::uint64_t>::max() - below(2) : chosen;
  }

  std::string name() {
    static constexpr std::array names{"a", "b", "c", "m", "n", "", "no name", "a\xff"};
    return names.at(below(names.size()));
  }

  // Of the models that documents speak of.
  std::string model() { return maybe() ? "n" : "m"; }

private:
  std::uint8_t const* at_;
  std::uint8_t const* end_;
};

inline applicable_state any_state(choices& from) {
  applicable_state out;
  out.version = {from.number()};
  if (from.maybe()) {
    out.model.emplace();
    out.model->name = from.model();
    out.model->slots = static_cast<int>(from.below(4));
  }
  return out;
}

inline reconciliation any_action(choices& from) {
  reconciliation out;
  out.number = from.number();
  out.action = static_cast<reconcile_action>(from.below(6));
  out.engine = {from.number()};
  out.goal = {from.number()};
  out.outcome = static_cast<reconcile_outcome>(from.below(4));
  return out;
}

inline std::vector<reconciliation> any_actions(choices& from) {
  std::vector<reconciliation> out;
  for (auto count = from.below(4); count > 0; --count) out.push_back(any_action(from));
  return out;
}

inline agent_report any_report(choices& from) {
  agent_report out;
  out.sequence = from.number();
  out.applied = {from.number()};
  out.applied_content = from.name();
  out.engine.status = static_cast<engine_status>(from.below(7));
  out.engine.slots = static_cast<int>(from.below(4));
  out.engine.slots_busy = static_cast<int>(from.below(8)) - 1;
  if (from.maybe()) out.beside = out.engine;
  return out;
}

inline std::vector<field_error> any_errors(choices& from) {
  std::vector<field_error> out;
  for (auto count = from.below(3); count > 0; --count) out.push_back({from.name(), "it is wrong", "", 0});
  return out;
}

inline agent_spec any_agent(choices& from) {
  agent_spec out;
  out.id.value = from.name();
  if (from.maybe()) out.desired_model = model_reference{.source = model_source::local, .path = "/" + from.name()};
  if (from.maybe()) out.model = from.model();
  if (from.maybe()) out.slots = static_cast<int>(from.below(4));
  return out;
}

inline desired_document any_document(choices& from) {
  desired_document out;
  for (auto count = from.below(4); count > 0; --count) out.agents.push_back(any_agent(from));
  for (auto count = from.below(3); count > 0; --count) out.models.push_back({{from.model()}, std::nullopt, {}});
  return out;
}

} // namespace paddler
