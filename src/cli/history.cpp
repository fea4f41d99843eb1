#include "cli/history.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/view_tables.hpp"
#include "runtime/clock.hpp"

#include <algorithm>
#include <ostream>

namespace paddler {
namespace {

constexpr std::uint64_t most_in_a_page = 1'000; // that the API gives at once

// Page by page, until there are enough, or they are too old.
result<revisions_answer> fetch(history_command const& wanted, wall_time now) {
  revisions_answer out;
  for (std::string before; out.items.size() < wanted.limit;) {
    auto const left = std::min(wanted.limit - out.items.size(), most_in_a_page);
    auto page = blocking_get<revisions_answer>(
        wanted.management,
        management_target("revisions", {{"limit", std::to_string(left)}, {"before", before}, {"path", wanted.path}}));
    if (!page) return std::unexpected(page.error());
    out.oldest = page->oldest;
    out.revision = page->revision;
    auto const wanted_count = page->items.size();
    for (auto& each : page->items) {
      if (wanted.since && each.at < now - *wanted.since) return out;
      out.items.push_back(std::move(each));
    }
    if (wanted_count < left) break;
    before = std::to_string(out.items.back().number.value);
  }
  return out;
}

} // namespace

exit_code run_history(history_command const& wanted, console& terminal) {
  auto const now = wall_now();
  auto const found = fetch(wanted, now);
  if (!found) return terminal.fail_with(found.error());
  auto const format = wanted.output.value_or(output_format::table);
  if (format == output_format::json || format == output_format::yaml) {
    terminal.out << print_document(to_document(*found), format == output_format::yaml) << std::flush;
  } else if (found->items.empty()) {
    terminal.err << "no such revisions" << (wanted.path.empty() ? "" : ": nothing that is kept changed " + wanted.path)
                 << "\n"
                 << std::flush;
  } else {
    bool const wide = format == output_format::wide;
    terminal.out << table_of(found->items, now).print(wide ? 0 : terminal.columns, wide) << std::flush;
  }
  return exit_code::success;
}

} // namespace paddler
