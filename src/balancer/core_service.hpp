// Runs the balancer core: feeds it events, carries its effects out, keeps its time.
//
// This is the one place where effects are ordered. The control lane (persist → send, close, answer, tell) leaves
// strictly in order, and nothing of it before every earlier record is durable. The data lane (run, fail, drop) leaves
// at once: it rests on observed facts, and a request must not wait for a disk.
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
  std::function<void(drop_slots const&)> drop_slots_of;
  std::function<void(drop_slot const&)> drop_one_slot;
  std::function<void(error)> storage_failed; // the control lane stands still from then on
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
  task<result<revision>> submit(desired_change change);

  // Ends once every change decided so far is durable: who has read desired state waits for it before showing it, as a
  // crash would take back what is not. Fails with `unavailable` after a while, and where the storage failed.
  task<result<void>> wait_durable();

  // The tasks behind it, until cancelled: the writer of the control lane, and the clock.
  void spawn_into(task_group& group);

  [[nodiscard]] balancer_core const& core() const { return core_; }

  [[nodiscard]] bool storage_failed() const { return storage_failed_; }

private:
  using control_effect = std::variant<persist_record, send_to_agent, close_link, answer_command, tell_loser>;

  struct waiting_command {
    std::optional<result<revision>> outcome;
  };

  void carry_out(balancer_effect effect);
  task<bool> durable_at(revision wanted);
  void release(control_effect const& effect);
  void release_until_next_record();
  task<> write_records();
  task<> write_tables();
  task<bool> write_table_rows(table_changes changes);
  void storage_broke(error const& why);
  task<> keep_time();

  balancer_core core_;
  state_store& store_;
  blocking_executor& writer_;
  std::deque<balancer_event> events_;
  bool applying_ = false;
  std::deque<control_effect> control_lane_;
  bool storage_failed_ = false;
  revision durable_; // up to here everything is on disk
  wakeup lane_changed_;
  wakeup durable_changed_;
  table_projector tables_;
  wakeup tables_changed_;
  std::uint64_t table_changes_lost_ = 0; // as told last
  std::uint64_t commands_ = 0;
  std::map<command_id, waiting_command> waiting_;
  wakeup answered_;
};

} // namespace paddler
