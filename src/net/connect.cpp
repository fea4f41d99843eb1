// Dialling: addresses one after the other, all within one deadline.
#include "net/network.hpp"
#include "net/socket_address.hpp"
#include "net/transport.hpp"
#include "runtime/clock.hpp"
#include "runtime/race.hpp"
#include "runtime/wakeup.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using stream_socket = asio::generic::stream_protocol::socket;

// Owned by the waiting task and by the resolver's thread: a name server that does not answer holds up neither.
struct name_lookup {
  explicit name_lookup(asio::any_io_executor const& executor) : resolver(executor), ended(executor) {}

  asio::ip::tcp::resolver resolver;
  std::vector<socket_address> found;
  boost::system::error_code ec;
  bool done = false;
  wakeup ended;
};

socket_address from_endpoint(asio::ip::tcp::endpoint const& endpoint) {
  socket_address out;
  std::memcpy(&out.storage, endpoint.data(), endpoint.size());
  out.size = static_cast<socklen_t>(endpoint.size());
  return out;
}

std::shared_ptr<name_lookup> start_lookup(asio::any_io_executor const& executor, std::string const& host,
                                          std::uint16_t port) {
  auto lookup = std::make_shared<name_lookup>(executor);
  lookup->resolver.async_resolve(host, std::to_string(port), [lookup](auto const& ec, auto const& results) {
    lookup->ec = ec;
    for (auto const& each : results) lookup->found.push_back(from_endpoint(each.endpoint()));
    lookup->done = true;
    lookup->ended.notify_all();
  });
  return lookup;
}

task<> wait_for(std::shared_ptr<name_lookup> lookup) {
  while (!lookup->done) {
    if (!co_await lookup->ended.wait()) co_return;
  }
}

task<result<std::vector<socket_address>>> resolve(std::string host, std::uint16_t port, duration limit) {
  auto numeric = numeric_addresses(host, port);
  if (!numeric.empty()) co_return numeric;
  auto const lookup = start_lookup(co_await asio::this_coro::executor, host, port);
  if (!co_await with_deadline(limit, wait_for(lookup)))
    co_return fail(error_code::timeout, "the name \"" + host + "\" was not resolved in time", "check the name server");
  if (!lookup->done) co_return fail(error_code::cancelled, "resolving \"" + host + "\" was given up");
  if (lookup->ec || lookup->found.empty())
    co_return fail(error_code::unavailable, "the name \"" + host + "\" does not resolve: " + lookup->ec.message(),
                   "check the spelling and the name server");
  co_return std::move(lookup->found);
}

task<boost::system::error_code> connect_socket(stream_socket* socket, socket_address address) {
  asio::generic::stream_protocol::endpoint const endpoint(address.get(), address.size);
  boost::system::error_code ec;
  socket->open(asio::generic::stream_protocol(address.family(), 0), ec);
  if (ec) co_return ec;
  auto const [connect_ec] = co_await socket->async_connect(endpoint, as_result);
  co_return connect_ec;
}

void set_options_of_tcp(stream_socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

// The socket's descriptor, or why not.
task<std::expected<int, boost::system::error_code>> connect_one(socket_address address, duration limit) {
  stream_socket socket(co_await asio::this_coro::executor);
  auto const ec = co_await with_deadline(limit, connect_socket(&socket, address));
  if (!ec) co_return std::unexpected(asio::error::timed_out);
  if (*ec) co_return std::unexpected(*ec);
  if (address.family() != AF_UNIX) set_options_of_tcp(socket);
  co_return socket.release();
}

error_code code_of(boost::system::error_code ec) {
  if (ec == asio::error::timed_out) return error_code::timeout;
  if (ec == asio::error::operation_aborted) return error_code::cancelled;
  return error_code::unavailable;
}

std::unexpected<error> could_not_connect(std::string const& where, boost::system::error_code ec) {
  return fail(code_of(ec), "could not connect to " + where + ": " + ec.message(),
              ec == asio::error::connection_refused ? "nothing listens there: is it running?" : "");
}

} // namespace

task<result<std::unique_ptr<transport>>> connect_tcp(std::string host, std::uint16_t port, duration limit) {
  if (auto* const simulated = stand_in_network()) {
    auto place = to_string(host_and_port{host, port});
    co_return co_await simulated->connect(std::move(place), limit);
  }
  auto const end = mono_now() + limit;
  auto const executor = co_await asio::this_coro::executor;
  auto const addresses = co_await resolve(host, port, limit);
  if (!addresses) co_return std::unexpected(addresses.error());
  boost::system::error_code last;
  auto left = static_cast<duration::rep>(addresses->size());
  for (auto const& address : *addresses) {
    auto const connected = co_await connect_one(address, (end - mono_now()) / left--);
    if (connected) co_return adopt_socket(executor, *connected, to_string(address));
    last = connected.error();
    if (last == asio::error::operation_aborted) break;
  }
  co_return could_not_connect(to_string(host_and_port{host, port}), last);
}

task<result<std::unique_ptr<transport>>> connect_unix(std::string path, duration limit) {
  if (auto* const simulated = stand_in_network()) co_return co_await simulated->connect("unix:" + path, limit);
  auto const address = unix_address(path);
  if (!address) co_return std::unexpected(address.error());
  auto const connected = co_await connect_one(*address, limit);
  if (!connected) co_return could_not_connect("unix:" + path, connected.error());
  co_return adopt_socket(co_await asio::this_coro::executor, *connected, "unix:" + path);
}

} // namespace paddler
