#include "cli/watch.hpp"

#include "cli/api_client.hpp"
#include "cli/event_stream.hpp"
#include "cli/get.hpp"
#include "cli/kinds.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "runtime/wakeup.hpp"
#include "wire/json_codec.hpp"

#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration between_looks = 1s;
constexpr int most_failures = 60; // looks in a row

class list_watch {
public:
  list_watch(get_command const& wanted, console& terminal, asio::any_io_executor const& executor)
      : wanted_(wanted),
        terminal_(terminal),
        server_(management_server(wanted.management)),
        changes_(wanted),
        told_(executor) {}

  // Looks again whenever an event tells that something changed, or, where none does, every second.
  task<result<void>> watch() {
    auto const kinds = telling_events(wanted_.kind);
    auto const first = co_await look();
    if (!first) co_return first;
    if (kinds.empty()) co_return co_await look_for_ever();
    event_stream_request const stream{.from = {}, .kinds = std::string(kinds), .last_id = {}};
    auto const note = [this](sse_event const&) {
      stale_ = true;
      told_.notify_all();
      return true;
    };
    auto const ended = co_await unless(follow_events(server_, stream, note), run_to_end());
    if (ended && !*ended) co_return *ended;
    co_return failure_ ? result<void>(std::unexpected(*failure_)) : result<void>();
  }

private:
  task<> run_to_end() {
    auto const outcome = co_await look_for_ever();
    if (!outcome) failure_ = outcome.error();
  }

  task<result<void>> look_for_ever() {
    bool const by_events = !telling_events(wanted_.kind).empty();
    for (int failures = 0; failures < most_failures;) {
      while (by_events && !stale_)
        if (!co_await told_.wait()) co_return result<void>();
      if (!by_events && !co_await sleep_for(between_looks)) co_return result<void>();
      stale_ = false;
      auto const looked = co_await look();
      if (!looked && !may_pass(looked.error())) co_return looked;
      failures = looked ? 0 : failures + 1;
      if (looked) continue;
      if (failures == 1) terminal_.print_warning(looked.error().message + "; trying again");
      stale_ = true;
      if (by_events && !co_await sleep_for(between_looks)) co_return result<void>();
    }
    co_return fail(error_code::unavailable, "the balancer does not come back", "Start it: paddler up");
  }

  task<result<void>> look() {
    auto const target = list_target(wanted_);
    auto const answer = co_await get_api(server_, target);
    if (!answer) co_return std::unexpected(answer.error());
    if (!is_success(answer->status)) co_return std::unexpected(error_of(*answer));
    auto const list = parse_list(*answer);
    if (!list) co_return std::unexpected(list.error());
    co_return print(*list);
  }

  result<void> print(api_list const& list) {
    auto const found = changes_.look_at(list);
    if (!found) return std::unexpected(found.error());
    if (!found->changed.items().items.empty()) {
      auto const text = render_rows(wanted_, found->changed, wall_now(), terminal_.columns, widths_);
      if (!text) return std::unexpected(text.error());
      terminal_.out << *text << std::flush;
    }
    for (auto const& name : found->gone)
      terminal_.err << words_of(wanted_.kind).plural << "/" << name << ": gone\n" << std::flush;
    return {};
  }

  get_command const& wanted_;
  console& terminal_;
  api_server server_;
  row_changes changes_;
  table::widths widths_;
  wakeup told_;
  bool stale_ = false;
  std::optional<error> failure_;
};

task<> wait_for_stop_signal(event_loop& loop) { co_await loop.next_stop_signal(); }

// A row without what changes though nothing happens.
std::string lasting_text(document_node row) {
  for (std::size_t i = 0; i < row.keys.size(); ++i)
    if (row.keys[i] == "last_seen" || row.keys[i] == "link") row.items[i] = null_node();
  return print_json(row);
}

} // namespace

std::string_view telling_events(view_kind kind) {
  switch (kind) {
  case view_kind::agents:
  case view_kind::models: return "agent,config,health";
  case view_kind::reconciliations: return "reconcile";
  case view_kind::policies: return "config";
  default: return "";
  }
}

result<row_changes::found> row_changes::look_at(api_list const& list) {
  auto const names = names_in(wanted_.kind, list);
  if (!names) return std::unexpected(names.error());
  found out{.changed = {object_node()}, .gone = {}};
  auto changed = list_node();
  std::map<std::string, std::string> now;
  for (std::size_t i = 0; i < names->size(); ++i) {
    auto const& name = (*names)[i];
    if (!wanted_.name.empty() && name != wanted_.name) continue;
    auto const& row = list.items().items[i];
    auto text = lasting_text(row);
    auto const before = rows_.find(name);
    if (before == rows_.end() || before->second != text) changed.items.push_back(row);
    now.insert_or_assign(name, std::move(text));
  }
  for (auto const& [name, text] : rows_)
    if (!now.contains(name)) out.gone.push_back(name);
  rows_ = std::move(now);
  out.changed.document.add("items", std::move(changed));
  return out;
}

exit_code run_watch(get_command const& wanted, console& terminal) {
  event_loop loop;
  list_watch watching(wanted, terminal, loop.executor());
  auto const outcome = loop.run_until_done(unless(watching.watch(), wait_for_stop_signal(loop)));
  if (!outcome || *outcome) return exit_code::interrupted;
  return terminal.fail_with(outcome->error());
}

} // namespace paddler
