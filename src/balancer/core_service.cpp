#include "balancer/core_service.hpp"

#include "base/canary.hpp"
#include "model/words.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

constexpr auto clock_resolution = std::chrono::milliseconds(20);
constexpr std::size_t max_records_a_commit = 256;
constexpr std::size_t max_links_a_turn = 64;   // some 3 ms
constexpr std::size_t max_for_links = 200'000; // more is sent at once
constexpr auto table_interval = std::chrono::milliseconds(50);
constexpr std::size_t table_rows_a_commit = 512; // of each kind
constexpr int table_intervals_a_look_at_desired = 20;
constexpr int last_table_commits = 8;                 // when it stops
constexpr auto table_retry = std::chrono::seconds(1); // while the disk is full, or somebody holds the database

instant now() { return {mono_now(), wall_now()}; }

void log_breaker(breaker_changed const& what) {
  auto const& [agent, model, breaker] = what;
  log_info("breaker." + std::string(to_string(breaker.state)), describe(breaker),
           {{"agent", agent.value}, {"model", model}, {"failures", breaker.failures}});
}

} // namespace

core_service::core_service(asio::any_io_executor executor, balancer_core core, state_store& store,
                           blocking_executor& writer)
    : core_(std::move(core)),
      store_(store),
      writer_(writer),
      links_wait_(executor),
      records_changed_(executor),
      tables_changed_(executor),
      answered_(executor) {}

void core_service::apply(balancer_event event) {
  events_.push_back(std::move(event));
  if (applying_) return; // a handler called: its event comes after the effects that are being carried out
  applying_ = true;
  links_served_ = 0;
  auto const published = core_.events().newest();
  while (!events_.empty()) {
    auto const next = std::move(events_.front());
    events_.pop_front();
    auto const at = now();
    auto effects = core_.apply(next, at);
    if (store_.keeps_tables()) tables_.saw(next, effects, core_, at.wall);
    for (auto& effect : effects) carry_out(std::move(effect));
  }
  applying_ = false;
  if (handlers.published && core_.events().newest() != published) handlers.published();
  if (store_.keeps_tables() && !tables_.empty()) tables_changed_.notify_all();
}

void core_service::carry_out(balancer_effect effect) {
  if (auto* run = std::get_if<run_request>(&effect)) return handlers.run(*run);
  if (auto* failed = std::get_if<fail_request>(&effect)) return handlers.fail(*failed);
  if (auto* moves = std::get_if<interrupt_attempt>(&effect)) return handlers.interrupt(*moves);
  if (auto* drop = std::get_if<drop_slots>(&effect)) return handlers.drop_slots_of(*drop);
  if (auto* drop = std::get_if<drop_slot>(&effect)) return handlers.drop_one_slot(*drop);

  if (std::holds_alternative<send_to_agent>(effect) || std::holds_alternative<close_link>(effect))
    return to_link(std::move(effect));
  if (auto* tell = std::get_if<tell_loser>(&effect)) return handlers.tell_loser(tell->loss);
  if (auto const* tell = std::get_if<tell_breaker>(&effect)) return log_breaker(tell->what);
  if (auto* settled = std::get_if<answer_command>(&effect)) return answer(*settled);
  if (auto const* compact = std::get_if<compact_log>(&effect))
    compaction_ = compact->last;
  else
    records_.push_back(std::move(std::get<persist_record>(effect).record));
  records_changed_.notify_all();
}

// In order, whichever link it is for.
void core_service::to_link(balancer_effect effect) {
  if (for_links_.empty() && links_served_ < max_links_a_turn) {
    ++links_served_;
    return carry_out_on_link(effect);
  }
  if (for_links_.size() >= max_for_links) {
    carry_out_on_link(for_links_.front());
    for_links_.pop_front();
  }
  for_links_.push_back(std::move(effect));
  links_wait_.notify_all();
}

void core_service::carry_out_on_link(balancer_effect const& effect) const {
  if (auto const* send = std::get_if<send_to_agent>(&effect))
    handlers.send(send->link, send->message);
  else if (auto const* close = std::get_if<close_link>(&effect))
    handlers.close_link(close->link, close->reason);
}

task<> core_service::serve_links() {
  auto const loop = co_await asio::this_coro::executor;
  for (;;) {
    while (for_links_.empty())
      if (!co_await links_wait_.wait()) co_return;
    for (std::size_t i = 0; i < max_links_a_turn && !for_links_.empty(); ++i) {
      auto const next = std::move(for_links_.front());
      for_links_.pop_front();
      carry_out_on_link(next);
    }
    co_await asio::post(loop, asio::use_awaitable);
  }
}

void core_service::answer(answer_command const& effect) {
  if (auto const at = waiting_.find(effect.command); at != waiting_.end()) at->second.outcome = effect.outcome;
  answered_.notify_all();
}

task<result<change_outcome>> core_service::submit(desired_change change) {
  command_id const command{++commands_};
  waiting_[command] = {};
  apply(desired_submitted{command, std::move(change)});
  while (!waiting_.at(command).outcome) {
    if (co_await answered_.wait()) continue;
    waiting_.erase(command);
    co_return fail(error_code::unavailable, "The balancer is stopping; whether the change was made is not known.",
                   "Read the desired state to see.");
  }
  auto outcome = std::move(*waiting_.at(command).outcome);
  waiting_.erase(command);
  co_return outcome;
}

task<result<void>> core_service::wait_durable() {
  if (!storage_failed_) co_return result<void>();
  co_return fail(error_code::unavailable,
                 "The disk failed: whether the last change of desired state is on it is not known.",
                 "Ask again when the balancer runs anew; its log says what is wrong with its disk.");
}

void core_service::spawn_into(task_group& group) {
  group.spawn("state writer", write_records());
  group.spawn("clock", keep_time());
  group.spawn("links", serve_links());
  if (store_.keeps_tables()) group.spawn("table writer", write_tables());
}

// Group commit: what was decided while the last write was under way is one write.
task<> core_service::write_records() {
  for (;;) {
    while ((records_.empty() && !compaction_) || storage_failed_)
      if (!co_await records_changed_.wait()) co_return;
    if (records_.empty()) {
      co_await compact(*std::exchange(compaction_, std::nullopt));
      continue;
    }
    auto const count = static_cast<std::ptrdiff_t>(std::min(records_.size(), max_records_a_commit));
    std::vector<log_record> const batch(records_.begin(), records_.begin() + count);
    auto const written = co_await run_blocking(writer_, [this, &batch] { return store_.blocking_append(batch); });
    if (!written && !is_loose(canary::failed_write_acknowledged)) {
      refuse_records(written.error());
      continue;
    }
    if (std::exchange(writes_refused_, false))
      log_info("state.writes_resumed", "changes of desired state are taken again",
               {{"revision", batch.back().number.value}});
    records_.erase(records_.begin(), records_.begin() + count);
    apply(records_stored{batch.back().number});
  }
}

// Folds old records away, when no change waits for the disk. The snapshot is made once, by the store where it keeps
// one.
task<> core_service::compact(revision last) {
  auto const slice = core_.history().up_to(last);
  if (!slice || slice->records.empty()) co_return apply(log_not_compacted{});
  auto const taken = slice->records.back()->at;
  auto const folded = std::make_shared<std::shared_ptr<state_snapshot const>>();
  auto const done = co_await run_blocking(writer_, [this, last, slice, taken, folded] {
    auto const fold = [taken, folded](state_snapshot const& base, std::span<log_record const> records) {
      *folded = std::make_shared<state_snapshot const>(fold_snapshot(base, records, taken));
      return **folded;
    };
    auto outcome = store_.blocking_compact(last, fold);
    if (outcome && !*folded) *folded = std::make_shared<state_snapshot const>(fold_snapshot(*slice, taken));
    return outcome;
  });
  if (done) {
    log_info("state.compacted", "older changes of desired state are one snapshot now", {{"revision", last.value}});
    co_return apply(log_compacted{*folded});
  }
  auto const& why = done.error();
  if (why.code == error_code::storage || why.code == error_code::closed) co_return storage_broke(why);
  log_warn("state.not_compacted", why.message, {{"hint", why.hint}, {"revision", last.value}});
  apply(log_not_compacted{});
}

// Where nothing was written the balancer goes on with what is durable, and says so to whoever asked for more.
void core_service::refuse_records(error const& why) {
  if (why.code == error_code::storage || why.code == error_code::closed) return storage_broke(why);
  writes_refused_ = true;
  log_warn("state.write_refused", why.message,
           {{"reason", to_string(why.code)}, {"hint", why.hint}, {"records", records_.size()}});
  records_.clear();
  apply(records_refused{why});
}

// Group commit: what changes within an interval is one transaction. Desired state as a whole is looked at less often.
task<> core_service::write_tables() {
  int until_desired = 0;
  for (;;) {
    while (tables_.empty() || storage_failed_)
      if (!co_await tables_changed_.wait()) co_return;
    if (!co_await sleep_for(table_interval)) break;
    auto changes = tables_.take(core_, table_rows_a_commit, until_desired == 0);
    until_desired = until_desired == 0 ? table_intervals_a_look_at_desired : until_desired - 1;
    if (changes.size() == 0 && !changes.is_first) continue;
    if (!co_await write_table_rows(std::move(changes))) break;
  }
  // How it ended.
  for (int i = 0; i < last_table_commits && !tables_.empty() && !storage_failed_; ++i)
    co_await write_table_rows(tables_.take(core_, table_rows_a_commit, true));
}

// False when cancelled. Where it cannot be written now, what happens in the meantime waits in the projector, which is
// bounded, and no change of desired state waits for it.
task<bool> core_service::write_table_rows(table_changes changes) {
  for (;;) {
    auto const written =
        co_await run_blocking(writer_, [this, &changes] { return store_.blocking_write_tables(changes); });
    if (auto const lost = tables_.lost(); lost > std::exchange(table_changes_lost_, lost))
      log_warn("tables.rows_lost", "more requests than the tables could follow", {{"changes", lost}});
    if (written && written->made_anew) {
      log_warn("tables.made_anew", "somebody had changed the tables of the state database: they are filled again");
      tables_.start_over(core_);
    }
    if (written) co_return true;
    auto const& why = written.error();
    if (why.code == error_code::storage) {
      storage_broke(why);
      co_return true;
    }
    log_warn("tables.not_written", why.message, {{"hint", why.hint}, {"rows", changes.size()}});
    if (!co_await sleep_for(table_retry)) co_return false;
    if (why.code == error_code::unavailable || why.code == error_code::full) continue;
    tables_.start_over(core_);
    co_return true;
  }
}

// Nothing is acknowledged any more (promise P12): what was not persisted must not be believed by anybody.
void core_service::storage_broke(error const& why) {
  if (std::exchange(storage_failed_, true)) return;
  log_error("state.write_failed", why.message, {{"hint", why.hint}});
  handlers.storage_failed(why);
}

task<> core_service::keep_time() {
  while (co_await sleep_for(clock_resolution)) {
    auto const due = core_.next_deadline();
    if (due && *due <= mono_now()) apply(time_passed{});
  }
}

} // namespace paddler
