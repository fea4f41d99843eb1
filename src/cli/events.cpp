#include "cli/events.hpp"

#include "cli/event_stream.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "wire/json_codec.hpp"
#include "wire/json_text.hpp"

#include <ostream>

namespace paddler {
namespace {

task<> wait_for_stop_signal(event_loop& loop) { co_await loop.next_stop_signal(); }

std::string value_text(std::string const& text) {
  bool const plain = text.find_first_of(" \t\r\n\"=") == std::string::npos;
  return plain ? text : json_text(text);
}

void append_values(std::string& out, document_node const& node, std::string const& path) {
  if (node.kind == node_kind::object) {
    for (std::size_t i = 0; i < node.items.size(); ++i)
      append_values(out, node.items[i], path + (path.empty() ? "" : ".") + node.keys[i]);
    return;
  }
  bool const is_list = node.kind == node_kind::list;
  auto const text = node.kind == node_kind::text ? value_text(node.text)
                    : is_list                    ? std::to_string(node.items.size())
                                                 : print_json(node);
  if (!text.empty() && text != "null") out += " " + path + "=" + text;
}

// What of a logged action is for people: the same fields stand beneath it at each of its two events.
document_node told_of_action(document_node const& entry) {
  auto out = object_node();
  if (auto const* const agent = item_of(entry, "agent")) out.add("agent", *agent);
  auto const* const action = item_of(entry, "action");
  for (std::string const key : {"action", "model", "goal", "outcome", "difference", "observation"})
    if (auto const* const item = action == nullptr ? nullptr : item_of(*action, key)) out.add(key, *item);
  return out;
}

} // namespace

std::string event_line(document_node const& event) {
  auto const time = text_of(item_of(event, "time"));
  auto out =
      (time.empty() ? "-" : time) + " r" + text_of(item_of(event, "revision")) + " " + text_of(item_of(event, "type"));
  auto const* const data = item_of(event, "data");
  auto const* const entry = data == nullptr ? nullptr : item_of(*data, "entry");
  if (entry != nullptr)
    append_values(out, told_of_action(*entry), "");
  else if (data != nullptr)
    append_values(out, *data, "");
  return out;
}

exit_code run_events(events_command const& wanted, console& terminal) {
  event_loop loop;
  std::uint64_t seen = 0;
  auto const print = [&](sse_event const& event) {
    auto const parsed = parse_json(event.data, answer_limits);
    bool const raw = wanted.json || !parsed;
    terminal.out << (raw ? event.data : event_line(*parsed)) << "\n" << std::flush;
    return ++seen != wanted.count;
  };
  auto following = follow_events(management_server(wanted.management), {wanted.from, wanted.kinds, {}}, print);
  auto const outcome = loop.run_until_done(unless(std::move(following), wait_for_stop_signal(loop)));
  if (!outcome) return exit_code::interrupted;
  if (*outcome) return exit_code::success;
  auto const& why = outcome->error();
  terminal.print_error(why);
  return why.code == error_code::invalid_input ? exit_code::usage : exit_code_for(why.code);
}

} // namespace paddler
