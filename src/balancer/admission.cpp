#include "balancer/admission.hpp"

#include "core/state/validation.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <iterator>

namespace paddler {

admission::admission(asio::any_io_executor const& executor, core_service& core, link_registry& links,
                     admission_limits const& limits)
    : core_(core), links_(links), limits_(limits), answered_(executor) {
  links_.listeners.answered = [this](link_id link, link_answer const& answer) { take(link, answer); };
  links_.listeners.ended = [this](link_id) { answered_.notify_all(); };
}

task<examined_change> admission::examine(desired_change change) {
  examined_change out;
  if (!may_be_made(change)) co_return out;
  inquiry about;
  ask(about, questions_about(core_.core().desired(), core_.core().agents(), change));
  co_await with_deadline(limits_.answer_within, wait_until_settled(about));
  settle(about, change.document, out);
  out.warnings = warnings_of(about.unasked);
  co_return out;
}

task<result<admitted_change>> admission::submit(desired_change change) {
  auto found = co_await examine(change);
  if (is_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(error_code::unavailable, "The balancer is stopping; the change was not made.", "Send it again.");
  if (!found.errors.empty()) co_return std::unexpected(refusal_of(std::move(found.errors)));
  auto const made = co_await core_.submit(std::move(change));
  if (!made) co_return std::unexpected(made.error());
  co_return admitted_change{*made, std::move(found.warnings)};
}

// What fails the stages before is not asked about: submitting it gives the reasons.
bool admission::may_be_made(desired_change const& change) const {
  auto const record = core_.core().desired().check(change, wall_now());
  return record && *record;
}

void admission::ask(inquiry& about, resource_questions questions) {
  about.unasked = std::move(questions.unasked);
  for (auto& each : questions.ask) {
    if (open_.size() >= limits_.open_questions) {
      about.unasked.push_back({each.agent, "too many changes are being checked at the same time"});
      continue;
    }
    question_key const key{each.link, ++questions_};
    open_.emplace(key, &about);
    about.answers.emplace(key, std::nullopt);
    links_.send(each.link, link_question{core_.core().leader(), key.second, each.state});
    about.asked.emplace_back(key, std::move(each));
  }
}

void admission::take(link_id link, link_answer const& answer) {
  auto const at = open_.find({link, answer.number});
  if (at == open_.end()) return; // too late
  at->second->answers.at(at->first) = answer;
  answered_.notify_all();
}

bool admission::is_settled(inquiry const& about) const {
  return std::ranges::all_of(
      about.answers, [this](auto const& each) { return each.second.has_value() || !links_.is_open(each.first.first); });
}

task<> admission::wait_until_settled(inquiry& about) {
  while (!is_settled(about))
    if (!co_await answered_.wait()) co_return;
}

// Closes the questions, and notes what was answered.
void admission::settle(inquiry& about, desired_document const& document, examined_change& out) {
  for (auto const& [key, question] : about.asked) {
    open_.erase(key);
    auto const& answer = about.answers.at(key);
    if (!answer) {
      about.unasked.push_back({question.agent, links_.is_open(key.first) ? "it did not answer in time"
                                                                         : "its connection broke before it answered"});
      continue;
    }
    std::ranges::move(errors_in_document(document, question.agent, question.state, answer->errors),
                      std::back_inserter(out.errors));
    if (answer->errors.empty() && answer->memory_bytes) out.needs.emplace(question.agent, *answer->memory_bytes);
  }
}

} // namespace paddler
