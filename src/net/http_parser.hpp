// Bytes to HTTP/1.1 messages, one direction of one connection. No I/O: the same result however the bytes are cut.
//
// Beast's parser does the work, behind checks of our own where it is lax: ambiguous framing (two lengths, a length
// beside chunks, transfer codings but chunked), bare line feeds, folded lines, counts and sizes. RFC 9112.
#pragma once
#include "net/http_types.hpp"

#include <expected>
#include <memory>
#include <span>
#include <string_view>

namespace paddler {

class http_parser {
public:
  enum class role { server, client }; // which side we are: a server parses requests

  http_parser(role which, http_limits const& limits); // the limits must outlive it
  ~http_parser();
  http_parser(http_parser const&) = delete;
  http_parser& operator=(http_parser const&) = delete;

  // Takes the head off the start of `bytes`, which holds everything received and not yet consumed. Returns how many
  // bytes it took; 0: more are needed, call again with more of the same.
  std::expected<std::size_t, http_error> parse_head(std::string_view bytes, http_head& out);

  // `request_was_head`: the response has no body whatever it says. Interim responses (1xx but 101) are given like any
  // other: parse the next head after them.
  std::expected<std::size_t, http_error> parse_head(std::string_view bytes, http_response_head& out,
                                                    bool request_was_head);

  struct body_step {
    std::size_t consumed = 0;     // bytes that are done with
    std::span<char> payload = {}; // lies within those, chunk framing removed; overwrites them
  };

  // Takes what it can of the body off the start of `bytes`. Nothing consumed and not done: more bytes are needed.
  std::expected<body_step, http_error> parse_body(std::span<char> bytes);

  // The peer ended the stream. False when that cuts the message off.
  bool parse_end();

  [[nodiscard]] bool head_done() const;
  [[nodiscard]] bool body_done() const;

  // Whether the end of the body is the end of the stream (a response without framing).
  [[nodiscard]] bool ends_with_stream() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace paddler
