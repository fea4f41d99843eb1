#include "harness/chaos_proxy.hpp"

#include "base/random.hpp"
#include "harness/connection.hpp"
#include "harness/system_test.hpp"
#include "net/transport.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <deque>

namespace paddler_test {
namespace {

using asio::ip::tcp;
using io_error = boost::system::error_code;

constexpr std::size_t packet_size = 1448; // of Ethernet
constexpr std::size_t most_underway = std::size_t{256} << 10;
constexpr std::size_t most_at_once = std::size_t{64} << 10;
constexpr int most_losses = 2; // of one packet, one after the other

// After so many turns of the loop whoever waited for a piece has read it.
constexpr int turns_to_read = 3;

std::string place_of(tcp::endpoint const& endpoint) {
  return to_string(host_and_port{endpoint.address().to_string(), endpoint.port()});
}

} // namespace

struct chaos_proxy::direction {
  struct packet {
    std::string bytes;
    mono_time due;
  };

  direction(tcp::socket& from_socket, tcp::socket& to_socket, bool is_up)
      : from(from_socket), to(to_socket), up(is_up), changed(from_socket.get_executor()) {}

  tcp::socket& from;
  tcp::socket& to;
  bool const up;
  carriage how;
  random_source random{0};
  wakeup changed;
  std::deque<packet> underway;
  std::size_t bytes_underway = 0;
  std::size_t carried = 0;
  mono_time line_free{}; // where there is a limit of bytes a second
  bool ended = false;    // its sender has said all
  bool lost = false;     // nothing arrives any more
  bool held = false;
  bool corrupts = false; // the next byte
};

struct chaos_proxy::line {
  explicit line(tcp::socket accepted) : dialler(std::move(accepted)), target(dialler.get_executor()) {}

  tcp::socket dialler;
  tcp::socket target;
  direction up{dialler, target, true};
  direction down{target, dialler, false};
  std::size_t number = 0;
  bool broken = false;
};

chaos_proxy::chaos_proxy(asio::any_io_executor executor) : executor_(executor), tasks_(executor, "chaos proxy") {}

chaos_proxy::~chaos_proxy() = default;

void chaos_proxy::start(std::string target, std::string const& place) {
  target_ = std::move(target);
  listen(endpoint_of(place));
}

void chaos_proxy::listen(tcp::endpoint const& place) {
  acceptor_.emplace(executor_, place); // takes the address also while old connections linger
  address_ = place_of(acceptor_->local_endpoint());
  tasks_.spawn("accept", accept());
}

void chaos_proxy::refuse() { acceptor_.reset(); }

void chaos_proxy::accept_again() { listen(endpoint_of(address_)); }

task<> chaos_proxy::stop() {
  refuse();
  cut(mishap::reset);
  tasks_.cancel();
  co_await tasks_.join();
}

task<> chaos_proxy::accept() {
  while (acceptor_) {
    auto [ec, socket] = co_await acceptor_->async_accept(as_result);
    if (ec) co_return;
    io_error ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto const on = std::make_shared<line>(std::move(socket));
    on->number = ++accepted_;
    std::erase_if(lines_, [](auto const& each) { return each.expired(); });
    lines_.push_back(on);
    tasks_.spawn("line", serve(on));
  }
}

std::vector<std::shared_ptr<chaos_proxy::line>> chaos_proxy::open_lines() const {
  std::vector<std::shared_ptr<line>> out;
  for (auto const& each : lines_)
    if (auto const open = each.lock()) out.push_back(open);
  return out;
}

std::size_t chaos_proxy::connections() const { return open_lines().size(); }

std::size_t chaos_proxy::carried(std::size_t number, course which) const {
  std::size_t out = 0;
  for (auto const& each : open_lines())
    if (each->number == number)
      out += (which == course::down ? 0 : each->up.carried) + (which == course::up ? 0 : each->down.carried);
  return out;
}

// --- what happens to all ---

void chaos_proxy::hold(course which) {
  if (which != course::down) holds_up_ = true;
  if (which != course::up) holds_down_ = true;
}

void chaos_proxy::let_go() {
  holds_up_ = holds_down_ = false;
  for (auto const& each : open_lines()) {
    for (auto* way : {&each->up, &each->down}) {
      way->held = false;
      way->changed.notify_all();
    }
  }
}

void chaos_proxy::cut(mishap how) {
  for (auto const& each : open_lines()) {
    if (how == mishap::reset) {
      break_off(*each);
    } else {
      end_direction(each->up);
      end_direction(each->down);
    }
  }
}

bool chaos_proxy::is_held(direction const& way) const { return way.held || (way.up ? holds_up_ : holds_down_); }

// --- one connection ---

task<> chaos_proxy::serve(std::shared_ptr<line> on) {
  std::array<char, packet_size> first{};
  auto const [ec, n] = co_await on->dialler.async_read_some(asio::buffer(first), as_result);
  if (ec) co_return;
  std::string const bytes(first.data(), n);
  auto const told = plan ? plan({on->number, bytes}) : connection_plan{};
  auto const where = endpoint_of(target_);
  auto const [not_connected] = co_await on->target.async_connect(where, as_result);
  if (not_connected || on->broken) co_return break_off(*on);
  io_error ignored;
  on->target.set_option(tcp::no_delay(true), ignored);
  on->up.how = told.up;
  on->down.how = told.down;
  on->up.random = random_source(seed * 2 + on->number * 1'000'003);
  on->down.random = random_source(seed * 2 + 1 + on->number * 1'000'003);
  enqueue(on->up, bytes);
  for (auto* way : {&on->up, &on->down}) {
    tasks_.spawn("deliver", deliver(on, way));
    tasks_.spawn("take", take(on, way));
  }
}

// Reads what is sent, to its end.
task<> chaos_proxy::take(std::shared_ptr<line> on, direction* way) {
  std::array<char, packet_size> piece{};
  while (!on->broken) {
    if (way->bytes_underway >= most_underway && !way->lost) {
      if (!co_await way->changed.wait()) co_return;
      continue;
    }
    auto const [ec, n] = co_await way->from.async_read_some(asio::buffer(piece), as_result);
    if (ec == asio::error::eof) break;
    if (ec) co_return break_off(*on);
    if (!way->lost) enqueue(*way, std::string(piece.data(), n));
  }
  way->ended = true;
  way->changed.notify_all();
}

// When the packet arrives: as a queue before a slow line, and then a way that takes its time, would have it.
void chaos_proxy::enqueue(direction& way, std::string bytes) const {
  auto const& how = way.how;
  auto due = std::max(mono_now(), way.line_free);
  if (how.bytes_per_second > 0)
    due += duration(std::chrono::seconds(1)) * static_cast<duration::rep>(bytes.size()) /
           static_cast<duration::rep>(how.bytes_per_second);
  way.line_free = how.bytes_per_second > 0 ? due : mono_time{};
  due += how.delay + duration(static_cast<duration::rep>(static_cast<double>(how.jitter.count()) * way.random.unit()));
  for (int losses = 0; losses < most_losses && way.random.unit() < how.loss; ++losses)
    due += how.sent_again_after * (1 << losses);
  if (!way.underway.empty()) due = std::max(due, way.underway.back().due);
  way.bytes_underway += bytes.size();
  way.underway.push_back({std::move(bytes), due});
  way.changed.notify_all();
}

task<> chaos_proxy::deliver(std::shared_ptr<line> on, direction* way) {
  meet(*on, *way); // where it is to happen before the first byte
  while (!on->broken && !way->lost) {
    auto bytes = co_await next_due(way);
    if (bytes.empty()) break;
    if (!co_await carry(on.get(), way, std::move(bytes))) co_return;
  }
  if (!on->broken) end_direction(*way);
}

// All bytes whose time has come; none at the end.
task<std::string> chaos_proxy::next_due(direction* way) {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  std::string out;
  while (!is_cancelled(cancellation) && !way->lost && out.empty()) {
    if (is_held(*way) || (way->underway.empty() && !way->ended)) {
      co_await way->changed.wait();
      continue;
    }
    if (way->underway.empty()) break;
    auto const now = mono_now();
    if (now < way->underway.front().due) co_await with_deadline(way->underway.front().due - now, way->changed.wait());
    while (!way->underway.empty() && way->underway.front().due <= mono_now() && out.size() < most_at_once &&
           !is_held(*way)) {
      out += way->underway.front().bytes;
      way->underway.pop_front();
    }
  }
  way->bytes_underway -= std::min(way->bytes_underway, out.size());
  way->changed.notify_all();
  co_return out;
}

// Sends them on in pieces, up to each place where something happens. False when it is over.
task<bool> chaos_proxy::carry(line* on, direction* way, std::string bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    while (is_held(*way) && !on->broken && !way->lost)
      if (!co_await way->changed.wait()) co_return false;
    if (on->broken || way->lost) co_return false;
    auto const& how = way->how;
    auto const cut_at = way->carried == 0 ? how.first_piece : how.piece;
    auto size = bytes.size() - at;
    if (cut_at > 0) size = std::min(size, cut_at);
    if (how.what != mishap::none) size = std::min(size, how.after - way->carried);
    if (way->corrupts) bytes[at] = static_cast<char>(~bytes[at]);
    way->corrupts = false;
    auto const [ec, n] = co_await asio::async_write(way->to, asio::buffer(bytes.data() + at, size), as_result);
    if (ec) {
      break_off(*on);
      co_return false;
    }
    at += n;
    way->carried += n;
    meet(*on, *way);
    if (cut_at == 0) continue;
    for (int turn = 0; turn < turns_to_read; ++turn) co_await asio::post(executor_, asio::use_awaitable);
  }
  co_return true;
}

void chaos_proxy::meet(line& on, direction& way) {
  if (way.how.what == mishap::none || way.carried != way.how.after) return;
  ++met_;
  switch (std::exchange(way.how.what, mishap::none)) {
  case mishap::none: break;
  case mishap::reset: break_off(on); break;
  case mishap::close:
    end_direction(on.up);
    end_direction(on.down);
    break;
  case mishap::half_close: end_direction(way); break;
  case mishap::hold: way.held = true; break;
  case mishap::corrupt: way.corrupts = true; break;
  }
}

void chaos_proxy::break_off(line& on) {
  if (std::exchange(on.broken, true)) return;
  for (auto* socket : {&on.dialler, &on.target}) {
    io_error ignored;
    socket->set_option(asio::socket_base::linger(true, 0), ignored);
    socket->close(ignored);
  }
  for (auto* way : {&on.up, &on.down}) {
    way->lost = true;
    way->changed.notify_all();
  }
}

void chaos_proxy::end_direction(direction& way) {
  io_error ignored;
  way.to.shutdown(tcp::socket::shutdown_send, ignored);
  way.lost = true;
  way.changed.notify_all();
}

} // namespace paddler_test
