#include "cli/why.hpp"

#include "cli/api_client.hpp"
#include "cli/help.hpp"
#include "cli/page_text.hpp"
#include "cli/table.hpp"
#include "cli/units.hpp"
#include "net/http_types.hpp"

#include <ostream>

namespace paddler {
namespace {

std::string because(route_view const& route) {
  if (route.reason == "prefix") return "it has read most of the prompt that counts";
  if (route.reason == "session") return "the session was there";
  if (route.reason == "turn") return "it was its turn";
  if (route.reason == "kept") return "every engine fails too often, and it is the first that is to be tried again";
  return "it was the least busy that could take it";
}

std::string policies_of(route_view const& route) {
  if (route.policies == 0) return "by default policies";
  return "policies of revision " + std::to_string(route.policies);
}

std::string cost(std::uint64_t microseconds) {
  return print_duration(std::chrono::milliseconds((microseconds + 500) / 1000));
}

std::uint64_t total(route_candidate_view const& each) {
  return each.prefill_microseconds + each.load_microseconds + each.token_microseconds + each.away_microseconds +
         each.pace_microseconds;
}

std::string note_on(route_candidate_view const& each) {
  if (each.left_out) return "out";
  std::string const saturated = each.saturated ? "saturated" : "";
  return each.chosen ? "chosen" + (saturated.empty() ? "" : "," + saturated) : saturated;
}

// What a word in the table cannot say.
std::string remarks_on(route_view const& route) {
  std::string out;
  for (auto const& each : route.candidates) {
    if (each.left_out) out += "  " + each.agent.value + " is out: " + *each.left_out + "\n";
    if (each.saturated && !each.left_out)
      out += "  " + each.agent.value + " is so much busier than others that what it has read did not count\n";
  }
  return out;
}

std::string candidates_of(route_view const& route, console const& terminal) {
  table out({{.title = "AGENT"},
             {.title = "BUSY", .right = true},
             {.title = "READ", .right = true},
             {.title = "PREFILL", .right = true},
             {.title = "LOAD", .right = true},
             {.title = "TOKEN", .right = true},
             {.title = "AWAY", .right = true},
             {.title = "PACE", .right = true},
             {.title = "COST", .right = true},
             {.title = "NOTE"}});
  for (auto const& each : route.candidates)
    out.add({each.agent.value, std::to_string(each.slots_busy) + "/" + std::to_string(each.slots),
             std::to_string(each.cached_blocks) + "/" + std::to_string(route.prompt_blocks),
             cost(each.prefill_microseconds), cost(each.load_microseconds), cost(each.token_microseconds),
             cost(each.away_microseconds), cost(each.pace_microseconds), each.left_out ? "" : cost(total(each)),
             note_on(each)});
  return indented(out.print(terminal.columns, false));
}

} // namespace

std::string text_of_routes(request_page const& page, console const& terminal) {
  auto out = page_title("request " + page.request.id.value, terminal);
  if (page.routes.empty()) return out + "  it went nowhere: no slot was free for it, or it was refused before\n";
  for (auto const& route : page.routes) {
    out += page_heading("Attempt " + std::to_string(route.attempt) + " went to " + route.agent.value + ": " +
                            because(route) + " (" + route.strategy + ", " + policies_of(route) + ")",
                        terminal);
    out += candidates_of(route, terminal) + remarks_on(route);
    if (route.others_open > 0)
      out += "  " + count_of(route.others_open, "engine") + " left out, breaker open: too much failed there\n";
    if (route.others_drained > 0)
      out += "  " + count_of(route.others_drained, "engine") + " left out, drained: to get nothing new\n";
    if (route.others > 0) out += "  " + count_of(route.others, "engine") + " more: busier, or without an idle slot\n";
  }
  return out;
}

exit_code run_why(why_command const& wanted, console& terminal) {
  auto const target = management_target("requests/" + percent_encode(wanted.request));
  auto const page = blocking_get<request_page>(wanted.management, target);
  if (!page) return terminal.fail_with(page.error());
  terminal.out << text_of_routes(*page, terminal) << std::flush;
  return exit_code::success;
}

} // namespace paddler
