#include "cli/event_stream.hpp"

#include "base/backoff.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "runtime/timer.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration first_pause = 250ms;
constexpr duration longest_pause = 5s;
constexpr int most_failures = 60;       // in a row, without one event between them
constexpr duration silence_limit = 45s; // three of the comments that come where nothing happens
constexpr http_limits patient_limits{.body_silence = silence_limit};

class follower {
public:
  follower(api_server server, event_stream_request wanted, event_taker take)
      : server_(std::move(server)), wanted_(std::move(wanted)), take_(std::move(take)) {}

  task<result<void>> follow() {
    for (int failures = 0; !enough_;) {
      auto const before = seen_;
      auto const outcome = co_await read_stream();
      if (enough_) break;
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
  [[nodiscard]] api_request request() const {
    auto const from = wanted_.from ? std::to_string(*wanted_.from) : "";
    api_request out{.target = "/management/v1/events", .headers = {{"Accept", "text/event-stream"}}};
    char joint = '?';
    if (wanted_.from) out.target += std::exchange(joint, '&') + ("from=" + from);
    if (!wanted_.kinds.empty()) out.target += joint + ("kinds=" + wanted_.kinds);
    if (!wanted_.last_id.empty()) out.headers.emplace_back("Last-Event-ID", wanted_.last_id);
    return out;
  }

  task<result<void>> read_stream() {
    auto const connection = co_await connect_api(server_, patient_limits);
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
    while (!enough_) {
      auto const bytes = co_await (*connection)->read_body_some();
      if (!bytes) co_return std::unexpected(bytes.error());
      if (bytes->empty()) break;
      auto const fed = splitter.feed({bytes->data(), bytes->size()}, [this](sse_event const& event) { take(event); });
      if (!fed) co_return fed;
    }
    co_return result<void>{};
  }

  void take(sse_event const& event) {
    if (enough_) return;
    ++seen_;
    if (!event.id.empty()) wanted_.last_id = event.id;
    enough_ = !take_(event);
  }

  api_server server_;
  event_stream_request wanted_;
  event_taker take_;
  random_source random_{1};
  std::uint64_t seen_ = 0;
  bool enough_ = false;
  bool connected_ = false; // at least once
};

// "3-17"
struct event_place {
  std::string epoch;
  std::uint64_t number = 0;
};

event_place place_of(std::string_view id) {
  auto const dash = std::min(id.find('-'), id.size());
  auto const number = id.substr(std::min(dash + 1, id.size()));
  return {std::string(id.substr(0, dash)), parse_number<std::uint64_t>(number).value_or(0)};
}

} // namespace

bool may_pass(error const& why) {
  return why.code == error_code::unavailable || why.code == error_code::closed || why.code == error_code::timeout;
}

task<result<void>> follow_events(api_server server, event_stream_request wanted, event_taker take) {
  follower following(std::move(server), std::move(wanted), std::move(take));
  co_return co_await following.follow();
}

task<result<std::vector<std::string>>> recent_events(api_server server, std::uint64_t count) {
  event_place newest;
  event_taker const look = [&newest](sse_event const& event) {
    newest = place_of(event.id);
    return false;
  };
  event_stream_request const from_now;
  auto const looked = co_await follow_events(server, from_now, look);
  if (!looked) co_return std::unexpected(looked.error());
  std::vector<std::string> out;
  if (newest.number == 0) co_return out;
  event_stream_request wanted;
  wanted.last_id = newest.epoch + "-" + std::to_string(newest.number - std::min(newest.number, count));
  event_taker const keep = [&](sse_event const& event) {
    if (event.event != "snapshot") out.push_back(event.data); // a snapshot: what was asked for is not kept any more
    return event.event != "snapshot" && place_of(event.id).number < newest.number;
  };
  auto const read = co_await follow_events(server, wanted, keep);
  if (!read) co_return std::unexpected(read.error());
  co_return out;
}

} // namespace paddler
