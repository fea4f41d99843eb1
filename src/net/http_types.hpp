// The vocabulary of HTTP/1.1 as values: heads, header lists, limits, errors. No I/O.
#pragma once
#include "base/time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct header_view {
  std::string_view name = {};
  std::string_view value = {};
};

// Headers handed into a call, valid during it: `respond(200, {{"Content-Type", "text/plain"}}, body)`.
class header_list {
public:
  header_list() = default;

  header_list(std::initializer_list<header_view> headers) : items_(headers.begin(), headers.size()) {}

  header_list(std::span<header_view const> headers) : items_(headers) {}

  header_list(std::vector<header_view> const& headers) : items_(headers) {}

  [[nodiscard]] auto begin() const { return items_.begin(); }

  [[nodiscard]] auto end() const { return items_.end(); }

private:
  std::span<header_view const> items_;
};

// What both kinds of head have. The views point into storage that the head owns: they live as long as it does and
// survive its being moved.
class http_fields {
public:
  http_fields() = default;
  http_fields(http_fields&&) noexcept = default;
  http_fields& operator=(http_fields&&) noexcept = default;
  http_fields(http_fields const&) = delete;
  http_fields& operator=(http_fields const&) = delete;
  ~http_fields() = default;

  std::vector<header_view> headers;            // in order, duplicates as they came
  int version = 11;                            // 10 or 11
  bool keep_alive = true;                      // as version and Connection say
  bool chunked = false;                        // the body's framing
  std::optional<std::uint64_t> content_length; // the same
  bool upgrade = false;                        // Connection: upgrade, with an Upgrade header

  // The value of the first header of that name (case does not matter); empty where there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] bool has_header(std::string_view name) const;

  // Whether a comma-separated header lists the token (case does not matter): `has_token("Accept",
  // "text/event-stream")`.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;

private:
  friend class http_parser;
  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
};

// A request's head.
struct http_head : http_fields {
  std::string_view method = {};
  std::string_view target = {};    // as sent
  std::string_view path = {};      // of the target, still percent-encoded, beginning with '/'; "*" for OPTIONS *
  std::string_view query = {};     // of the target, without '?', still encoded
  std::string_view authority = {}; // host and port that the client believes to talk to; may be empty in HTTP/1.0
  bool expects_continue = false;

  // The first value of a query parameter, decoded; nothing where there is none.
  [[nodiscard]] std::optional<std::string> query_param(std::string_view name) const;
};

// A response's head.
struct http_response_head : http_fields {
  int status = 0;
  std::string_view reason = {};
};

// Decodes %XX, and '+' where the text is a query's. Nothing for a broken escape, NUL or another control character.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// Encodes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

// Every size and time that a peer can make us spend.
struct http_limits {
  std::size_t head_bytes = 32 * 1024;
  std::size_t request_line_bytes = 8 * 1024;
  std::size_t header_count = 100;
  std::size_t chunk_extension_bytes = 256;
  std::size_t trailer_bytes = 8 * 1024;
  std::size_t body_bytes = 16 * 1024 * 1024;         // where a route names none
  duration head_timeout = std::chrono::seconds(10);  // from the first byte (or the connection) to the last
  duration idle_timeout = std::chrono::seconds(75);  // between requests on one connection
  duration body_silence = std::chrono::seconds(30);  // between two pieces of a body
  std::size_t body_rate = 1024;                      // bytes a second that a request's body must keep, on the whole
  duration write_silence = std::chrono::seconds(30); // until the peer takes what is written
};

// How a peer broke the protocol: what a server answers, and why.
struct http_error {
  unsigned status = 400;
  std::string_view detail = {}; // a literal
};

std::string_view reason_phrase(unsigned status);

} // namespace paddler
