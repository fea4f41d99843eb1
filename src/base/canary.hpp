// Deliberate bugs that the simulation must find (SIM-07, docs/simulation.md): each has one line in the product, which
// compiles to nothing unless PADDLER_CANARIES is defined. Only the program sim/canary_test.cpp is built so, from its
// own objects of the sources that have such a line; all of them are .cpp files, never headers.
#pragma once

namespace paddler {

enum class canary {
  none,
  acknowledged_before_durable,
  answer_of_key_forgotten,
  begun_answer_retried,
  breaker_counts_4xx,
  breaker_ejects_last,
  closed_slot_kept,
  condition_ignored,
  continued_text_forgotten,
  continued_tokens_forgotten,
  drain_cut_short,
  drained_agent_routed,
  failed_write_acknowledged,
  failure_not_told,
  half_event_passed_on,
  last_record_forgotten,
  lost_agent_keeps_slots,
  model_change_unseen,
  old_loss_untold,
  overtaken_hello_believed,
  place_in_queue_kept,
  priority_ignored,
  queue_timeout_forgotten,
  removed_entry_kept,
  retry_timer_lost,
  serving_engine_not_kept,
  silence_is_no_death,
  slot_kept_busy,
  stale_report_believed,
  stale_state_obeyed,
  terminal_counted_twice,
  third_engine,
};

#ifdef PADDLER_CANARIES
inline namespace with_canaries {
inline canary loose_canary = canary::none;

inline bool is_loose(canary which) { return loose_canary == which; }
} // namespace with_canaries
#else
constexpr bool is_loose(canary /*which*/) { return false; }
#endif

} // namespace paddler
