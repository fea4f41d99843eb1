// A client's end of one HTTP/1.1 connection, made for tests: it sends any bytes, reads answers with a reader of its own
// (what is tested must not judge itself), and can leave in every way in which clients leave.
#pragma once
#include "harness/names.hpp"
#include "net/transport.hpp"
#include "runtime/task.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler_test {

using http_headers = std::vector<std::pair<std::string, std::string>>;

// Of HOST:PORT, where HOST is a number.
asio::ip::tcp::endpoint endpoint_of(std::string const& address);

struct answer_head {
  int status = 0;
  http_headers headers;

  // The first value of that name (case does not matter); empty where there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

struct http_answer : answer_head {
  std::string body;
};

// How the body of an answer ended.
enum class body_end {
  open,      // not yet
  complete,  // as its framing says
  truncated, // the connection ended before
};

// Lives on one executor.
class connection {
public:
  // Throws test_failure where nobody listens at HOST:PORT. `unread` bytes are about what the kernel keeps of what is
  // not read; 0: its own choice, megabytes.
  static task<connection> open(std::string address, int unread = 0);

  // False when the peer is gone.
  task<bool> send(std::string bytes);

  // An HTTP request with Host and, for a body, Content-Length.
  task<bool> send_request(std::string method, std::string target, http_headers headers = {}, std::string body = {});

  // The next answer's head, without 1xx; nothing where the connection ended before it was whole.
  task<std::optional<answer_head>> read_head();

  // The next piece of its body; empty when it has ended, well or not.
  task<std::string> read_piece();

  // The next answer as a whole. Throws test_failure where there is no complete one.
  task<http_answer> read_answer();

  // Bytes as they come, not as HTTP; empty at the end.
  task<std::string> read_some();

  // All bytes until the peer closes.
  task<std::string> read_to_end();

  [[nodiscard]] body_end how_body_ended() const { return end_; }

  // Bytes that have come and were not read.
  [[nodiscard]] std::size_t unread() const;

  void close();      // FIN
  void half_close(); // FIN, and goes on reading
  void reset();      // RST

private:
  enum class framing { none, length, chunked, until_close };

  connection(std::unique_ptr<transport> stream, int descriptor, std::string address)
      : stream_(std::move(stream)), descriptor_(descriptor), address_(std::move(address)) {}

  task<bool> read_more();
  task<std::optional<std::string>> read_line();
  task<std::string> read_chunk();
  std::string take(std::size_t limit);
  void note_framing(answer_head const& head);

  std::unique_ptr<transport> stream_;
  int descriptor_; // belongs to stream_
  std::string address_;
  std::string received_;
  framing framing_ = framing::none;
  std::size_t body_left_ = 0; // of the body, or of the current chunk
  body_end end_ = body_end::complete;
};

// The text as one chunk of a chunked body.
std::string chunk_of(std::string_view text);

// One request on a connection of its own.
task<http_answer> ask(std::string address, std::string method, std::string target, http_headers headers = {},
                      std::string body = {});

// Sends the bytes on a connection of its own and gives all that comes back until the peer closes.
task<std::string> talk(std::string address, std::string bytes);

} // namespace paddler_test
