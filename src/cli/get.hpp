// paddler get: lists and documents of the management API.
#pragma once
#include "cli/api_answer.hpp"
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/table.hpp"

#include <string>
#include <vector>

namespace paddler {

exit_code run_get(get_command const& wanted, console& terminal);

// What is printed for a list: `data` on standard output, `notes` on standard error.
struct rendered_list {
  std::string data;
  std::string notes;
};

// Pure. `not_found` where the name that was asked for is not in the list. `columns`: of the terminal, 0 for any width.
result<rendered_list> render_list(get_command const& wanted, api_list const& list, wall_time now, std::size_t columns);

// Pure: the same below what was printed with `kept` before, for these rows of the list only. -o json: a line for each;
// -o yaml: a document for each.
result<std::string> render_rows(get_command const& wanted, api_list const& list, wall_time now, std::size_t columns,
                                table::widths& kept);

// Where the API has the list that is wanted.
std::string list_target(get_command const& wanted);

// Pure: the names of a list's rows, in its order.
result<std::vector<std::string>> names_in(view_kind kind, api_list const& list);

} // namespace paddler
