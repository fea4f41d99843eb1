#include "net/http_server.hpp"

#include "runtime/check.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/log.hpp"

#include <array>
#include <chrono>
#include <utility>

namespace paddler {
namespace {

// A fresh socket takes this without waiting.
constexpr std::string_view busy_answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
                                         "Connection: close\r\n\r\n";

task<> turn_away(transport* stream) {
  std::array<asio::const_buffer, 1> const answer{asio::buffer(busy_answer)};
  stream->set_deadline(std::chrono::seconds(1));
  co_await stream->write(answer);
}

} // namespace

http_server::http_server(asio::any_io_executor executor, http_server_config config, http_handler handler)
    : config_(std::move(config)),
      service_(std::make_shared<http_service>(
          http_service{.handler = std::move(handler), .limits = config_.limits, .errors = config_.errors})),
      group_(std::move(executor), config_.name) {}

http_server::~http_server() { ensure(sessions_.empty(), "an http_server was destroyed before it was stopped"); }

void http_server::start(listener from) {
  auto const it = listeners_.insert(listeners_.end(), std::move(from));
  log_info("http.listening", "listening", {{"server", config_.name}, {"address", it->address()}});
  group_.spawn("accept", accept_from(it));
}

task<> http_server::accept_from(std::list<listener>::iterator from) {
  log_limiter full(std::chrono::seconds(1));
  while (auto stream = co_await from->accept()) {
    if (sessions_.size() < config_.connection_limit) {
      group_.spawn("connection", serve(std::move(stream)));
      continue;
    }
    if (full.allow(mono_now()))
      log_warn("http.connection_limit", "a connection was turned away",
               {{"server", config_.name}, {"limit", config_.connection_limit}, {"suppressed", full.suppressed()}});
    co_await turn_away(stream.get());
  }
}

task<> http_server::serve(std::unique_ptr<transport> stream) {
  auto const it = sessions_.emplace(sessions_.end());

  struct on_end {
    std::list<session_control>& sessions;
    std::list<session_control>::iterator it;

    ~on_end() { sessions.erase(it); }
  } const end{sessions_, it};

  co_await serve_connection(std::move(stream), {}, service_, &*it);
}

task<> http_server::stop(duration polite) {
  for (auto& each : listeners_) each.close();
  for (auto& each : sessions_) each.drain();
  co_await stop_in_two_phases(polite, group_.join(), [this] { drop_all(); });
  listeners_.clear();
}

void http_server::save_memory(bool wanted) {
  service_->saves_memory = wanted;
  if (!wanted) return;
  for (auto& each : sessions_) each.drain();
}

void http_server::drop_all() {
  for (auto& each : sessions_) each.drop();
  group_.cancel();
}

} // namespace paddler
