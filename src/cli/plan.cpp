#include "cli/plan.hpp"

#include "cli/answers.hpp"
#include "cli/change_text.hpp"
#include "cli/units.hpp"

#include <algorithm>
#include <chrono>
#include <ostream>

namespace paddler {
namespace {

constexpr int rounded_above = 10; // seconds: from then on whole ones, below it tenths

std::string about(std::uint64_t milliseconds) {
  using tenths = std::chrono::duration<std::int64_t, std::deci>;
  auto const time = std::chrono::milliseconds(milliseconds);
  bool const whole = time >= std::chrono::seconds(rounded_above);
  return print_duration(whole ? duration(std::chrono::round<std::chrono::seconds>(time))
                              : duration(std::chrono::ceil<tenths>(time)));
}

// Whether the engine of this step comes while another one goes on serving: that is drained or unloaded only later.
bool is_beside(std::vector<planned_step> const& steps, std::size_t index) {
  auto const ends = [](planned_step const& step) {
    return step.action == reconcile_action::drain || step.action == reconcile_action::unload;
  };
  auto const here = steps.begin() + static_cast<std::ptrdiff_t>(index);
  return std::none_of(steps.begin(), here, ends) && std::any_of(here, steps.end(), ends);
}

std::string text_of_agent(agent_plan const& agent, console const& terminal) {
  auto out = terminal.on_out(text_style::bold, "agents/" + agent.agent.value);
  if (!agent.connected) out += " is not connected: it does this when it is back";
  out += "\n";
  for (std::size_t i = 0; i < agent.steps.size(); ++i) {
    auto const& step = agent.steps[i];
    out += "  " + std::to_string(i + 1) + ". " + text_of_step(step, agent.slots_busy, is_beside(agent.steps, i)) + "\n";
    bool const begins = step.interrupts && (i == 0 || !agent.steps[i - 1].interrupts);
    if (begins)
      out += "     " + terminal.on_out(text_style::yellow, "! interrupts service until the next admission") + "\n";
  }
  if (agent.steps.empty()) out += "  nothing to do: what runs is what is wanted\n";
  return out;
}

} // namespace

std::string text_of_step(planned_step const& step, int slots_busy, bool is_beside) {
  auto const& time = step.estimated_milliseconds;
  switch (step.action) {
  case reconcile_action::load:
    return "load " + step.model + (is_beside ? " beside the old one" : "") +
           (time ? ", about " + about(*time) + " (measured before)" : ", never measured");
  case reconcile_action::admit: return "admit " + step.model + ": new requests go to it";
  case reconcile_action::drain:
    if (slots_busy == 0) return "drain " + step.model + ": nothing runs on it now";
    return "drain " + step.model + ": " + (time ? "at most " + about(*time) : "until its requests end") + ", " +
           count_of(static_cast<std::uint64_t>(std::max(slots_busy, 0)), "request") +
           (slots_busy == 1 ? " runs" : " run");
  case reconcile_action::unload: return "unload " + step.model;
  case reconcile_action::restart: return "restart " + step.model;
  case reconcile_action::deliver: break;
  }
  return "deliver its new state";
}

std::string text_of_plan(plan_view const& plan, std::string const& file, console const& terminal) {
  auto const at = std::to_string(plan.at.value);
  if (!plan.changed) return "unchanged: applying it does nothing\nrevision " + at + "\n";
  std::string out;
  if (plan.changes.empty()) out += "nothing in effect changes: other sources decide what it says\n";
  out += text_of_changes(plan.changes, plan.more_changes, terminal);
  for (auto const& loss : plan.losses) out += terminal.on_out(text_style::yellow, "! " + text_of_loss(loss)) + "\n";
  for (auto const& agent : plan.agents) out += "\n" + text_of_agent(agent, terminal);
  if (plan.more_agents > 0) out += "\n... and " + std::to_string(plan.more_agents) + " more agents\n";
  return out + "\nrevision " + at + "\napply it: paddler apply -f " + file + " --if-revision " + at + "\n";
}

result<planned_document> blocking_plan(host_and_port const& management, input_document const& document,
                                       std::optional<std::uint64_t> if_revision) {
  api_request request{.method = "POST",
                      .target = management_target("plan"),
                      .headers = {{"Content-Type", std::string(content_type_of(document))}},
                      .body = document.text};
  if (if_revision) request.headers.emplace_back("If-Match", "\"" + std::to_string(*if_revision) + "\"");
  auto const answer = blocking_call_api(management_server(management), std::move(request));
  if (!answer) return std::unexpected(answer.error());
  planned_document out;
  auto node = document_of(*answer);
  auto plan = value_of<plan_view>(*answer);
  auto const more = value_of<warnings_answer>(*answer);
  if (!plan) return std::unexpected(plan.error());
  out.plan = *std::move(plan);
  if (more) out.warnings = more->warnings;
  out.answer = *std::move(node);
  return out;
}

exit_code run_plan(plan_command const& wanted, console& terminal) {
  auto const document = read_input_document(wanted.file, terminal);
  if (!document) {
    terminal.print_error(document.error());
    return exit_code::trouble;
  }
  auto const planned = blocking_plan(wanted.management, *document, wanted.if_revision);
  if (!planned) {
    print_refusal(planned.error(), *document, terminal);
    return exit_code::trouble;
  }
  if (wanted.output)
    terminal.out << print_document(planned->answer, *wanted.output == output_format::yaml) << std::flush;
  else
    terminal.out << text_of_plan(planned->plan, wanted.file, terminal) << std::flush;
  for (auto const& warning : planned->warnings) terminal.print_warning(warning);
  return planned->plan.changed ? exit_code::different : exit_code::success;
}

} // namespace paddler
