#include "cli/explain.hpp"

#include "base/text.hpp"
#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/view_tables.hpp"

#include <algorithm>
#include <ostream>
#include <set>
#include <string_view>

namespace paddler {
namespace {

// A path that nobody sets, with the nearest one that somebody does.
error unknown_path(explain_command const& wanted, error why) {
  auto const all = blocking_get<provenance_answer>(wanted.management, management_target("explain"));
  auto const near = all ? nearest_path(wanted.path, all->items) : "";
  if (!near.empty()) why.hint = "Did you mean \"" + near + "\"?\n" + why.hint;
  return why;
}

} // namespace

std::string nearest_path(std::string const& path, std::span<field_provenance const> fields) {
  std::set<std::string_view> paths; // of fields, and of what they stand in
  for (auto const& field : fields) {
    std::string_view const whole = field.path;
    for (auto end = whole.size(); end != std::string_view::npos && end > 0; end = whole.rfind('.', end - 1))
      paths.insert(whole.substr(0, end));
  }
  std::vector<std::string_view> const candidates(paths.begin(), paths.end());
  return nearest(path, candidates);
}

exit_code run_explain(explain_command const& wanted, console& terminal) {
  auto const answer = blocking_call_api(management_server(wanted.management),
                                        {.target = management_target("explain", {{"path", wanted.path}})});
  if (!answer) {
    bool const unknown = answer.error().code == error_code::not_found && !wanted.path.empty();
    return terminal.fail_with(unknown ? unknown_path(wanted, answer.error()) : answer.error());
  }
  auto const found = value_of<provenance_answer>(*answer);
  if (!found) return terminal.fail_with(found.error());
  auto const format = wanted.output.value_or(output_format::table);
  if (format == output_format::json || format == output_format::yaml) {
    auto const document = document_of(*answer);
    terminal.out << print_document(*document, format == output_format::yaml) << std::flush;
  } else if (found->items.empty()) {
    terminal.err << "no source sets anything yet; begin: paddler apply -f FILE\n" << std::flush;
  } else {
    bool const wide = format == output_format::wide;
    terminal.out << table_of_fields(found->items).print(wide ? 0 : terminal.columns, wide) << std::flush;
  }
  return exit_code::success;
}

} // namespace paddler
