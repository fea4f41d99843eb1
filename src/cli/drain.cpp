#include "cli/drain.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/change_text.hpp"
#include "cli/units.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "wire/document_edit.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <ostream>
#include <utility>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr int most_tries = 8; // where others change desired state at the same time
constexpr duration between_looks = 200ms;

document_node& entry_of(document_node& agents, std::string const& agent) {
  auto const named = std::ranges::find_if(agents.items, [&](document_node const& each) {
    auto const* id = each.find("id");
    return id != nullptr && id->text == agent;
  });
  if (named != agents.items.end()) return *named;
  return agents.items.emplace_back(object_node().add("id", text_node(agent)));
}

void forget_if_empty(document_node& agents, std::string const& agent) {
  std::erase_if(agents.items, [&](document_node const& each) {
    auto const* id = each.find("id");
    return id != nullptr && id->text == agent && each.items.size() == 1;
  });
}

// What the API says now, with the wish, if nobody changed it in between.
result<change_answer> change_once(drain_command const& wanted) {
  auto const server = management_server(wanted.management);
  auto const said = blocking_call_api(server, {.target = management_target("desired", {{"source", "api"}}),
                                               .headers = {{"Accept", "application/json"}}});
  if (!said) return std::unexpected(said.error());
  auto body = with_drain(said->body, wanted);
  if (!body) return std::unexpected(body.error());
  api_request request{.method = "PUT",
                      .target = management_target("desired"),
                      .headers = {{"Content-Type", "application/json"}, {"If-Match", "\"" + said->etag + "\""}},
                      .body = std::move(*body)};
  auto const answer = blocking_call_api(server, std::move(request));
  if (!answer) return std::unexpected(answer.error());
  return value_of<change_answer>(*answer);
}

result<change_answer> change(drain_command const& wanted) {
  auto made = change_once(wanted);
  for (int tries = 1; !made && made.error().code == error_code::conflict && tries < most_tries; ++tries)
    made = change_once(wanted);
  return made;
}

// Looks until the agent is empty, with a line on `err` for each change.
task<result<void>> wait_until_empty(drain_command const& wanted, console& terminal) {
  auto const server = management_server(wanted.management);
  auto const target = management_target("agents");
  auto const began = mono_now();
  std::string said;
  for (;;) {
    auto const answer = co_await get_api(server, target);
    if (!answer) co_return std::unexpected(answer.error());
    if (!is_success(answer->status)) co_return std::unexpected(error_of(*answer));
    auto const rows = rows_in<agent_view>(*answer);
    if (!rows) co_return std::unexpected(rows.error());
    auto const at = std::ranges::find(*rows, agent_id{wanted.agent}, &agent_view::id);
    auto const agent = at == rows->end() ? agent_view{} : *at; // one that nobody knows is empty
    auto now = drain_progress(agent);
    if (now != said) terminal.err << now << " (" << print_age(mono_now() - began) << ")\n" << std::flush;
    said = std::move(now);
    if (agent.slots_busy == 0) co_return result<void>{};
    if (!co_await sleep_for(between_looks)) co_return fail(error_code::unavailable, "the wait was broken off");
  }
}

task<> stop_signal(event_loop& loop, bool* interrupted) {
  *interrupted = (co_await loop.next_stop_signal()).has_value();
}

exit_code wait_for(drain_command const& wanted, console& terminal) {
  event_loop loop;
  bool interrupted = false;
  auto const empty = loop.run_until_done(unless(wait_until_empty(wanted, terminal), stop_signal(loop, &interrupted)));
  if (!empty) return exit_code::interrupted;
  if (!*empty) return terminal.fail_with(empty->error());
  terminal.out << "agents/" << wanted.agent << " is drained\n" << std::flush;
  return exit_code::success;
}

} // namespace

result<std::string> with_drain(std::string_view document, drain_command const& wanted) {
  auto whole = parse_unambiguous_json(document);
  if (!whole) return std::unexpected(whole.error());
  if (value_of(&*whole, "agents") == nullptr) set_item(*whole, "agents", list_node());
  auto& agents = *item_of(&*whole, "agents");
  auto& entry = entry_of(agents, wanted.agent);
  if (wanted.drain) {
    set_item(entry, "drain", boolean_node(true));
    if (wanted.seconds) set_item(entry, "drain_seconds", number_node(*wanted.seconds));
  } else {
    remove_item(entry, "drain");
    remove_item(entry, "drain_seconds");
    forget_if_empty(agents, wanted.agent);
  }
  return print_json(*whole);
}

std::string drain_progress(agent_view const& agent) {
  if (agent.slots_busy == 0) return agent.connected ? "nothing runs there" : "it is not connected";
  return count_of(static_cast<std::uint64_t>(agent.slots_busy), "request") + " " +
         (agent.slots_busy == 1 ? "runs" : "run") + " there";
}

exit_code run_drain(drain_command const& wanted, console& terminal) {
  auto const made = change(wanted);
  if (!made) return terminal.fail_with(made.error());
  auto const revision = ": revision " + std::to_string(made->revision) + "\n";
  terminal.out << (!made->changed ? "unchanged" : wanted.drain ? "draining" : "wanted again") << revision << std::flush;
  for (auto const& loss : made->losses) terminal.print_warning(text_of_loss(loss));
  if (!wanted.drain) return exit_code::success;
  if (made->changed) terminal.print_note("undo: paddler undrain " + wanted.agent);
  return wanted.wait ? wait_for(wanted, terminal) : exit_code::success;
}

} // namespace paddler
