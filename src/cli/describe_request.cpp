#include "cli/describe_request.hpp"

#include "cli/api_client.hpp"
#include "cli/help.hpp"
#include "cli/page_text.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"
#include "model/words.hpp"
#include "net/http_types.hpp"
#include "runtime/clock.hpp"
#include "wire/inference_error.hpp"
#include "wire/rfc3339.hpp"

#include <ostream>

namespace paddler {
namespace {

std::string why_failed(request_view const& request) {
  auto const failure = request.failure.value_or(request_failure::none);
  if (failure == request_failure::no_model) return "there was no model `" + request.model + "`";
  return error_of_failure(failure, request.model, {}).message;
}

std::string words_of(attempt_outcome outcome) {
  switch (outcome) {
  case attempt_outcome::completed:
  case attempt_outcome::completed_last: return "its answer was delivered whole";
  case attempt_outcome::lost_early: return "the engine was lost before the client had a byte of it";
  case attempt_outcome::lost_late: return "the engine was lost in the midst of its answer";
  case attempt_outcome::moved: return "moved: its agent is drained, and it went on elsewhere";
  case attempt_outcome::refused: return "refused: the engine ran another version by then, and nothing was done";
  case attempt_outcome::not_continued: return "the engine could not go on with the stream";
  case attempt_outcome::timeout: return "the engine was silent for too long";
  case attempt_outcome::slow_client: return "the client did not read the answer";
  case attempt_outcome::engine_error: return "the engine's answer was not HTTP";
  }
  return "";
}

std::string ending_of(request_attempt_view const& each, request_view const& request) {
  if (each.outcome) return words_of(*each.outcome);
  return is_terminal(request.status) ? "cut off" : "under way";
}

// Much happens within a millisecond.
std::string length_of(duration time) {
  return time > duration{} && time < std::chrono::milliseconds(1) ? "<1ms" : print_duration(time);
}

// A stream that is to go on stays `resuming` until the client has another byte.
bool is_at_an_engine(request_page const& page) {
  if (page.attempts.empty() || page.steps.empty()) return false;
  auto const& newest = page.attempts.back();
  return newest.number > page.steps.back().attempt && !newest.outcome;
}

std::string way_of(request_page const& page) {
  table out({{.title = "AFTER", .right = true}, {.title = "STATE"}, {.title = "ATTEMPT", .right = true}});
  for (auto const& step : page.steps)
    out.add({length_of(step.at - page.request.created_at), std::string(to_string(step.state)),
             step.attempt == 0 ? "" : std::to_string(step.attempt)});
  auto text = indented(out.print(0, false));
  if (page.steps.size() == max_request_steps)
    text += "  (of a longer way the first " + std::to_string(early_request_steps) + " steps and the newest are kept)\n";
  return text;
}

std::string attempts_of(request_page const& page) {
  std::string out;
  for (auto const& each : page.attempts)
    out += "  " + std::to_string(each.number) + " on " + each.agent.value + ", version " +
           std::to_string(each.version.value) + ": " + ending_of(each, page.request) + "\n";
  return out;
}

} // namespace

std::string standing_of(request_page const& page, wall_time now) {
  auto const& request = page.request;
  auto const agent = request.agent ? request.agent->value : "an agent";
  auto const since = ", since " + print_age(now - (page.steps.empty() ? request.created_at : page.steps.back().at));
  auto const took = length_of(request.completed_at.value_or(now) - request.created_at);
  switch (request.status) {
  case request_state::queued: return "it waits for a slot" + since;
  case request_state::routed: return "it is being sent to " + agent + since;
  case request_state::processing: return agent + " has it and has not begun to answer" + since;
  case request_state::streaming: return agent + " answers it" + since;
  case request_state::resuming:
    return (is_at_an_engine(page) ? agent + " was asked to go on with its answer"
                                  : "its engine was lost, and it waits for one that makes the same answer") +
           since;
  case request_state::completed: return "it was answered whole, within " + took;
  case request_state::failed: return "after " + took + ": " + why_failed(request);
  }
  return "";
}

std::string text_of(request_page const& page, wall_time now, console const& terminal) {
  auto const& request = page.request;
  auto const failed = request.failure ? " (" + std::string(to_string(*request.failure)) + ")" : "";
  auto out = page_title("request " + request.id.value, terminal);
  out += page_line("status", std::string(to_string(request.status)) + failed + ": " + standing_of(page, now));
  if (page.why_not_resumed) out += page_line("not resumed", *page.why_not_resumed);
  if (request.resumes > 0)
    out += page_line("resumes", "its stream lost its engine " + count_of(request.resumes, "time"));
  out += page_line("model", request.model);
  out += page_line("endpoint", request.endpoint);
  out += page_line("priority", request.priority);
  out += page_line("arrived", print_rfc3339(request.created_at) + ", " + print_age(now - request.created_at) + " ago");
  out += page_line("waited", print_duration(std::chrono::milliseconds(request.queue_milliseconds)) + " for slots");
  out += page_heading("Its way", terminal) + way_of(page);
  if (page.attempts.empty()) return out;
  bool const all = page.attempts.size() == request.attempts;
  auto const which = all ? "" : ", the newest of " + std::to_string(request.attempts);
  return out + page_heading("Its attempts" + which, terminal) + attempts_of(page);
}

exit_code describe_request(describe_command const& wanted, console& terminal) {
  auto const target = management_target("requests/" + percent_encode(wanted.name));
  auto const page = blocking_get<request_page>(wanted.management, target);
  if (!page) return terminal.fail_with(page.error());
  terminal.out << text_of(*page, wall_now(), terminal) << std::flush;
  return exit_code::success;
}

} // namespace paddler
