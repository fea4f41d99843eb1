#include "core/dispatch/dispatcher.hpp"

#include "base/canary.hpp"
#include "core/dispatch/request_states.hpp"

#include <algorithm>
#include <iterator>

namespace paddler {

void append(dispatch_decisions& out, dispatch_decisions more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

namespace {

std::string_view model_of_line(std::string_view line) { return line.substr(0, line.find('\n')); }

bool can_resume(slot_offer const& slot, std::string_view endpoint) {
  return (endpoint == "/v1/chat/completions" && slot.resumes.chat) ||
         (endpoint == "/v1/completions" && slot.resumes.completions);
}

} // namespace

// Lines of their own, beside that of the model: no model has a line break in its name. Of streams that lost an engine
// of an identity, and of those who are suspected; 0 stands for any engine.
std::string dispatcher::line_of(std::string const& model, std::uint64_t identity, bool suspect) {
  if (identity == 0 && !suspect) return model;
  return model + "\n" + std::to_string(identity) + (suspect ? "?" : "");
}

// --- what happens ---

void dispatcher::set_policy(dispatch_policy const& policy, generation version) {
  policy_ = policy;
  policy_version_ = version;
  queue_.set_limits(policy.max_queued, policy.max_queued_bytes);
  limits_.set_policy(client_limits_of(policy));
  budget_.set(share_of(policy.retry_percent), static_cast<double>(policy.retry_burst));
}

dispatch_decisions dispatcher::set_models(std::set<std::string> names, instant now) {
  models_ = std::move(names);
  auto const orphans =
      queue_.keep_only([this](std::string const& line) { return models_.contains(std::string(model_of_line(line))); });
  auto out = fail_all(orphans, request_failure::no_model, now);
  for (auto const serial : std::set(held_))
    if (!models_.contains(live_.at(serial).record.model)) append(out, fail(serial, request_failure::no_model, now));
  for (auto const& name : models_) append(out, match(name, now));
  std::erase_if(times_, [this](auto const& each) { return !models_.contains(each.first); });
  std::erase_if(clocks_, [this](auto const& each) { return !models_.contains(each.first); });
  return out;
}

dispatch_decisions dispatcher::arrived(request_arrival request, instant now) {
  auto const [at, is_new] = live_.try_emplace(request.serial);
  if (!is_new) return {};
  ++accepted_;
  budget_.accepted();
  auto& added = at->second;
  auto& record = added.record;
  record.serial = request.serial;
  record.id = request.id;
  if (!by_name_.try_emplace(record.id, record.serial).second) {
    record.id.value += "." + std::to_string(record.serial.value);
    by_name_.insert_or_assign(record.id, record.serial);
  }
  record.model = request.model.empty() && models_.size() == 1 ? *models_.begin() : request.model;
  record.endpoint = request.endpoint;
  record.client = request.client;
  record.level = request.level;
  record.body_bytes = request.body_bytes;
  record.created_at = now.wall;
  record.queued_since = now.mono;
  note_step(record, now);
  if (request.patience) added.gives_up = now.mono + *request.patience;
  added.place = {.serial = request.serial,
                 .client = request.client,
                 .level = request.level,
                 .bytes = request.body_bytes,
                 .arrived = now.mono,
                 .deadline = {}};
  set_deadline(added, now);
  added.fingerprint = request.fingerprint;
  added.session = request.session;
  added.prompt_blocks = static_cast<std::size_t>(request.prompt_bytes) / prompt_block_bytes;
  added.blocks = std::move(request.blocks);
  if (shutting_down_) return fail(request.serial, request_failure::shutdown, now);
  auto const limited = limits_.arrived(request.client, now.mono);
  if (limited.refused != request_failure::none)
    return fail(request.serial, limited.refused, now, {}, limited.retry_after);
  added.counted = limited.counted_as;
  quarantined_.take_due(now.mono);
  if (request.fingerprint != 0 && quarantined_.contains(request.fingerprint))
    return fail(request.serial, request_failure::quarantined, now);
  // Before it waits: names that clients make up must leave nothing behind.
  if (!models_.contains(record.model)) return fail(request.serial, request_failure::no_model, now);
  // While a slot is idle nothing waits for its model.
  if (auto const found = search(record.model, &added, {}); found.choice.engine) return {run_on(added, found, now)};
  if (comes_too_late(added)) return fail(request.serial, request_failure::overloaded, now);
  auto const [admitted, displaced] = queue_.push(record.model, added.place);
  auto out = fail_all(displaced, request_failure::queue_full, now);
  if (!admitted) append(out, fail(request.serial, request_failure::queue_full, now));
  return out;
}

dispatch_decisions dispatcher::left(request_serial serial, instant now, request_failure why) {
  auto const at = live_.find(serial);
  if (at == live_.end()) return {};
  auto const model = at->second.record.model;
  bool const ran = at->second.slot != nullptr;
  if (ran) judge_agent(at->second, std::nullopt, 0, now);
  release(at->second, false);
  if (is_loose(canary::place_in_queue_kept)) ++queued_too_many_;
  finish(serial, request_state::failed, why, now);
  return ran ? match(model, now) : dispatch_decisions{};
}

void dispatcher::sent(request_serial serial, attempt number, instant now) {
  if (auto* request = current(serial, number)) move_to(request->record, request_state::processing, now);
}

dispatch_decisions dispatcher::first_byte(request_serial serial, attempt number, instant now) {
  auto* request = current(serial, number);
  if (!request || !move_to(request->record, request_state::streaming, now)) return {};
  request->fruitless = 0;
  request->counted_at.reset();
  // Of an engine that has no slot any more the newest word is that of the slot.
  auto const identity = request->record.has_slot ? engines_.at(request->engine).identity : request->slot->identity;
  request->identity = can_resume(*request->slot, request->record.endpoint) ? identity : 0;
  blame_.acquit(serial);
  if (!std::exchange(request->apart, false)) return {};
  --engines_.at(request->engine).apart;
  return match(request->record.model, now);
}

dispatch_decisions dispatcher::ended(request_serial serial, attempt number, attempt_outcome outcome, instant now,
                                     std::optional<resume_refusal> refusal, unsigned status) {
  auto* request = current(serial, number);
  if (!request) return {};
  auto& record = request->record;
  std::string const model = record.model;
  agent_process const where{request->slot->agent, request->slot->process};
  if (moving_ == serial) moving_.reset();
  bool const lost = outcome == attempt_outcome::lost_early || outcome == attempt_outcome::lost_late;
  if (lost && request->moves == move_state::does) outcome = attempt_outcome::moved;
  record.attempts.back().outcome = outcome;
  judge_agent(*request, outcome, status, now);
  release(*request, outcome == attempt_outcome::completed || outcome == attempt_outcome::refused);
  dispatch_decisions out;
  switch (outcome) {
  case attempt_outcome::completed:
  case attempt_outcome::completed_last: finish(serial, request_state::completed, request_failure::none, now); break;
  case attempt_outcome::refused:
    ++request->refusals;
    out = try_again(*request, false, refusal, now);
    break;
  case attempt_outcome::moved: out = try_again(*request, false, refusal, now); break;
  case attempt_outcome::not_continued:
    ++request->fruitless;
    out = try_again(*request, true, refusal, now);
    break;
  case attempt_outcome::lost_early:
  case attempt_outcome::lost_late:
    if (record.state != request_state::streaming) ++request->fruitless;
    blame_.lost(serial, where, now.mono);
    out = try_again(*request, outcome == attempt_outcome::lost_late, refusal, now);
    break;
  case attempt_outcome::timeout: out = fail(serial, request_failure::timeout, now); break;
  case attempt_outcome::slow_client: out = fail(serial, request_failure::slow_client, now); break;
  case attempt_outcome::engine_error: out = fail(serial, request_failure::engine_error, now); break;
  }
  append(out, match(model, now));
  return out;
}

dispatch_decisions dispatcher::expire(instant now) {
  if (is_loose(canary::queue_timeout_forgotten)) return {};
  dispatch_decisions out;
  for (auto const serial : queue_.expire(now.mono)) {
    auto const& request = live_.at(serial);
    if (request.record.state == request_state::resuming)
      append(out, fail(serial, request_failure::agent_lost, now, resume_refusal::no_equal_engine));
    else if (request.begins_by && *request.begins_by <= now.mono)
      append(out, fail(serial, request_failure::deadline, now));
    else
      append(out, fail(serial, request_failure::queue_timeout, now));
  }
  append(out, rejudge(blame_.expire(now.mono), now));
  for (auto const& where : health_.expire(now)) {
    let_or_withhold(where);
    append(out, match(where.model, now));
  }
  if (drains_.take_due(now.mono))
    for (auto const& model : models_) append(out, move_on(model));
  return out;
}

std::optional<mono_time> dispatcher::next_deadline() const {
  std::optional<mono_time> first;
  for (auto const& each :
       {queue_.next_deadline(), blame_.next_deadline(), health_.next_deadline(), drains_.next_deadline()})
    if (each && (!first || *each < *first)) first = each;
  return first;
}

dispatch_decisions dispatcher::engine_died(agent_process const& where, instant now) {
  return rejudge(blame_.engine_died(where, now.mono), now);
}

dispatch_decisions dispatcher::agent_gone(agent_process const& where, instant now) {
  auto const acquitted = blame_.agent_gone(where);
  for (auto const serial : acquitted) {
    budget_.give_back();
    if (auto& request = live_.at(serial); request.fruitless > 0) --request.fruitless;
  }
  return rejudge(acquitted, now);
}

dispatch_decisions dispatcher::shut_down(instant now) {
  shutting_down_ = true;
  auto out = fail_all(queue_.keep_only([](std::string const&) { return false; }), request_failure::shutdown, now);
  append(out, fail_all({held_.begin(), held_.end()}, request_failure::shutdown, now));
  return out;
}

// --- what people see ---

dispatcher::totals dispatcher::count() const {
  auto const waiting = queue_.count();
  auto const held_streams = static_cast<std::size_t>(std::ranges::count_if(
      held_, [this](auto serial) { return live_.at(serial).record.state == request_state::resuming; }));
  return {.accepted = accepted_,
          .completed = completed_,
          .failed = failed_,
          .attempts = attempts_,
          .live = live_.size(),
          .queued = waiting.requests + held_.size() - held_streams + queued_too_many_,
          .queued_bytes = waiting.bytes,
          .slots = slots_.count().slots,
          .slots_busy = slots_.count().busy,
          .resuming = waiting.resuming + held_streams,
          .engines = slots_.count().engines};
}

std::size_t dispatcher::slots_of(agent_id const& agent, bool busy) const {
  auto const at = by_agent_.find(agent);
  if (at == by_agent_.end()) return 0;
  return busy ? at->second.busy : at->second.idle;
}

std::vector<request_record> dispatcher::requests() const {
  std::vector<request_record> out;
  for (auto const& [serial, request] : live_) out.push_back(request.record);
  for (auto at = over_order_.rbegin(); at != over_order_.rend(); ++at) out.push_back(over_.at(*at).record);
  return out;
}

request_record const* dispatcher::find(request_serial serial) const {
  if (auto const at = live_.find(serial); at != live_.end()) return &at->second.record;
  auto const at = over_.find(serial);
  return at == over_.end() ? nullptr : &at->second.record;
}

std::vector<route_note> const* dispatcher::routes_of(request_serial serial) const {
  if (auto const at = live_.find(serial); at != live_.end()) return &at->second.routes;
  auto const at = over_.find(serial);
  return at == over_.end() ? nullptr : &at->second.routes;
}

request_record const* dispatcher::find(request_id const& id) const {
  auto const at = by_name_.find(id);
  return at == by_name_.end() ? nullptr : find(at->second);
}

// --- what becomes of it ---

// The attempt is over and the request is not. Where the client has bytes of the answer, it is never asked for anew.
dispatch_decisions dispatcher::try_again(live_request& request, bool begun, std::optional<resume_refusal> refusal,
                                         instant now) {
  auto& record = request.record;
  begun = begun || record.state == request_state::streaming || record.state == request_state::resuming;
  if (begun && !is_loose(canary::begun_answer_retried)) return resume(request, refusal, now);
  if (shutting_down_) return fail(record.serial, request_failure::shutdown, now);
  if (blame_.deaths(record.serial) >= policy_.max_deaths) return condemn(request, now);
  if (request.fruitless >= policy_.max_attempts || request.refusals >= policy_.max_refusals)
    return fail(record.serial, request_failure::attempts_exhausted, now);
  if (!models_.contains(record.model)) return fail(record.serial, request_failure::no_model, now);
  if (blame_.is_suspect(record.serial) && !budget_.take())
    return fail(record.serial, request_failure::retry_budget, now);
  move_to(record, request_state::queued, now);
  record.queued_since = now.mono;
  set_deadline(request, now);
  wait_again(request);
  return {};
}

// Its stream is to go on elsewhere, if it can.
dispatch_decisions dispatcher::resume(live_request& request, std::optional<resume_refusal> refusal, instant now) {
  auto& record = request.record;
  if (shutting_down_) return fail(record.serial, request_failure::shutdown, now);
  if (record.state == request_state::streaming) ++record.resumes;
  if (blame_.deaths(record.serial) >= policy_.max_deaths) return condemn(request, now);
  if (!refusal) refusal = refusal_of(request);
  if (refusal) return fail(record.serial, request_failure::agent_lost, now, refusal);
  if (blame_.is_suspect(record.serial) && !budget_.take())
    return fail(record.serial, request_failure::retry_budget, now);
  move_to(record, request_state::resuming, now);
  record.queued_since = now.mono;
  request.place.deadline = now.mono + policy_.resume_timeout;
  wait_again(request);
  return {};
}

std::optional<resume_refusal> dispatcher::refusal_of(live_request const& request) const {
  if (request.identity == 0) return resume_refusal::not_capable;
  if (request.record.resumes > policy_.max_resumes || request.fruitless >= policy_.max_attempts ||
      request.refusals >= policy_.max_refusals)
    return resume_refusal::limit;
  if (!models_.contains(request.record.model)) return resume_refusal::no_equal_engine;
  return std::nullopt;
}

// Of these it is known now what became of an engine that they lost.
dispatch_decisions dispatcher::rejudge(std::vector<request_serial> const& which, instant now) {
  dispatch_decisions out;
  std::set<std::string> models;
  for (auto const serial : which) {
    auto& request = live_.at(serial);
    if (held_.erase(serial) == 0 && !queue_.erase(serial)) continue; // it runs
    models.insert(request.record.model);
    if (blame_.deaths(serial) >= policy_.max_deaths)
      append(out, condemn(request, now));
    else
      wait_again(request);
  }
  for (auto const& model : models) append(out, match(model, now));
  return out;
}

dispatch_decisions dispatcher::condemn(live_request const& request, instant now) {
  if (request.counted_at) {
    health_.forgive(*request.counted_at, now);
    let_or_withhold(*request.counted_at);
  }
  if (request.fingerprint != 0 && quarantined_.size() < policy_.max_quarantined)
    quarantined_.set(request.fingerprint, now.mono + policy_.quarantine);
  return fail(request.record.serial, request_failure::poison, now);
}

dispatch_decisions dispatcher::fail(request_serial serial, request_failure reason, instant now,
                                    std::optional<resume_refusal> not_resumed, std::optional<duration> retry_after) {
  auto& request = live_.at(serial);
  request.record.not_resumed = not_resumed;
  bool const waited = reason == request_failure::queue_full || reason == request_failure::queue_timeout ||
                      reason == request_failure::deadline || reason == request_failure::overloaded;
  if (waited) retry_after = wait_expected(request);
  finish(serial, request_state::failed, reason, now);
  return {fail_request{serial, reason, not_resumed, retry_after}};
}

dispatch_decisions dispatcher::fail_all(std::vector<request_serial> const& which, request_failure reason, instant now) {
  dispatch_decisions out;
  for (auto const serial : which) append(out, fail(serial, reason, now));
  return out;
}

// The one place where a request becomes terminal. It is alive, and holds no slot any more.
void dispatcher::finish(request_serial serial, request_state state, request_failure reason, instant now) {
  auto const at = live_.find(serial);
  queue_.erase(serial);
  held_.erase(serial);
  blame_.acquit(serial);
  if (moving_ == serial) moving_.reset();
  if (at->second.counted) limits_.left(*at->second.counted);
  auto& record = at->second.record;
  move_to(record, state, now);
  record.failure = reason;
  record.completed_at = now.wall;
  ++(state == request_state::completed ? completed_ : failed_);
  if (is_loose(canary::terminal_counted_twice)) ++failed_;
  over_.emplace(serial, ended_request{std::move(record), std::move(at->second.routes)});
  over_order_.push_back(serial);
  live_.erase(at);
  if (over_order_.size() <= policy_.ended_kept) return;
  auto const oldest = over_.extract(over_order_.front());
  over_order_.pop_front();
  if (auto const named = by_name_.find(oldest.mapped().record.id);
      named != by_name_.end() && named->second == oldest.key())
    by_name_.erase(named);
}

// Until when it waits: no slot is spent on an answer that comes when its client has left (OVR-13).
void dispatcher::set_deadline(live_request& request, instant now) {
  auto& deadline = request.place.deadline;
  deadline = now.mono + policy_.queue_timeout;
  if (!request.gives_up) return;
  request.begins_by = *request.gives_up - usual_time(request.record.model);
  deadline = std::min(deadline, *request.begins_by);
}

// By which time one that comes now is likely to begin, if it waits, is told from how many are before it. It is refused
// at once where that is too late, and already where it would be close: where more come than can be answered, all of
// them would be.
bool dispatcher::comes_too_late(live_request const& request) const {
  constexpr int close = 8; // a part of the wait
  auto const wait = wait_expected(request, 1);
  if (!wait) return false;
  return *wait > policy_.queue_timeout ||
         (request.begins_by && request.place.arrived + *wait + *wait / close > *request.begins_by);
}

duration dispatcher::usual_time(std::string const& model) const {
  auto const taken = times_.find(model);
  return taken == times_.end() ? duration{} : taken->second.average().value_or(duration{});
}

// How long a request like this one would have to wait now, behind so many others beside those that wait.
std::optional<duration> dispatcher::wait_expected(live_request const& request, std::size_t others) const {
  auto const& [model, client, level] = std::tie(request.record.model, request.record.client, request.record.level);
  auto const taken = times_.find(model);
  if (taken == times_.end()) return std::nullopt;
  return estimated_wait(queue_.waiting_before(model, client, level) + others, taken->second, slots_.slots_of(model));
}

dispatcher::live_request* dispatcher::current(request_serial serial, attempt number) {
  auto const at = live_.find(serial);
  return at != live_.end() && at->second.record.tries == number && at->second.slot ? &at->second : nullptr;
}

} // namespace paddler
