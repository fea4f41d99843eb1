// The client's side of one HTTP/1.1 connection: requests in turn, answers read as they come. It serves both directions
// of dialling: on the balancer's slot connections the client is who accepted the socket.
#pragma once
#include "base/result.hpp"
#include "net/http_parser.hpp"
#include "net/http_types.hpp"
#include "net/read_buffer.hpp"
#include "net/transport.hpp"
#include "runtime/task.hpp"

#include <boost/asio/buffer.hpp>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

struct http_client_config {
  std::string authority = "localhost"; // for Host, where the headers have none
  // head_timeout: until the answer's head; body_silence: between two pieces of its body; zero means no limit.
  http_limits limits = {};
};

// Lives on one executor. One request at a time: send(), read_head(), read_body_some() until its end, then the next if
// reusable(). After an error the connection is of no more use. close() from another task of the thread ends what waits.
class http_connection {
public:
  explicit http_connection(std::unique_ptr<transport> stream, std::string initial_bytes = {},
                           http_client_config config = {});
  ~http_connection();
  http_connection(http_connection const&) = delete;
  http_connection& operator=(http_connection const&) = delete;

  // Writes a whole request in one system call. Host and Content-Length are added.
  task<result<void>> send(std::string_view method, std::string_view target, header_list headers,
                          std::span<asio::const_buffer const> body);
  task<result<void>> send(std::string_view method, std::string_view target, header_list headers = {},
                          std::string_view body = {});

  // The answer's head, valid until the next send(). Interim answers are skipped; 101 is final: then release() the
  // connection. `closed` when the peer went away before it answered, `timeout`, `protocol`.
  task<result<http_response_head const*>> read_head();

  // The next bytes of the body, framing removed, valid until the next call: all that one read brought. Empty at the
  // end. A body that is cut off is an error (`closed`), never an end.
  task<result<std::span<char const>>> read_body_some();

  // Whether the body's last byte was given out; a relay can end its own stream along with it.
  [[nodiscard]] bool body_done() const { return parser_.body_done() && buffer_.size() == piece_consumed_; }

  task<result<std::string>> read_body(std::size_t limit);

  // Whether any byte of an answer to the current request came: before that, a safe request may be tried elsewhere.
  [[nodiscard]] bool answer_begun() const { return answer_begun_; }

  // The answer is complete and the connection good for another request.
  [[nodiscard]] bool reusable() const;

  void close() noexcept;

  transport& stream() { return *stream_; }

  // Gives the connection up, with what was read beyond the head (after a 101).
  std::unique_ptr<transport> release(std::string* unread);

private:
  enum class phase { idle, sent, body, failed };

  task<result<void>> send_composed(std::string_view body_text);
  task<result<void>> send_composed(std::span<asio::const_buffer const> body);
  void compose(std::string_view method, std::string_view target, header_list headers, std::size_t body_size);
  task<boost::system::error_code> read_more(duration limit);
  error failed(error why);
  error read_error(boost::system::error_code ec, std::string_view when);

  std::unique_ptr<transport> stream_;
  http_client_config config_;
  http_parser parser_;
  read_buffer buffer_;
  http_response_head head_;
  std::string out_; // the request's head
  std::size_t piece_consumed_ = 0;
  phase phase_ = phase::idle;
  bool answer_begun_ = false;
  bool request_was_head_ = false;
};

// One request on a connection of its own, answer and all: for tools, probes and tests.
struct http_answer {
  int status = 0;
  std::string content_type = {};
  std::string body = {};
};

task<result<http_answer>> http_fetch(std::unique_ptr<transport> stream, http_client_config config, std::string method,
                                     std::string target, std::vector<std::pair<std::string, std::string>> headers,
                                     std::string body, std::size_t answer_limit);

} // namespace paddler
