#include "cli/events.hpp"

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "cli/api_client.hpp"
#include "net/sse.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "wire/json_codec.hpp"
#include "wire/json_text.hpp"

#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration first_pause = 250ms;
constexpr duration longest_pause = 5s;
constexpr int most_failures = 60;       // in a row, without one event between them
constexpr duration silence_limit = 45s; // three of the comments that come where nothing happens
constexpr http_limits patient_limits{.body_silence = silence_limit};

bool may_pass(error const& why) {
  return why.code == error_code::unavailable || why.code == error_code::closed || why.code == error_code::timeout;
}

class follower {
public:
  follower(events_command const& wanted, console& terminal) : wanted_(wanted), terminal_(terminal) {}

  // Until enough events came, or an error that does not pass.
  task<result<void>> follow() {
    for (int failures = 0; !enough();) {
      auto const before = seen_;
      auto const outcome = co_await read_stream();
      if (enough()) break;
      if (!outcome && (!connected_ || !may_pass(outcome.error()))) co_return outcome;
      failures = seen_ > before ? 0 : failures + 1;
      if (failures >= most_failures)
        co_return fail(error_code::unavailable, "the stream of events was cut and does not come back",
                       "Is the balancer there? See: paddler version --management HOST:PORT");
      auto const pause = full_jitter(first_pause, longest_pause, failures, random_.unit());
      if (!co_await sleep_for(pause)) break;
    }
    co_return result<void>{};
  }

private:
  [[nodiscard]] bool enough() const { return wanted_.count && seen_ >= *wanted_.count; }

  [[nodiscard]] api_request request() const {
    api_request out{.target = "/management/v1/events", .headers = {{"Accept", "text/event-stream"}}};
    char joint = '?';
    if (wanted_.from) out.target += std::exchange(joint, '&') + ("from=" + std::to_string(*wanted_.from));
    if (!wanted_.kinds.empty()) out.target += joint + ("kinds=" + wanted_.kinds);
    if (!last_id_.empty()) out.headers.emplace_back("Last-Event-ID", last_id_);
    return out;
  }

  task<result<void>> read_stream() {
    auto const server = management_server(wanted_.management);
    auto const connection = co_await connect_api(server, patient_limits);
    if (!connection) co_return std::unexpected(connection.error());
    auto const head = co_await send_api_request(**connection, request());
    if (!head) co_return std::unexpected(head.error());
    if (!is_success((*head)->status)) {
      api_answer refusal{.status = (*head)->status};
      if (auto text = co_await (*connection)->read_body(max_api_answer_bytes)) refusal.body = std::move(*text);
      co_return std::unexpected(error_of(refusal));
    }
    connected_ = true;
    sse_splitter splitter(max_api_answer_bytes);
    while (!enough()) {
      auto const bytes = co_await (*connection)->read_body_some();
      if (!bytes) co_return std::unexpected(bytes.error());
      if (bytes->empty()) break;
      auto const fed = splitter.feed({bytes->data(), bytes->size()}, [this](sse_event const& event) { print(event); });
      if (!fed) co_return fed;
    }
    co_return result<void>{};
  }

  void print(sse_event const& event) {
    if (enough()) return;
    ++seen_;
    if (!event.id.empty()) last_id_ = event.id;
    auto const parsed = parse_json(event.data);
    bool const raw = wanted_.json || !parsed;
    terminal_.out << (raw ? event.data : event_line(*parsed)) << "\n" << std::flush;
  }

  events_command const& wanted_;
  console& terminal_;
  random_source random_{1};
  std::string last_id_;
  std::uint64_t seen_ = 0;
  bool connected_ = false; // at least once
};

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

} // namespace

std::string event_line(document_node const& event) {
  auto const time = text_of(item_of(event, "time"));
  auto out =
      (time.empty() ? "-" : time) + " r" + text_of(item_of(event, "revision")) + " " + text_of(item_of(event, "type"));
  if (auto const* const data = item_of(event, "data")) append_values(out, *data, "");
  return out;
}

exit_code run_events(events_command const& wanted, console& terminal) {
  event_loop loop;
  follower following(wanted, terminal);
  auto const outcome = loop.run_until_done(unless(following.follow(), wait_for_stop_signal(loop)));
  if (!outcome) return exit_code::interrupted;
  if (*outcome) return exit_code::success;
  auto const& why = outcome->error();
  terminal.print_error(why);
  return why.code == error_code::invalid_input ? exit_code::usage : exit_code_for(why.code);
}

} // namespace paddler
