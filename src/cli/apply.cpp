#include "cli/apply.hpp"

#include "cli/answers.hpp"
#include "cli/change_text.hpp"
#include "cli/plan.hpp"
#include "cli/settling.hpp"
#include "cli/validate.hpp"
#include "wire/desired_codec.hpp"

#include <ostream>

namespace paddler {
namespace {

exit_code refuse(error why, input_document const& document, console& terminal) {
  auto const code = exit_code_for(why.code);
  if (!why.fields.empty() && why.message.find("othing was changed") == std::string::npos)
    why.message += "; nothing was changed";
  if (why.code == error_code::conflict)
    why.hint = "See what is wanted by now: paddler get desired. Merge your change into it and apply that.";
  print_refusal(std::move(why), document, terminal);
  return code;
}

void print_warnings(std::vector<lost_field> const& losses, std::vector<std::string> const& warnings,
                    console& terminal) {
  for (auto const& loss : losses) terminal.print_warning(text_of_loss(loss));
  for (auto const& warning : warnings) terminal.print_warning(warning);
}

exit_code dry_run_here(input_document const& document, console& terminal) {
  auto const warnings = validate_offline(document);
  if (!warnings) return refuse(warnings.error(), document, terminal);
  print_warnings({}, *warnings, terminal);
  terminal.out << "valid; nothing was changed (dry run)\n" << std::flush;
  return exit_code::success;
}

exit_code dry_run_there(apply_command const& wanted, input_document const& document, console& terminal) {
  auto const planned = blocking_plan(wanted.management, document, wanted.if_revision);
  if (!planned) return refuse(planned.error(), document, terminal);
  auto const& plan = planned->plan;
  print_warnings(plan.losses, planned->warnings, terminal);
  terminal.out << text_of_changes(plan.changes, plan.more_changes, terminal)
               << (plan.changed ? "would change revision " : "would not change revision ") << plan.at.value
               << "; nothing was changed (dry run)\n"
               << std::flush;
  return plan.changed || !wanted.error_unchanged ? exit_code::success : exit_code::unchanged;
}

// Whom to wait for: the agents that the change concerns, or, where it changed nothing, those that the document names.
result<std::vector<agent_id>> concerned(apply_command const& wanted, input_document const& document,
                                        change_answer const& made) {
  if (made.changed) return blocking_agents_of_revision(wanted.management, made.revision);
  auto const parsed = parse_desired(document.text, document.format);
  if (!parsed) return std::unexpected(parsed.error());
  std::vector<agent_id> out;
  for (auto const& agent : parsed->agents) out.push_back(agent.id);
  return out;
}

exit_code report(apply_command const& wanted, input_document const& document, change_answer const& made,
                 console& terminal) {
  terminal.out << (made.changed ? "applied: revision " : "unchanged: revision ") << made.revision << "\n" << std::flush;
  print_warnings(made.losses, made.warnings, terminal);
  if (wanted.wait) {
    auto const agents = concerned(wanted, document, made);
    if (!agents) return terminal.fail_with(agents.error());
    auto const settled = wait_until_settled(wanted.management, *agents, *wanted.wait, terminal);
    if (settled != exit_code::success) return settled;
  } else if (made.changed) {
    terminal.print_note("next: paddler get agents");
  }
  return made.changed || !wanted.error_unchanged ? exit_code::success : exit_code::unchanged;
}

} // namespace

api_request apply_request(apply_command const& wanted, input_document const& document) {
  api_request out{.method = "PUT", .target = management_target("desired")};
  out.headers.emplace_back("Content-Type", content_type_of(document));
  if (wanted.if_revision) out.headers.emplace_back("If-Match", "\"" + std::to_string(*wanted.if_revision) + "\"");
  out.body = document.text;
  return out;
}

exit_code run_apply(apply_command const& wanted, console& terminal) {
  auto const document = read_input_document(wanted.file, terminal);
  if (!document) return terminal.fail_with(document.error());
  if (wanted.dry == dry_run::client) return dry_run_here(*document, terminal);
  if (wanted.dry == dry_run::server) return dry_run_there(wanted, *document, terminal);
  auto const answer = blocking_call_api(management_server(wanted.management), apply_request(wanted, *document));
  if (!answer) return refuse(answer.error(), *document, terminal);
  auto const made = value_of<change_answer>(*answer);
  return made ? report(wanted, *document, *made, terminal) : terminal.fail_with(made.error());
}

} // namespace paddler
