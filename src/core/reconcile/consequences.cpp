#include "core/reconcile/consequences.hpp"

#include "core/reconcile/engine_table.hpp"

namespace paddler {
namespace {

// An agent on which everything that is begun succeeds at once.
class lucky_agent {
public:
  explicit lucky_agent(swap_facts const& known)
      : known_(known), table_({.drain = known.drain, .memory_bytes = known.memory_bytes}) {}

  std::vector<consequence> want(applicable_state const& state, std::optional<std::uint64_t> bytes) {
    table_.want(state, bytes, {});
    std::vector<consequence> out;
    while (auto const action = table_.step({})) {
      out.push_back(preview(*action));
      let_succeed(*action);
    }
    return out;
  }

  void become_busy(int requests) {
    if (auto const* const serving = table_.admitted())
      table_.observe(serving->engine, {.status = engine_status::ready, .reason = {}, .restarts = 0, .busy = requests},
                     {});
  }

private:
  consequence preview(engine_action const& action) const {
    consequence out{.action = action.action,
                    .model = action.content.name,
                    .difference = difference(),
                    .estimated = duration{},
                    .interrupts = action.action == reconcile_action::drain && !table_.admitted()};
    if (action.action == reconcile_action::load) out.estimated = known_.load_time;
    if (action.action == reconcile_action::drain && table_.find(action.engine)->busy > 0) out.estimated = known_.drain;
    return out;
  }

  std::string difference() const {
    std::string newest;
    for (auto const& entry : table_.log()) newest = entry.difference;
    return newest;
  }

  void let_succeed(engine_action const& action) {
    if (action.action == reconcile_action::unload) return table_.gone(action.engine, {});
    table_.observe(action.engine, {.status = engine_status::ready, .reason = {}, .restarts = 0, .busy = 0}, {});
  }

  swap_facts const& known_;
  engine_table table_;
};

} // namespace

std::vector<consequence> consequences(applicable_state const& from, applicable_state const& to,
                                      swap_facts const& known) {
  lucky_agent agent(known);
  agent.want(from, known.old_bytes);
  agent.become_busy(known.busy);
  return agent.want(to, known.new_bytes);
}

} // namespace paddler
