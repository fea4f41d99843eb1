#include "cli/replay.hpp"

#include "cli/change_text.hpp"
#include "cli/help.hpp"
#include "cli/units.hpp"
#include "core/state/field_map.hpp"
#include "runtime/files.hpp"
#include "wire/dump_codec.hpp"
#include "wire/rfc3339.hpp"

#include <ostream>

namespace paddler {
namespace {

constexpr std::size_t most_named = 10; // agents on one line

std::string names_of(std::vector<agent_id> const& agents) {
  std::string out;
  for (std::size_t i = 0; i < std::min(agents.size(), most_named); ++i) out += " " + agents[i].value;
  if (agents.size() > most_named) out += " and " + std::to_string(agents.size() - most_named) + " more";
  return out;
}

std::string place_of(replay_difference const& difference) {
  if (difference.request) return "request " + difference.request->value;
  return difference.at == revision{} ? "result" : "revision " + std::to_string(difference.at.value);
}

void print(replay_report const& report, console& terminal) {
  for (auto const& decision : report.decisions) terminal.out << text_of_decision(decision, terminal);
  for (auto const& each : report.differences)
    terminal.out << terminal.on_out(text_style::red, place_of(each) + ": " + each.what) << "\n";
  terminal.out << summary_of(report) << std::flush;
}

} // namespace

std::string text_of_decision(replayed_decision const& decision, console const& terminal) {
  auto out = terminal.on_out(text_style::bold, "revision " + std::to_string(decision.at.value)) + " " +
             print_rfc3339(decision.time) + " " + describe(decision.source) +
             (decision.origin.actor.empty() ? "" : ", " + decision.origin.actor) +
             (decision.origin.from.empty() ? "" : " from " + decision.origin.from) + "\n";
  auto const& news = decision.news;
  out += news.changes.empty() ? "  nothing in effect changes\n" : indented(text_of_changes(news.changes, 0, terminal));
  for (auto const& loss : news.losses)
    out += "  " + terminal.on_out(text_style::yellow, "! " + text_of_loss(loss)) + "\n";
  if (!news.agents.empty()) out += "  other applicable state:" + names_of(news.agents) + "\n";
  return out;
}

std::string summary_of(replay_report const& report) {
  auto const differences = report.differences.size() + report.more_differences;
  auto const decisions = count_of(report.decisions.size(), "decision");
  auto out = differences == 0 ? decisions + ", all equal to the originals"
                              : decisions + ", " + count_of(differences, "difference");
  out += " (compared: " + count_of(report.changes_compared, "change") + " and " +
         std::to_string(report.losses_compared) + " lost fields as they were told, " +
         std::to_string(report.deliveries_compared) + " deliveries, " +
         count_of(report.states_compared, "applicable state") + ", " + count_of(report.conflicts_compared, "conflict");
  if (report.not_compared > 0) out += "; " + std::to_string(report.not_compared) + " are older than the log";
  out += "; " + count_of(report.requests_compared, "request") + " with " + count_of(report.steps_compared, "step") +
         " and " + count_of(report.routes_compared, "route");
  if (report.requests_left_out > 0)
    out += "; " + count_of(report.requests_left_out, "older request") + " left out of the dump";
  return out + ")\n";
}

exit_code run_replay(replay_command const& wanted, console& terminal) {
  auto const text = blocking_read_file(wanted.file, dump_limits.bytes);
  if (!text) return terminal.fail_with(text.error());
  auto const dump = parse_dump(*text);
  auto const report = dump ? replay(*dump) : std::unexpected(dump.error());
  if (!report) {
    auto why = report.error();
    why.message.insert(0, wanted.file + ": ");
    return terminal.fail_with(why);
  }
  print(*report, terminal);
  return report->differences.empty() ? exit_code::success : exit_code::different;
}

} // namespace paddler
