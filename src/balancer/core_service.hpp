// Runs the balancer core: feeds it events, carries its effects out, keeps its time.
//
// Records leave for the disk in the order in which they were decided, many in one write; the core hears what became of
// them, and only then decides what follows from them. Every other effect is carried out at once: it rests on what is
// durable, or on observed facts, and a request must not wait for a disk. What thousands of agents are sent leaves in
// slices, in order, and the loop has its turn between them.
#pragma once
#include "balancer/table_projector.hpp"
#include "core/balancer_core.hpp"
#include "ports/state_store.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <deque>
#include <functional>
#include <map>

namespace paddler {

// Who carries effects out. Set once, before the first event; called on the loop's thread.
struct core_effect_handlers {
  std::function<void(link_id, balancer_message const&)> send;
  std::function<void(link_id, std::string const& reason)> close_link;
  std::function<void(lost_field const&)> tell_loser;
  std::function<void(run_request const&)> run;
  std::function<void(fail_request const&)> fail;
  std::function<void(interrupt_attempt const&)> interrupt;
  std::function<void(drop_slots const&)> drop_slots_of;
  std::function<void(drop_slot const&)> drop_one_slot;
  std::function<void()> published;           // events, for those who watch
  std::function<void(error)> storage_failed; // no record is written from then on
};

// Lives on one executor. `store` and `writer` must outlive the group in which `run` was spawned.
class core_service {
public:
  core_service(asio::any_io_executor executor, balancer_core core, state_store& store, blocking_executor& writer);

  core_effect_handlers handlers;

  // Handles one event and every event that its effects cause. Callable from handlers.
  void apply(balancer_event event);

  // Hands a desired document in; returns once the outcome is durable. The error is `unavailable` when the task is
  // cancelled.
  task<result<change_outcome>> submit(desired_change change);

  // Before desired state is shown: what the core says is durable. Fails with `unavailable` where the storage failed, as
  // nobody knows then whether more is on the disk.
  task<result<void>> wait_durable();

  // The tasks behind it, until cancelled: the writers, and the clock.
  void spawn_into(task_group& group);

  [[nodiscard]] balancer_core const& core() const { return core_; }

  [[nodiscard]] bool storage_failed() const { return storage_failed_; }

private:
  struct waiting_command {
    std::optional<result<change_outcome>> outcome;
  };

  void carry_out(balancer_effect effect);
  void to_link(balancer_effect effect);
  void carry_out_on_link(balancer_effect const& effect) const;
  task<> serve_links();
  void answer(answer_command const& effect);
  task<> write_records();
  void refuse_records(error const& why);
  task<> compact(revision last);
  task<> write_tables();
  task<bool> write_table_rows(table_changes changes);
  void storage_broke(error const& why);
  task<> keep_time();

  balancer_core core_;
  state_store& store_;
  blocking_executor& writer_;
  std::deque<balancer_event> events_;
  bool applying_ = false;
  std::size_t links_served_ = 0;          // in this turn
  std::deque<balancer_effect> for_links_; // send_to_agent and close_link, when their turn comes
  wakeup links_wait_;
  std::deque<log_record> records_;     // to be written
  std::optional<revision> compaction_; // wanted, up to there
  wakeup records_changed_;
  bool writes_refused_ = false; // the newest write, for want of room or of the database
  bool storage_failed_ = false;
  table_projector tables_;
  wakeup tables_changed_;
  std::uint64_t table_changes_lost_ = 0; // as told last
  std::uint64_t commands_ = 0;
  std::map<command_id, waiting_command> waiting_;
  wakeup answered_;
};

} // namespace paddler
