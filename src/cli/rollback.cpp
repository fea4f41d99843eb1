#include "cli/rollback.hpp"

#include "base/text.hpp"
#include "cli/answers.hpp"
#include "cli/change_text.hpp"
#include "cli/plan.hpp"
#include "core/state/field_map.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <istream>
#include <ostream>

namespace paddler {
namespace {

constexpr std::size_t most_explained = 20; // fields that remain, with who decides each

// What the API said at that revision.
result<input_document> document_at(rollback_command const& wanted) {
  auto const target = management_target("desired", {{"at", "desired@" + std::to_string(wanted.to)}, {"source", "api"}});
  auto answer = blocking_call_api(management_server(wanted.management),
                                  {.target = target, .headers = {{"Accept", "application/json"}}});
  if (!answer) return std::unexpected(answer.error());
  return input_document{"revision " + std::to_string(wanted.to), std::move(answer->body), document_format::json};
}

std::string decider_of(rollback_command const& wanted, std::string const& path) {
  auto const found = blocking_get<provenance_answer>(wanted.management, management_target("explain", {{"path", path}}));
  if (!found) return "";
  auto const at = std::ranges::find(found->items, path, &field_provenance::path);
  return at == found->items.end() || !at->owner ? "" : describe(at->owner->source);
}

// What rolling back did not bring back.
void print_remaining(rollback_command const& wanted, std::vector<field_change> const& remaining, console& terminal) {
  auto const words = [](std::optional<field_value> const& value) { return value ? describe(*value) : "not set"; };
  for (std::size_t i = 0; i < std::min(remaining.size(), most_explained); ++i) {
    auto const& field = remaining[i];
    auto const decider = decider_of(wanted, field.path);
    terminal.print_warning(field.path + ": remains " + words(field.after) + ", was " + words(field.before) +
                           " at revision " + std::to_string(wanted.to) +
                           (decider.empty() ? "" : ": " + decider + " decides it"));
  }
  if (remaining.size() > most_explained)
    terminal.print_warning("... and " + std::to_string(remaining.size() - most_explained) + " fields more remain");
}

exit_code refuse_to_ask(rollback_command const& wanted, console const& terminal) {
  terminal.print_error(
      {error_code::invalid_input,
       "a rollback changes what runs, and standard input is no terminal to ask on",
       "Look at it with --dry-run, or say so: paddler rollback " + std::to_string(wanted.to) + " --yes",
       {}});
  return exit_code::usage;
}

// Nothing: go on.
std::optional<exit_code> confirm(rollback_command const& wanted, console& terminal) {
  if (wanted.yes) return std::nullopt;
  terminal.err << "Go back to revision " << wanted.to << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  if (to_lower(answer) == "y" || to_lower(answer) == "yes") return std::nullopt;
  terminal.err << "nothing was changed\n" << std::flush;
  return exit_code::failure;
}

exit_code roll_back(rollback_command const& wanted, revision at, console& terminal) {
  auto body = object_node();
  body.add("revision", number_node(wanted.to));
  api_request request{
      .method = "POST",
      .target = management_target("rollback"),
      .headers = {{"Content-Type", "application/json"}, {"If-Match", "\"" + std::to_string(at.value) + "\""}},
      .body = print_json(body)};
  auto const answer = blocking_call_api(management_server(wanted.management), std::move(request));
  if (!answer) {
    auto why = answer.error();
    if (why.code == error_code::conflict) why.hint = "Look at it again: paddler rollback " + std::to_string(wanted.to);
    return terminal.fail_with(why);
  }
  auto const made = value_of<change_answer>(*answer);
  if (!made) return terminal.fail_with(made.error());
  terminal.out << (made->changed ? "rolled back: revision " : "unchanged: revision ") << made->revision << "\n"
               << std::flush;
  for (auto const& loss : made->losses) terminal.print_warning(text_of_loss(loss));
  for (auto const& warning : made->warnings) terminal.print_warning(warning);
  print_remaining(wanted, made->remaining, terminal);
  return exit_code::success;
}

} // namespace

exit_code run_rollback(rollback_command const& wanted, console& terminal) {
  if (!wanted.yes && !wanted.dry && !terminal.in_is_terminal) return refuse_to_ask(wanted, terminal);
  auto const document = document_at(wanted);
  if (!document) return terminal.fail_with(document.error());
  auto const planned = blocking_plan(wanted.management, *document, wanted.if_revision);
  if (!planned) {
    print_refusal(planned.error(), *document, terminal);
    return exit_code_for(planned.error().code);
  }
  auto const& plan = planned->plan;
  if (!plan.changed) {
    terminal.out << "unchanged: revision " << plan.at.value << "\n" << std::flush;
    return exit_code::success;
  }
  terminal.out << text_of_changes(plan.changes, plan.more_changes, terminal) << std::flush;
  if (plan.changes.empty()) terminal.err << "nothing in effect changes: other sources decide what it says\n";
  for (auto const& loss : plan.losses) terminal.print_warning(text_of_loss(loss));
  if (wanted.dry) {
    terminal.out << "would go back to revision " << wanted.to << "; nothing was changed (dry run)\n" << std::flush;
    return exit_code::success;
  }
  if (auto const refused = confirm(wanted, terminal)) return *refused;
  return roll_back(wanted, plan.at, terminal); // only if nothing changed since it was shown
}

} // namespace paddler
