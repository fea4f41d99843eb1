#include "bench/load_generator.hpp"

#include "base/random.hpp"
#include "base/text.hpp"
#include "net/http_client.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

namespace paddler {
namespace {

constexpr auto connect_limit = std::chrono::seconds(5);

double microseconds(duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

task<result<std::unique_ptr<transport>>> dial(std::string target) {
  if (target.starts_with("unix:")) co_return co_await connect_unix(target.substr(5), connect_limit);
  auto const where = parse_host_and_port(target, 80);
  if (!where) co_return std::unexpected(where.error());
  co_return co_await connect_tcp(where->host, where->port, connect_limit);
}

// One run: its connections, reused newest first, and its counters.
class load_run {
public:
  explicit load_run(load_plan plan)
      : plan_(std::move(plan)), patience_(print_number(std::chrono::duration<double>(plan_.patience).count())) {}

  task<load_outcome> run() {
    auto const executor = co_await asio::this_coro::executor;
    task_group group(executor, "load");
    auto const begin = mono_now();
    end_ = begin + plan_.length;
    if (plan_.rate > 0)
      co_await keep_schedule(group, begin);
    else
      for (std::size_t i = 0; i < plan_.concurrency; ++i) group.spawn("client", keep_asking());
    co_await group.join();
    out_.seconds = std::chrono::duration<double>(mono_now() - begin).count();
    co_return std::move(out_);
  }

private:
  task<> keep_schedule(task_group& group, mono_time begin) {
    random_source random(plan_.seed);
    auto due = begin;
    while (due < end_) {
      if (auto const wait = due - mono_now(); wait > duration::zero() && !co_await sleep_for(wait)) co_return;
      if (in_flight_ < plan_.concurrency)
        group.spawn("request", ask(due));
      else
        ++out_.late;
      due += std::chrono::nanoseconds(std::llround(-std::log(1.0 - random.unit()) / plan_.rate * 1e9));
    }
  }

  task<> keep_asking() {
    while (mono_now() < end_) co_await ask(mono_now());
  }

  // `due` is when the request should have started: waiting counts.
  task<> ask(mono_time due) {
    ++in_flight_;
    asked_request one{.due = due};
    auto const asked = co_await with_deadline(plan_.patience, try_ask(&one));
    --in_flight_;
    one.ended = mono_now();
    one.end = !asked ? request_end::left : *asked ? request_end::answered : request_end::broken;
    if (one.end == request_end::broken && out_.first_failure.empty()) out_.first_failure = asked->error().message;
    out_.requests.push_back(one);
  }

  // A kept connection may have been closed by the server in the meantime: as any client does, the request then goes
  // out again on a new one.
  task<result<void>> try_ask(asked_request* one) {
    if (!idle_.empty()) {
      auto kept = std::move(idle_.back());
      idle_.pop_back();
      auto done = co_await exchange(*kept, one);
      bool const begun = kept->answer_begun();
      if (done && kept->reusable()) idle_.push_back(std::move(kept));
      if (done || begun) co_return done;
    }
    auto stream = co_await dial(plan_.target);
    if (!stream) co_return std::unexpected(stream.error());
    auto connection = std::make_unique<http_connection>(std::move(*stream));
    auto done = co_await exchange(*connection, one);
    if (done && connection->reusable()) idle_.push_back(std::move(connection));
    co_return done;
  }

  task<result<void>> exchange(http_connection& connection, asked_request* one) {
    std::vector<header_view> const headers = {{"Content-Type", "application/json"}, {"X-Stainless-Timeout", patience_}};
    auto const sent = co_await connection.send("POST", plan_.path, headers, plan_.body);
    if (!sent) co_return std::unexpected(sent.error());
    auto const head = co_await connection.read_head();
    if (!head) co_return std::unexpected(head.error());
    one->status = (*head)->status;
    mono_time last{};
    for (;;) {
      auto const piece = co_await connection.read_body_some();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) co_return result<void>{};
      auto const at = mono_now();
      out_.events += count_events({piece->data(), piece->size()});
      if (one->first == mono_time{})
        one->first = at;
      else
        out_.gaps.push_back(microseconds(at - last));
      last = at;
    }
  }

  // One "data:" line is one event; servers write whole lines in one piece nearly always, which is near enough for a
  // rate.
  static std::uint64_t count_events(std::string_view text) {
    std::uint64_t events = 0;
    for (auto at = text.find("data: "); at != std::string_view::npos; at = text.find("data: ", at + 6)) ++events;
    return events;
  }

  load_plan const plan_;
  std::string const patience_; // in seconds, as official clients say it
  mono_time end_;
  std::size_t in_flight_ = 0;
  std::vector<std::unique_ptr<http_connection>> idle_;
  load_outcome out_;
};

} // namespace

task<load_outcome> run_load(load_plan plan) {
  load_run run(std::move(plan));
  co_return co_await run.run();
}

double percentile(std::vector<double>& values, double p) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  auto const rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
}

} // namespace paddler
