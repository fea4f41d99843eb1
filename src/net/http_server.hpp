// Serving HTTP/1.1: on listeners, or on any one connection.
#pragma once
#include "base/result.hpp"
#include "net/http_types.hpp"
#include "net/listener.hpp"
#include "net/transport.hpp"
#include "runtime/race.hpp"
#include "runtime/task.hpp"
#include "runtime/task_group.hpp"

#include <boost/asio/buffer.hpp>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler {

class http_session;
class http_exchange;

// Answers one request. It must have answered when it returns: else, and when it throws, the client gets a 500. When the
// connection is dropped at a stop, its waits end as cancelled.
using http_handler = std::function<task<>(http_exchange&)>;

// A connection that no longer speaks HTTP, with what was read of it beyond the request.
struct taken_connection {
  std::unique_ptr<transport> stream = {};
  std::string initial_bytes = {};
};

// What the server itself answers with (malformed requests, 404, 500 ...): each port has its own shape.
struct error_answer {
  std::string content_type = {};
  std::string body = {};
};

using error_format = std::function<error_answer(unsigned status, std::string_view detail, std::string_view request_id)>;

// What serving one connection needs; shared by all of them.
struct http_service {
  http_handler handler = {};
  http_limits limits = {};
  error_format errors = {};  // empty: RFC 9457 problems
  bool saves_memory = false; // connections end with their answer, and who is silent is given up sooner
};

// One request and its answer. Lives during the handler's run, on the connection's executor. Functions that send return
// false when the client is gone or does not read (write_silence); the handler then just returns.
class http_exchange {
public:
  explicit http_exchange(http_session& session) : session_(session) {}

  http_exchange(http_exchange const&) = delete;
  http_exchange& operator=(http_exchange const&) = delete;

  [[nodiscard]] http_head const& head() const;

  // X-Request-Id as the client sent it (up to 128 printable characters), else a new one; every answer carries it.
  [[nodiscard]] std::string const& request_id() const;

  // A path parameter by the router's pattern, decoded; empty where there is none.
  [[nodiscard]] std::string_view param(std::string_view name) const;

  // The whole body. `too_large` above the limit (0: the route's, else the service's), `timeout`, `closed`, `protocol`;
  // after an error the connection ends with this answer. `on_piece` sees the bytes as they come.
  task<result<std::string>> read_body(std::size_t limit = 0, std::function<void(std::string_view)> on_piece = {});

  // The next piece of the body, valid until the next call; empty at its end. For bodies that are passed on.
  task<result<std::span<char const>>> read_body_some();

  // The whole answer at once. Content-Length, Date, Connection and X-Request-Id are added.
  task<bool> respond(unsigned status, header_list headers, std::string_view body);

  // An answer in the service's error shape.
  task<bool> respond_error(unsigned status, std::string_view detail, header_list headers = {});
  task<bool> respond_error(error const& why, header_list headers = {}); // with the status that fits its code

  // An answer in pieces: chunked, or until the end of the connection for HTTP/1.0. Each write_chunk() is one system
  // call and one chunk on the wire; empty ones write nothing.
  task<bool> start_stream(unsigned status, header_list headers);
  void prepare_stream(unsigned status, header_list headers); // the same, but the head leaves with the first piece
  task<bool> write_chunk(std::span<asio::const_buffer const> pieces);
  task<bool> write_chunk(std::string_view piece);
  task<bool> finish_stream();
  task<bool> finish_stream(std::span<asio::const_buffer const> last); // the last chunk and the end, in one system call

  [[nodiscard]] bool response_started() const;

  // After one of these returned false: whether the client did not read, rather than left.
  [[nodiscard]] bool client_was_slow() const;

  // Drops the connection: a started stream then ends cut off, which clients can tell from a complete one.
  void abort();

  // Runs the work; where the client closes, half-closes or resets the connection meanwhile, cancels it and waits for
  // its end. True when the client stayed. For when the body is read.
  task<bool> run_unless_client_leaves(task<> work);

  // The work's result; nothing when the client left.
  template <class T> task<std::optional<T>> unless_client_leaves(task<T> work) {
    std::optional<T> out;
    if (!co_await run_unless_client_leaves(detail::store_result(std::move(work), &out))) out.reset();
    co_return out;
  }

  // Returns when the client leaves.
  task<> wait_client_gone();

  transport& connection();

  // Takes the connection away from HTTP without a word: for WebSocket, whose codec answers.
  taken_connection upgrade();

  // Answers 101 with `Upgrade: protocol` and takes the connection.
  task<result<taken_connection>> switch_protocols(std::string protocol);

  // For the router.
  void set_route(std::string_view operation_id, std::size_t body_limit,
                 std::vector<std::pair<std::string_view, std::string>> params);

  [[nodiscard]] std::string_view operation_id() const { return operation_id_; }

private:
  friend class http_session;
  task<result<std::string>> collect_body(std::size_t limit, std::function<void(std::string_view)> on_piece);

  http_session& session_;
  std::string_view operation_id_;
  std::size_t body_limit_ = 0;
  std::vector<std::pair<std::string_view, std::string>> params_;
};

// A handle on a connection while it is served, for those who must end it.
class session_control {
public:
  // Polite: an idle connection closes at once, a busy one after its answer.
  void drain();

  // At once.
  void drop();

  // Whether a request is being answered.
  [[nodiscard]] bool busy() const { return busy_; }

private:
  friend class http_session;
  transport* stream_ = nullptr; // while it is served and not taken
  bool busy_ = false;
  bool draining_ = false;
};

// Serves one connection, accepted or dialled, until it ends. `initial_bytes` come before what is read. `control`, where
// given, must outlive it.
task<> serve_connection(std::unique_ptr<transport> stream, std::string initial_bytes,
                        std::shared_ptr<http_service const> service, session_control* control = nullptr);

struct http_server_config {
  std::string name = "http"; // in logs
  http_limits limits = {};
  std::size_t connection_limit = 10'000; // above it, clients are told 503
  error_format errors = {};
};

// A server on one executor. start() as many listeners as wanted; stop() before destruction.
class http_server {
public:
  http_server(asio::any_io_executor executor, http_server_config config, http_handler handler);
  ~http_server();
  http_server(http_server const&) = delete;
  http_server& operator=(http_server const&) = delete;

  void start(listener from);

  // Stops listening, closes idle connections, gives busy ones `polite` to finish, then drops them.
  task<> stop(duration polite);

  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }

  // While it is so, idle connections are closed, all others end with their answer, and the times that clients may be
  // silent are a quarter.
  void save_memory(bool wanted);

private:
  task<> accept_from(std::list<listener>::iterator from);
  task<> serve(std::unique_ptr<transport> stream);
  void drop_all();

  http_server_config config_;
  std::shared_ptr<http_service> service_;
  std::list<listener> listeners_;
  std::list<session_control> sessions_;
  task_group group_;
};

} // namespace paddler
