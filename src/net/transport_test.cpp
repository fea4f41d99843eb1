#include "net/listener.hpp"
#include "net/socket_address.hpp"
#include "net/test_support.hpp"
#include "net/transport.hpp"
#include "runtime/log.hpp"
#include "runtime/task_group.hpp"

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace paddler {
namespace {

using namespace std::chrono_literals;

struct pair_of_ends {
  std::unique_ptr<transport> near = {};
  std::unique_ptr<transport> far = {};
};

pair_of_ends connected_pair(event_loop& loop) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  return {.near = adopt_socket(loop.executor(), fds[0], "near"), .far = adopt_socket(loop.executor(), fds[1], "far")};
}

task<> write_text(transport* to, std::string text) {
  std::array<asio::const_buffer, 3> const parts{asio::buffer(text.data(), 1), asio::const_buffer(),
                                                asio::buffer(text.data() + 1, text.size() - 1)};
  auto const sent = co_await to->write(parts);
  EXPECT_FALSE(sent.ec) << sent.ec.message();
  EXPECT_EQ(sent.n, text.size());
}

task<std::size_t> count_until_end(transport* from) {
  std::vector<char> piece(65536);
  std::size_t total = 0;
  for (;;) {
    auto const got = co_await from->read_some(asio::buffer(piece));
    if (got.ec) co_return total;
    total += got.n;
  }
}

TEST(transport, writes_all_of_what_the_kernel_takes_in_parts) {
  event_loop loop;
  auto ends = connected_pair(loop);
  task_group group(loop.executor(), "test");
  std::size_t const size = 5'000'000;
  group.spawn("writer", [](transport* to, std::size_t n) -> task<> {
    co_await write_text(to, std::string(n, 'x'));
    to->finish_writing();
  }(ends.far.get(), size));
  EXPECT_EQ(loop.run_until_done(count_until_end(ends.near.get())), size);
  loop.run_until_done(group.join());
}

task<boost::system::error_code> read_error(transport* from) {
  std::array<char, 16> piece{};
  co_return (co_await from->read_some(asio::buffer(piece))).ec;
}

TEST(transport, a_deadline_ends_what_waits_and_what_comes_after_it_until_it_is_cleared) {
  event_loop loop;
  auto ends = connected_pair(loop);
  ends.near->set_deadline(1h);
  ends.near->set_deadline(1ms);
  EXPECT_EQ(loop.run_until_done(read_error(ends.near.get())), asio::error::timed_out);
  EXPECT_EQ(loop.run_until_done(read_error(ends.near.get())), asio::error::timed_out);
  ends.near->clear_deadline();
  loop.run_until_done(write_text(ends.far.get(), "still usable"));
  EXPECT_EQ(loop.run_until_done(read_error(ends.near.get())), boost::system::error_code());
}

task<> write_forever(transport* to, boost::system::error_code* ended) {
  std::string const block(65536, 'x');
  std::array<asio::const_buffer, 1> const one{asio::buffer(block)};
  while (!*ended) *ended = (co_await to->write(one)).ec;
}

TEST(transport, cancellation_ends_reads_and_writes) {
  event_loop loop;
  auto ends = connected_pair(loop);
  task_group group(loop.executor(), "test");
  boost::system::error_code write_ended;
  boost::system::error_code read_ended;
  group.spawn("write", write_forever(ends.near.get(), &write_ended));
  group.spawn("read", [](transport* from, boost::system::error_code* out) -> task<> {
    *out = co_await read_error(from);
  }(ends.near.get(), &read_ended));
  group.cancel();
  loop.run_until_done(group.join());
  EXPECT_EQ(write_ended, asio::error::operation_aborted);
  EXPECT_EQ(read_ended, asio::error::operation_aborted);
}

task<> note_peer_closed(transport* watched, bool* noticed) {
  co_await watched->wait_peer_closed();
  *noticed = true;
}

enum class way_to_go { close, half_close, reset, bytes_then_close, bytes_then_reset };

// A peer as a bare descriptor, so that it can be reset.
int dial_blocking(std::uint16_t port) {
  int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto const to = numeric_addresses("127.0.0.1", port).front();
  EXPECT_EQ(::connect(fd, to.get(), to.size), 0);
  return fd;
}

void go(int peer, way_to_go how) {
  linger const at_once{1, 0};
  if (how == way_to_go::half_close) ::shutdown(peer, SHUT_WR);
  bool const resets = how == way_to_go::reset || how == way_to_go::bytes_then_reset;
  if (resets) ::setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (how != way_to_go::half_close) ::close(peer);
}

task<bool> peer_is_noticed(listener* from, way_to_go how) {
  int const peer = dial_blocking(from->port());
  auto accepted = co_await from->accept();
  bool const sends = how == way_to_go::bytes_then_close || how == way_to_go::bytes_then_reset;
  if (sends) EXPECT_EQ(::send(peer, "pipelined", 9, 0), 9);
  task_group group(co_await asio::this_coro::executor, "test");
  bool noticed = false;
  group.spawn("watch", note_peer_closed(accepted.get(), &noticed));
  co_await let_others_run();
  EXPECT_FALSE(noticed || accepted->peer_gone());
  go(peer, how);
  co_await group.join();
  EXPECT_TRUE(accepted->peer_gone());
  if (how == way_to_go::half_close) ::close(peer);
  co_return noticed;
}

TEST(transport, a_peer_that_goes_is_noticed_without_reading) {
  event_loop loop;
  auto from = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  for (auto const how : {way_to_go::close, way_to_go::half_close, way_to_go::reset, way_to_go::bytes_then_close,
                         way_to_go::bytes_then_reset})
    EXPECT_TRUE(loop.run_until_done(peer_is_noticed(&from, how))) << static_cast<int>(how);
}

TEST(transport, unix_sockets_listen_and_connect) {
  event_loop loop;
  auto const path = (std::filesystem::temp_directory_path() / ("paddler-" + std::to_string(::getpid()))).string();
  {
    auto from = listener::unix_socket(loop.executor(), path).value();
    EXPECT_EQ(from.address(), "unix:" + path);
    EXPECT_TRUE(from.is_loopback());
    EXPECT_EQ(listener::unix_socket(loop.executor(), path).error().code, error_code::conflict);
    auto dialled = loop.run_until_done(connect_unix(path, test_patience));
    ASSERT_TRUE(dialled.has_value());
    EXPECT_NE(loop.run_until_done(from.accept()), nullptr);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(transport, a_stale_socket_file_is_replaced) {
  event_loop loop;
  auto const path = (std::filesystem::temp_directory_path() / ("paddler-stale-" + std::to_string(::getpid()))).string();
  auto first = listener::unix_socket(loop.executor(), path).value();
  auto const stale = path + ".kept";
  std::filesystem::create_hard_link(path, stale);
  first.close();
  std::filesystem::rename(stale, path);
  EXPECT_TRUE(listener::unix_socket(loop.executor(), path).has_value());
}

TEST(transport, refused_connections_say_where_and_what_to_do) {
  event_loop loop;
  auto from = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  auto const port = from.port();
  from.close();
  auto const refused = loop.run_until_done(connect_tcp("localhost", port, test_patience));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, error_code::unavailable);
  EXPECT_NE(refused.error().message.find("localhost:" + std::to_string(port)), std::string::npos);
  EXPECT_FALSE(refused.error().hint.empty());
}

TEST(transport, a_name_that_does_not_resolve_is_an_error) {
  event_loop loop;
  auto const lost = loop.run_until_done(connect_tcp("does-not-exist.invalid", 80, 5s));
  ASSERT_FALSE(lost.has_value());
  EXPECT_NE(lost.error().message.find("does-not-exist.invalid"), std::string::npos);
}

TEST(transport, addresses_in_use_are_a_conflict) {
  event_loop loop;
  auto const first = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  auto const second = listener::tcp(loop.executor(), "127.0.0.1", first.port());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, error_code::conflict);
  EXPECT_FALSE(second.error().hint.empty());
  EXPECT_EQ(listener::tcp(loop.executor(), "not an address", 0).error().code, error_code::invalid_input);
}

// Leaves no descriptor for the accepted end, then gives them back.
task<bool> accept_out_of_descriptors(listener* from) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  auto dialled = co_await connect_tcp("127.0.0.1", from->port(), test_patience);
  rlimit tight = before;
  int const next = ::dup(0); // the lowest free number
  ::close(next);
  tight.rlim_cur = static_cast<rlim_t>(next);
  ::setrlimit(RLIMIT_NOFILE, &tight);
  task_group group(co_await asio::this_coro::executor, "test");
  group.spawn("restore", [](rlimit limit) -> task<> {
    co_await let_others_run();
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }(before));
  auto const accepted = co_await from->accept();
  co_await group.join();
  co_return dialled.has_value() && accepted != nullptr;
}

TEST(transport, the_listener_survives_running_out_of_descriptors) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "UBSan looks at objects through a pipe and reports a wrong one where there is no descriptor for it";
#endif
#endif
  log_configure({.to_stderr = false});
  event_loop loop;
  auto from = listener::tcp(loop.executor(), "127.0.0.1", 0).value();
  auto const errors = log_count_from(log_level::error);
  EXPECT_TRUE(loop.run_until_done(accept_out_of_descriptors(&from)));
  EXPECT_EQ(log_count_from(log_level::error), errors + 1);
  log_configure({});
}

TEST(addresses, text_and_back) {
  EXPECT_EQ(to_string(parse_host_and_port("127.0.0.1:80", 1).value()), "127.0.0.1:80");
  EXPECT_EQ(to_string(parse_host_and_port("[::1]:80", 1).value()), "[::1]:80");
  EXPECT_EQ(to_string(parse_host_and_port("::1", 8060).value()), "[::1]:8060");
  EXPECT_EQ(to_string(parse_host_and_port("name", 8060).value()), "name:8060");
  for (auto const* bad : {"", ":80", "a:b", "a:70000", "[::1", "[::1]x", "a:"})
    EXPECT_FALSE(parse_host_and_port(bad, 1).has_value()) << bad;
  EXPECT_TRUE(is_loopback_host("localhost"));
  EXPECT_TRUE(is_loopback_host("127.3.2.1"));
  EXPECT_TRUE(is_loopback_host("[::1]"));
  EXPECT_FALSE(is_loopback_host("192.0.2.1"));
  EXPECT_FALSE(is_loopback_host("example.org"));
}

} // namespace
} // namespace paddler
