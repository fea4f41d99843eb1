#include "sim/network.hpp"

#include "base/text.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

namespace paddler_sim {
namespace {

using io_error = boost::system::error_code;

constexpr duration longest_retransmission = std::chrono::seconds(20);
constexpr duration connect_retry = std::chrono::seconds(1); // of a lost SYN; twice as long each time, as Linux does it

} // namespace

// Both ends of one connection. End 0 dialled, end 1 accepted.
class sim_connection : public std::enable_shared_from_this<sim_connection> {
public:
  struct end {
    explicit end(process& who_in) : who(&who_in), changed(who_in.executor()) {}

    process* who;
    std::string arrived;        // and not read
    bool peer_finished = false; // after `arrived` there is nothing more
    bool finished = false;      // writes no more
    bool closed = false;        // by its owner
    bool reset = false;         // by the peer, or by the network
    std::size_t under_way = 0;  // sent by this end, not yet read by the other
    mono_time next_arrival{};   // at this end: bytes stay in order
    wakeup changed;
    std::move_only_function<void()> on_gone; // while somebody watches

    [[nodiscard]] bool gone() const { return closed || reset || peer_finished || !who->alive(); }
  };

  sim_connection(sim_network& net, process& dialler, process& acceptor, bool local)
      : net_(net), ends_{end(dialler), end(acceptor)}, local_(local) {}

  // Before anything is sent.
  void go_through_relay() {
    relay_ = net_.make_relay([weak = weak_from_this()](std::size_t side, std::string bytes) {
      if (auto const self = weak.lock()) self->pass_on(side, std::move(bytes));
    });
  }

  end& at(std::size_t side) { return ends_[side]; }

  [[nodiscard]] bool is_of(process const& who) const { return ends_[0].who == &who || ends_[1].who == &who; }

  [[nodiscard]] bool is_open() const { return !ends_[0].closed || !ends_[1].closed; }

  // How many bytes this end may send now, together.
  [[nodiscard]] std::size_t sendable(std::size_t side) const {
    auto const window = net_.conditions.window;
    auto const room = window > ends_[side].under_way ? window - ends_[side].under_way : 0;
    return std::min(room, net_.conditions.segment);
  }

  // Something is otherwise at this end.
  void changed(std::size_t side) {
    auto& it = ends_[side];
    it.changed.notify_all();
    if (it.on_gone && it.gone()) tell_watcher(side);
  }

  void watch(std::size_t side, std::move_only_function<void()> gone) {
    ends_[side].on_gone = std::move(gone);
    if (ends_[side].gone()) tell_watcher(side);
  }

  // The process behind one end is gone; the other end is told.
  void abandon(process const& who) {
    for (std::size_t side = 0; side < 2; ++side)
      if (ends_[side].who == &who && !ends_[side].closed) tell_reset(1 - side);
  }

  void wake(process& who) {
    for (std::size_t side = 0; side < 2; ++side)
      if (ends_[side].who == &who) change_soon(side, {});
  }

  void send(std::size_t side, std::string bytes) {
    auto& from = ends_[side];
    net_.bytes_sent_ += bytes.size();
    if (!local_ && net_.tamper) net_.tamper(bytes);
    if (relay_) {
      relay_->take(side, std::move(bytes)); // it has room for all of them
    } else {
      from.under_way += bytes.size();
      pass_on(side, std::move(bytes));
    }
    if (net_.on_sent) net_.on_sent(*from.who);
  }

  void finish(std::size_t side) {
    if (std::exchange(ends_[side].finished, true)) return;
    deliver_last(side, [this, side] {
      ends_[1 - side].peer_finished = true;
      changed(1 - side);
    });
  }

  // Its owner takes `count` bytes; the sender hears of the room a little later.
  void consume(std::size_t side, std::size_t count) {
    ends_[side].arrived.erase(0, count);
    auto const self = shared_from_this();
    auto& sender = ends_[1 - side];
    if (relay_) return;
    net_.sim_.after(net_.delay(local_), *sender.who, [self, side, &sender, count] {
      sender.under_way -= std::min(count, sender.under_way);
      self->changed(1 - side);
    });
  }

  void close(std::size_t side) {
    auto& mine = ends_[side];
    if (std::exchange(mine.closed, true)) return;
    changed(side);
    if (!mine.who->alive() || mine.reset) return;
    if (mine.arrived.empty())
      finish(side);
    else
      tell_reset(1 - side);
  }

  // This end is told that the connection is no more.
  void tell_reset(std::size_t side) {
    deliver_last(1 - side, [this, side] {
      ends_[side].reset = true;
      changed(side);
    });
  }

  void break_now() {
    for (std::size_t side = 0; side < 2; ++side) {
      ends_[side].reset = true;
      change_soon(side, {});
    }
  }

private:
  void change_soon(std::size_t side, duration delay) {
    net_.sim_.after(delay, *ends_[side].who, [self = shared_from_this(), side] { self->changed(side); });
  }

  void tell_watcher(std::size_t side) {
    asio::post(ends_[side].who->executor(), [self = shared_from_this(), side] {
      auto& it = self->ends_[side];
      if (it.on_gone && it.gone()) std::exchange(it.on_gone, nullptr)();
    });
  }

  void pass_on(std::size_t side, std::string bytes) {
    deliver(side, [this, side, bytes = std::move(bytes)]() mutable { arrive(side, std::move(bytes)); });
  }

  // What this side does when it has sent everything.
  void deliver_last(std::size_t side, std::function<void()> what) {
    if (!relay_) return deliver(side, std::move(what));
    relay_->end(side, [weak = weak_from_this(), side, what = std::move(what)] {
      if (auto const self = weak.lock()) self->deliver(side, what);
    });
  }

  // In order, after a delay; as often as it takes where segments get lost; not at all while the way is blocked.
  void deliver(std::size_t side, std::move_only_function<void()> what) {
    auto& to = ends_[1 - side];
    auto wait = net_.delay(local_);
    auto again = net_.conditions.retransmission;
    while (!local_ && net_.sim_.likely(net_.conditions.loss) && again < longest_retransmission) {
      net_.sim_.count("network.segment_lost");
      wait += again;
      again *= 2;
    }
    auto const when = std::max(net_.sim_.now() + wait, to.next_arrival);
    to.next_arrival = when;
    schedule(side, when, net_.conditions.retransmission,
             std::make_shared<std::move_only_function<void()>>(std::move(what)));
  }

  void schedule(std::size_t side, mono_time when, duration again,
                std::shared_ptr<std::move_only_function<void()>> const& what) {
    queues_[side].push_back(what);
    net_.sim_.at(when, [self = shared_from_this(), side, again] { self->try_delivery(side, again); });
  }

  // One arrival for each that is due, so that what was held up stays in order.
  void try_delivery(std::size_t side, duration again) {
    auto& from = ends_[side];
    auto& to = ends_[1 - side];
    if (!local_ && net_.is_clogged(from.who->host(), to.who->host())) {
      net_.sim_.count("network.clogged");
      net_.held_[std::minmax(from.who->host(), to.who->host())].push_back(
          [self = shared_from_this(), side, again] { self->try_delivery(side, again); });
      return;
    }
    if (!local_ && net_.is_blocked(from.who->host(), to.who->host())) {
      net_.sim_.count("network.blocked");
      auto const next = std::min(again * 2, longest_retransmission);
      net_.sim_.at(net_.sim_.now() + again,
                   [self = shared_from_this(), side, next] { self->try_delivery(side, next); });
      return;
    }
    if (queues_[side].empty()) return;
    auto const what = std::move(queues_[side].front());
    queues_[side].pop_front();
    if (!to.who->alive()) return;
    net_.sim_.after({}, *to.who, [self = shared_from_this(), what] { (*what)(); });
  }

  void arrive(std::size_t side, std::string bytes) {
    auto& to = ends_[1 - side];
    if (to.closed) { // nobody reads: the system answers with a reset
      if (!ends_[side].closed) tell_reset(side);
      return;
    }
    to.arrived += bytes;
    changed(1 - side);
    if (local_ || !net_.sim_.likely(net_.conditions.events_again)) return;
    net_.sim_.count("network.event_again");
    change_soon(1 - side, net_.delay(false));
  }

  sim_network& net_;
  std::array<end, 2> ends_;
  bool local_;
  std::shared_ptr<relay> relay_;                                                       // null: there is none
  std::array<std::deque<std::shared_ptr<std::move_only_function<void()>>>, 2> queues_; // by sender
};

namespace {

// One end with its deadline. Operations share it: they may end after their transport.
struct socket_end : std::enable_shared_from_this<socket_end> {
  socket_end(simulator& sim_in, std::shared_ptr<sim_connection> connection_in, std::size_t side_in)
      : sim(sim_in), connection(std::move(connection_in)), side(side_in) {}

  sim_connection::end& mine() { return connection->at(side); }

  // Why nothing can be done here any more.
  std::optional<io_error> broken() {
    if (mine().closed) return asio::error::operation_aborted;
    if (!mine().who->alive()) return asio::error::connection_reset;
    if (timed_out) return asio::error::timed_out;
    return std::nullopt;
  }

  std::size_t take(asio::mutable_buffer into) {
    auto const n = std::min(into.size(), mine().arrived.size());
    if (n == 0) return 0;
    std::copy_n(mine().arrived.data(), n, static_cast<char*>(into.data()));
    connection->consume(side, n);
    return n;
  }

  std::size_t put(std::string_view bytes) {
    auto const n = std::min(bytes.size(), connection->sendable(side));
    if (n > 0) connection->send(side, std::string(bytes.substr(0, n)));
    return n;
  }

  void arm() {
    armed = sim.at(deadline, *mine().who, [self = shared_from_this()] { self->deadline_came(); });
  }

  void deadline_came() {
    armed = 0;
    if (deadline == mono_time::max()) return;
    if (sim.now() < deadline) return arm();
    timed_out = true;
    connection->changed(side);
  }

  void renew_deadline() {
    if (deadline != mono_time::max()) deadline = sim.now() + limit;
  }

  simulator& sim;
  std::shared_ptr<sim_connection> connection;
  std::size_t side;
  bool timed_out = false;
  duration limit{};
  mono_time deadline = mono_time::max();
  std::uint64_t armed = 0;
};

using shared_end = std::shared_ptr<socket_end>;

std::string joined(std::span<asio::const_buffer const> buffers) {
  std::string all;
  for (auto const& each : buffers) all.append(static_cast<char const*>(each.data()), each.size());
  return all;
}

task<io_result> read_from(shared_end s, asio::mutable_buffer into) {
  for (;;) {
    if (auto const ended = s->broken()) co_return io_result(*ended, 0);
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return io_result(asio::error::operation_aborted, 0);
    if (auto const n = s->take(into)) co_return io_result({}, n);
    if (s->mine().reset) co_return io_result(asio::error::connection_reset, 0);
    if (s->mine().peer_finished) co_return io_result(asio::error::eof, 0);
    co_await s->mine().changed.wait();
  }
}

task<io_result> write_to(shared_end s, std::string all) {
  std::size_t written = 0;
  while (written < all.size()) {
    if (auto const ended = s->broken()) co_return io_result(*ended, written);
    if (s->mine().reset || s->mine().finished) co_return io_result(asio::error::connection_reset, written);
    if (auto const n = s->put(std::string_view(all).substr(written))) {
      if (written > 0) s->renew_deadline();
      written += n;
      continue;
    }
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
      co_return io_result(asio::error::operation_aborted, written);
    co_await s->mine().changed.wait();
  }
  co_return io_result({}, written);
}

// The operation for a handler: never inside the call that began it.
task<io_result> begun_later(task<io_result> operation) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation{});
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  co_return co_await std::move(operation);
}

void begin(asio::any_io_executor const& executor, io_handler handler, task<io_result> operation) {
  auto const slot = asio::get_associated_cancellation_slot(handler);
  auto done = [handler = std::move(handler)](std::exception_ptr const&, io_result out) mutable {
    std::move(handler)(out.ec, out.n);
  };
  asio::co_spawn(executor, begun_later(std::move(operation)), asio::bind_cancellation_slot(slot, std::move(done)));
}

} // namespace

// One end of a connection as the shell knows it.
class sim_transport final : public transport {
public:
  sim_transport(simulator& sim, std::shared_ptr<sim_connection> connection, std::size_t side, std::string peer)
      : end_(std::make_shared<socket_end>(sim, std::move(connection), side)), peer_(std::move(peer)) {}

  ~sim_transport() override {
    sim_transport::unwatch_peer();
    sim_transport::close();
  }

  task<io_result> read_some(asio::mutable_buffer into) override { return read_from(end_, into); }

  task<io_result> write(std::span<asio::const_buffer const> buffers) override {
    return write_to(end_, joined(buffers));
  }

  void async_read_some(std::span<asio::mutable_buffer const> buffers, io_handler handler) override {
    begin(executor(), std::move(handler), read_from(end_, buffers.front()));
  }

  void async_write_some(std::span<asio::const_buffer const> buffers, io_handler handler) override {
    begin(executor(), std::move(handler), write_to(end_, joined(buffers)));
  }

  void set_deadline(duration limit) override {
    end_->timed_out = false;
    end_->limit = limit;
    end_->deadline = end_->sim.now() + limit;
    if (end_->armed != 0) end_->sim.forget(end_->armed);
    end_->arm();
  }

  void clear_deadline() override {
    end_->timed_out = false;
    end_->deadline = mono_time::max();
  }

  void watch_peer(std::move_only_function<void()> gone) override {
    end_->connection->watch(end_->side, std::move(gone));
  }

  void unwatch_peer() noexcept override { end_->mine().on_gone = nullptr; }

  [[nodiscard]] bool peer_gone() override { return end_->broken() || end_->mine().reset || end_->mine().peer_finished; }

  void finish_writing() noexcept override { end_->connection->finish(end_->side); }

  void close() noexcept override {
    end_->connection->close(end_->side);
    if (end_->armed != 0) end_->sim.forget(std::exchange(end_->armed, 0));
  }

  [[nodiscard]] std::string const& peer() const override { return peer_; }

  [[nodiscard]] asio::any_io_executor executor() override { return end_->mine().who->executor(); }

private:
  shared_end end_;
  std::string peer_;
};

class sim_acceptor final : public acceptor {
public:
  sim_acceptor(sim_network& net, process& owner, std::string place, std::uint16_t port)
      : net_(net), owner_(owner), place_(std::move(place)), port_(port), changed_(owner.executor()) {}

  ~sim_acceptor() override { sim_acceptor::close(); }

  task<std::unique_ptr<transport>> accept() override {
    while (waiting_.empty()) {
      if (closed_ || is_cancelled(co_await asio::this_coro::cancellation_state)) co_return nullptr;
      co_await changed_.wait();
    }
    if (closed_) co_return nullptr;
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    co_return next;
  }

  void close() noexcept override {
    if (std::exchange(closed_, true)) return;
    net_.forget(place_, this);
    waiting_.clear();
    changed_.notify_all();
  }

  [[nodiscard]] std::string const& address() const override { return place_; }

  [[nodiscard]] std::uint16_t port() const override { return port_; }

  [[nodiscard]] bool is_loopback() const override { return true; }

  process& owner() { return owner_; }

  void take(std::unique_ptr<transport> stream) {
    waiting_.push_back(std::move(stream));
    changed_.notify_all();
  }

private:
  sim_network& net_;
  process& owner_;
  std::string place_;
  std::uint16_t port_;
  bool closed_ = false;
  std::deque<std::unique_ptr<transport>> waiting_;
  wakeup changed_;
};

sim_network::sim_network(simulator& sim) : sim_(sim) { set_stand_in_network(this); }

sim_network::~sim_network() { set_stand_in_network(nullptr); }

duration sim_network::delay(bool local) {
  if (local) return std::chrono::microseconds(5);
  return sim_.between(conditions.least_delay, conditions.most_delay);
}

void sim_network::forget(std::string const& place, sim_acceptor* from) {
  auto const at = listening_.find(place);
  if (at != listening_.end() && at->second == from) listening_.erase(at);
}

result<std::unique_ptr<acceptor>> sim_network::listen(asio::any_io_executor const& /*executor*/,
                                                      std::string const& place) {
  auto& owner = *sim_.current();
  auto name = place;
  std::uint16_t port = 0;
  if (!place.starts_with("unix:")) {
    auto const colon = place.rfind(':');
    port = parse_number<std::uint16_t>(std::string_view(place).substr(colon + 1)).value_or(0);
    if (port == 0) port = ++ports_;
    name = place.substr(0, colon + 1) + std::to_string(port);
  }
  if (listening_.contains(name))
    return fail(error_code::conflict, "could not listen on " + name + ": another process has this address");
  auto made = std::make_unique<sim_acceptor>(*this, owner, name, port);
  listening_[name] = made.get();
  return made;
}

// The greeting crosses the network twice; one that is lost is tried again until the limit.
task<result<std::unique_ptr<transport>>> sim_network::connect(std::string place, duration limit) {
  auto& me = *sim_.current();
  auto const end = sim_.now() + limit;
  bool const local = place.starts_with("unix:");
  auto const refused = error{error_code::unavailable, "could not connect to " + place + ": connection refused", {}, {}};
  if (!me.alive()) co_return std::unexpected(refused);
  for (auto retry = connect_retry;; retry *= 2) {
    bool const lost = !local && sim_.likely(conditions.loss);
    auto wait = std::min(retry, end - sim_.now());
    if (!lost) wait = delay(local) * 2;
    if (!co_await sleep_for(wait)) break;
    if (sim_.now() >= end) co_return fail(error_code::timeout, "could not connect to " + place + ": timed out");
    if (lost) continue;
    auto const at = listening_.find(place);
    if (at == listening_.end()) co_return std::unexpected(refused);
    auto& peer = at->second->owner();
    bool const cut = is_blocked(me.host(), peer.host()) || is_blocked(peer.host(), me.host());
    if (!local && (cut || is_clogged(me.host(), peer.host()))) {
      if (!co_await sleep_for(std::min(retry, end - sim_.now()))) break;
      continue;
    }
    co_return join(me, peer, place);
  }
  co_return fail(error_code::cancelled, "connecting to " + place + " was given up");
}

// The dialler has its end at once; the other process finds its own at its next accept.
std::unique_ptr<transport> sim_network::join(process& dialler, process& listening, std::string const& place) {
  bool const local = place.starts_with("unix:");
  auto const made = std::make_shared<sim_connection>(*this, dialler, listening, local);
  std::erase_if(connections_, [](auto const& each) { return each.expired(); });
  connections_.push_back(made);
  if (!local && make_relay) made->go_through_relay();
  auto name = local ? "unix" : "127.0.0.1:" + std::to_string(++ports_);
  auto const theirs = std::make_shared<std::unique_ptr<transport>>(
      std::make_unique<sim_transport>(sim_, made, std::size_t{1}, std::move(name)));
  sim_.after({}, listening, [this, place, theirs] {
    if (auto const still = listening_.find(place); still != listening_.end()) still->second->take(std::move(*theirs));
  });
  return std::make_unique<sim_transport>(sim_, made, std::size_t{0}, place);
}

void sim_network::unclog(host_id a, host_id b) {
  clogged_.erase(std::minmax(a, b));
  for (auto& each : std::exchange(held_[std::minmax(a, b)], {})) sim_.at(sim_.now(), std::move(each));
}

void sim_network::unclog_all() {
  for (auto const& [a, b] : std::exchange(clogged_, {})) unclog(a, b);
}

void sim_network::abandon(process& who, bool silently) {
  for (auto const& weak : connections_) {
    auto const each = weak.lock();
    if (!each || !each->is_of(who)) continue;
    if (!silently) each->abandon(who);
    each->wake(who);
  }
  std::erase_if(listening_, [&who](auto const& each) { return &each.second->owner() == &who; });
}

bool sim_network::break_one(process& who) {
  std::vector<std::shared_ptr<sim_connection>> found;
  for (auto const& weak : connections_)
    if (auto each = weak.lock(); each && each->is_of(who) && each->is_open()) found.push_back(std::move(each));
  if (found.empty()) return false;
  found[sim_.chance().below(found.size())]->break_now();
  return true;
}

} // namespace paddler_sim
