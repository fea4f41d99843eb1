#include "sim/request_steps.hpp"

#include "model/words.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace paddler_sim {
namespace {

using enum request_state;

// Whether the way begins another attempt.
enum class attempts { the_same, the_next, a_later };

struct way {
  request_state from;
  request_state to;
  attempts number = attempts::the_same;
};

// The diagram, and below it what it leaves out: an engine may answer before it has read the whole request, and of a
// lost stream nothing may have been missing but its end. An attempt to resume that is lost itself is no step.
constexpr way ways[] = {
    {queued, routed, attempts::the_next},
    {queued, failed},
    {routed, processing},
    {routed, queued},
    {routed, failed},
    {processing, streaming},
    {processing, queued},
    {processing, completed},
    {processing, failed},
    {streaming, completed},
    {streaming, resuming},
    {streaming, failed},
    {resuming, streaming, attempts::a_later},
    {resuming, failed, attempts::a_later},
    {resuming, failed},
    {routed, streaming},
    {routed, completed},
    {resuming, completed, attempts::a_later},
};

bool fits(way const& each, request_step const& from, request_step const& to) {
  if (each.from != from.state || each.to != to.state) return false;
  switch (each.number) {
  case attempts::the_same: return to.number == from.number;
  case attempts::the_next: return to.number == from.number.next();
  case attempts::a_later: return to.number > from.number;
  }
  return false;
}

std::string words_of(request_step const& step) {
  return std::string(to_string(step.state)) + " of attempt " + std::to_string(step.number.value);
}

// Of two steps with nothing forgotten between them.
std::string judge_pair(request_step const& from, request_step const& to) {
  bool const legal = std::ranges::any_of(ways, [&](way const& each) { return fits(each, from, to); });
  return legal ? "" : "no way leads from " + words_of(from) + " to " + words_of(to);
}

std::string judge_attempts(request_record const& request) {
  auto const& attempts = request.attempts;
  auto const count = std::min<std::size_t>(request.tries.value, max_request_attempts);
  if (attempts.size() != count) return "it has " + std::to_string(attempts.size()) + " attempts";
  auto number = request.tries.value - count;
  for (auto const& each : attempts) {
    if (each.number.value != ++number) return "its attempts are not counted one by one";
    if (!each.outcome && number != request.tries.value) return "an attempt began before the one before it had ended";
  }
  return {};
}

std::string judge(request_record const& request, bool clocks_step) {
  auto const& steps = request.steps;
  if (steps.empty() || steps.front() != request_step{request.created_at, queued, {}}) return "it does not begin queued";
  if (steps.back().state != request.state) return "its last step is not its state";
  if (is_terminal(request.state) && steps.back().at != request.completed_at) return "it ended at another time";
  for (std::size_t i = 1; i < steps.size(); ++i) {
    bool const gap = steps.size() == max_request_steps && i == early_request_steps;
    if (auto wrong = judge_pair(steps[i - 1], steps[i]); !gap && !wrong.empty()) return wrong;
    if (!clocks_step && steps[i].at < steps[i - 1].at) return words_of(steps[i]) + " came before what led to it";
  }
  return judge_attempts(request);
}

} // namespace

// No way leads on from an end, so there is one at most, and it is the last step.
std::string judge_steps(request_record const& request, bool clocks_step) {
  auto wrong = judge(request, clocks_step);
  return wrong.empty() ? wrong : "request " + request.id.value + ": " + wrong;
}

} // namespace paddler_sim
