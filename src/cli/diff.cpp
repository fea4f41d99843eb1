#include "cli/diff.hpp"

#include "cli/answers.hpp"
#include "cli/change_text.hpp"
#include "cli/plan.hpp"
#include "core/state/field_map.hpp"

#include <algorithm>
#include <ostream>

namespace paddler {
namespace {

exit_code print(diff_command const& wanted, diff_answer const& found, std::uint64_t more, console& terminal) {
  if (wanted.output)
    terminal.out << print_document(to_document(found), *wanted.output == output_format::yaml) << std::flush;
  else
    terminal.out << text_of_changes(found.items, more, terminal) << std::flush;
  return found.items.empty() && more == 0 ? exit_code::success : exit_code::different;
}

exit_code diff_document(diff_command const& wanted, console& terminal) {
  auto const document = read_input_document(wanted.file, terminal);
  if (!document) {
    terminal.print_error(document.error());
    return exit_code::trouble;
  }
  auto planned = blocking_plan(wanted.management, *document, std::nullopt);
  if (!planned) {
    print_refusal(planned.error(), *document, terminal);
    return exit_code::trouble;
  }
  for (auto const& warning : planned->warnings) terminal.print_warning(warning);
  for (auto const& loss : planned->plan.losses) terminal.print_warning(text_of_loss(loss));
  auto const at = planned->plan.at.value;
  diff_answer found{"desired@" + std::to_string(at), wanted.file, std::move(planned->plan.changes), at};
  std::erase_if(found.items, [&](field_change const& each) { return !path_covers(wanted.path, each.path); });
  auto const code = print(wanted, found, planned->plan.more_changes, terminal);
  if (code == exit_code::success && planned->plan.changed)
    terminal.print_note("nothing in effect would change" +
                        (wanted.path.empty() ? std::string(", though the document says other things than before")
                                             : " at " + wanted.path));
  return code;
}

} // namespace

exit_code run_diff(diff_command const& wanted, console& terminal) {
  if (!wanted.file.empty()) return diff_document(wanted, terminal);
  auto const target = management_target("diff", {{"from", wanted.from}, {"to", wanted.to}, {"path", wanted.path}});
  auto const found = blocking_get<diff_answer>(wanted.management, target);
  if (found) return print(wanted, *found, 0, terminal);
  terminal.print_error(found.error());
  return exit_code::trouble;
}

} // namespace paddler
