#include "net/http_parser.hpp"

#include "base/text.hpp"
#include "net/char_set.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <cstring>
#include <optional>

namespace paddler {
namespace {

namespace beast_http = boost::beast::http;
using beast_view = boost::beast::string_view;
using io_error = boost::system::error_code;

std::string_view view(beast_view text) { return {text.data(), text.size()}; }

std::unexpected<http_error> refuse(unsigned status, std::string_view detail) {
  return std::unexpected(http_error{status, detail});
}

bool is_all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What the fields of a message said about its framing; judged once the head is complete.
struct framing_facts {
  int content_lengths = 0;
  int transfer_encodings = 0;
  bool plain_length = true;  // digits only
  bool plain_chunked = true; // exactly "chunked"
  int hosts = 0;
};

// Beast's parser with our sinks: fields become views, body bytes move together to where `payload` begins.
template <bool is_request> class message_parser final : public beast_http::basic_parser<is_request> {
public:
  explicit message_parser(http_limits const& limits) : limits_(limits) {
    this->header_limit(static_cast<std::uint32_t>(limits.head_bytes + 4));
    this->body_limit(boost::none);
    this->eager(true);
  }

  http_fields* fields = nullptr; // while a head is parsed
  std::string_view method;
  std::string_view target;
  std::string_view reason;
  int status = 0;
  framing_facts facts;
  bool too_many_headers = false;
  char* payload = nullptr; // while a body is parsed
  std::size_t payload_size = 0;

private:
  std::size_t store(beast_view piece) {
    std::memmove(payload + payload_size, piece.data(), piece.size());
    payload_size += piece.size();
    return piece.size();
  }

  void on_request_impl(beast_http::verb /*verb*/, beast_view method_text, beast_view target_text, int version,
                       io_error& ec) override {
    method = view(method_text);
    target = view(target_text);
    fields->version = version;
    ec = {};
  }

  void on_response_impl(int code, beast_view reason_text, int version, io_error& ec) override {
    status = code;
    reason = view(reason_text);
    fields->version = version;
    ec = {};
  }

  void on_field_impl(beast_http::field name, beast_view name_text, beast_view value_text, io_error& ec) override {
    ec = {};
    if (fields == nullptr) return; // trailers are checked by the parser and dropped
    if (fields->headers.size() >= limits_.header_count) {
      too_many_headers = true;
      ec = beast_http::error::header_limit;
      return;
    }
    auto const value = view(value_text);
    fields->headers.push_back({view(name_text), value});
    if (name == beast_http::field::content_length) {
      ++facts.content_lengths;
      facts.plain_length = facts.plain_length && is_all_digits(value);
    } else if (name == beast_http::field::transfer_encoding) {
      ++facts.transfer_encodings;
      facts.plain_chunked = facts.plain_chunked && equals_ignoring_case(value, "chunked");
    } else if (name == beast_http::field::host) {
      ++facts.hosts;
    }
  }

  void on_header_impl(io_error& ec) override { ec = {}; }

  void on_body_init_impl(boost::optional<std::uint64_t> const& /*length*/, io_error& ec) override { ec = {}; }

  std::size_t on_body_impl(beast_view piece, io_error& ec) override {
    ec = {};
    return store(piece);
  }

  void on_chunk_header_impl(std::uint64_t /*size*/, beast_view extensions, io_error& ec) override {
    ec = {};
    if (extensions.size() > limits_.chunk_extension_bytes) ec = beast_http::error::bad_chunk_extension;
  }

  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/, beast_view piece, io_error& ec) override {
    ec = {};
    return store(piece);
  }

  void on_finish_impl(io_error& ec) override { ec = {}; }

  http_limits const& limits_;
};

std::string_view detail_of(io_error ec) {
  using beast_http::error;
  if (ec == error::bad_method) return "the method is not a token";
  if (ec == error::bad_target) return "the request target has characters that it must not have";
  if (ec == error::bad_version) return "the version is not HTTP/1.0 or HTTP/1.1";
  if (ec == error::bad_field) return "a header name is not a token, or has a space before its colon";
  if (ec == error::bad_value) return "a header value has characters that it must not have";
  if (ec == error::bad_line_ending) return "a line does not end with CR LF";
  if (ec == error::bad_content_length || ec == error::multiple_content_length)
    return "Content-Length is not one number, or stands beside Transfer-Encoding";
  if (ec == error::bad_transfer_encoding) return "Transfer-Encoding is doubled or stands beside Content-Length";
  if (ec == error::bad_chunk) return "a chunk's size is not a hexadecimal number, or its end is missing";
  if (ec == error::bad_chunk_extension) return "a chunk extension is malformed or too long";
  if (ec == error::bad_status) return "the status is not three digits";
  if (ec == error::bad_reason) return "the reason phrase has characters that it must not have";
  return "the message is malformed";
}

bool starts_like_a_token(char c) {
  auto const byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7f;
}

// Where the head ends, found line by line so that each line is looked at once.
class head_scanner {
public:
  void reset() { *this = head_scanner(); }

  // The head's length with its empty line; 0 when it is not complete.
  std::expected<std::size_t, http_error> scan(std::string_view bytes, http_limits const& limits) {
    while (line_start_ < bytes.size()) {
      auto const* const found = std::memchr(bytes.data() + searched_, '\n', bytes.size() - searched_);
      if (found == nullptr) break;
      auto const end = static_cast<std::size_t>(static_cast<char const*>(found) - bytes.data());
      if (end == line_start_ || bytes[end - 1] != '\r') return refuse(400, "a line does not end with CR LF");
      bool const empty = end - line_start_ == 1;
      if (lines_ > 0 && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t'))
        return refuse(400, "a header is folded over several lines");
      if (lines_ == 0 && end > limits.request_line_bytes) return refuse(414, "the request line is too long");
      line_start_ = searched_ = end + 1;
      ++lines_;
      if (empty) return check_size(line_start_, limits, line_start_);
    }
    searched_ = std::max(searched_, bytes.size());
    if (lines_ == 0 && bytes.size() > limits.request_line_bytes) return refuse(414, "the request line is too long");
    return check_size(bytes.size(), limits, 0);
  }

private:
  static std::expected<std::size_t, http_error> check_size(std::size_t size, http_limits const& limits,
                                                           std::size_t ok) {
    if (size > limits.head_bytes) return refuse(431, "the header fields are too large");
    return ok;
  }

  std::size_t line_start_ = 0;
  std::size_t searched_ = 0;
  int lines_ = 0;
};

std::expected<void, http_error> check_framing(framing_facts const& facts, http_fields const& fields, bool is_request) {
  if (facts.content_lengths > 1) return refuse(400, "Content-Length is given more than once");
  if (facts.content_lengths == 1 && !facts.plain_length) return refuse(400, "Content-Length is not one number");
  if (facts.transfer_encodings > 0) {
    if (facts.content_lengths > 0) return refuse(400, "Content-Length stands beside Transfer-Encoding");
    if (facts.transfer_encodings > 1) return refuse(400, "Transfer-Encoding is given more than once");
    if (!facts.plain_chunked) return refuse(501, "the only transfer coding understood is chunked");
    if (fields.version == 10) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (is_request && facts.hosts > 1) return refuse(400, "Host is given more than once");
  if (is_request && facts.hosts == 0 && fields.version == 11) return refuse(400, "Host is missing");
  return {};
}

// host [":" port], with the characters that RFC 3986 lets a host have.
bool is_authority(std::string_view text) {
  static constexpr char_set allowed(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:[]%");
  return allowed.contains_all(text);
}

// Refuses paths that different readers could understand differently: dot segments, broken or control escapes.
bool is_plain_path(std::string_view path) {
  if (path.find('%') == std::string_view::npos && path.find("/.") == std::string_view::npos) return true;
  while (!path.empty()) {
    auto const slash = path.find('/');
    auto const segment = percent_decode(path.substr(0, slash));
    if (!segment || *segment == "." || *segment == "..") return false;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return true;
}

std::expected<void, http_error> split_target(http_head& head) {
  auto rest = head.target;
  head.authority = head.header("Host");
  static constexpr char_set never("#\\\"<>");
  if (never.contains_any(rest)) return refuse(400, "the request target has characters that it must not have");
  if (!rest.starts_with('/') && rest != "*") {
    auto const scheme = rest.find("://");
    if (scheme == std::string_view::npos) return refuse(400, "the request target is not a path");
    auto const after = rest.substr(scheme + 3);
    auto const path_start = after.find_first_of("/?");
    if (!equals_ignoring_case(after.substr(0, path_start), head.authority))
      return refuse(400, "Host and the target's host differ");
    rest = path_start == std::string_view::npos ? std::string_view("/") : after.substr(path_start);
    if (!rest.starts_with('/')) return refuse(400, "the request target is not a path");
  }
  if (rest == "*" && head.method != "OPTIONS") return refuse(400, "the target * belongs to OPTIONS");
  auto const question = rest.find('?');
  head.path = rest.substr(0, question);
  head.query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  if (!is_plain_path(head.path)) return refuse(400, "the path has dot segments or broken escapes");
  if (!is_authority(head.authority)) return refuse(400, "Host has characters that it must not have");
  return {};
}

std::expected<void, http_error> check_expectation(http_head& head) {
  auto const expect = head.header("Expect");
  if (expect.empty()) return {};
  if (!equals_ignoring_case(expect, "100-continue")) return refuse(417, "the only expectation met is 100-continue");
  head.expects_continue = head.version == 11;
  return {};
}

} // namespace

struct http_parser::impl {
  impl(role which_in, http_limits const& limits_in) : which(which_in), limits(limits_in) {}

  // Gives `out` the bytes of the head to keep, so that views into them live as long as it does.
  static std::string_view keep(std::string_view head, http_fields& out) {
    if (out.capacity_ < head.size()) {
      out.capacity_ = std::max<std::size_t>(head.size(), 1024);
      out.storage_ = std::make_unique<char[]>(out.capacity_);
    }
    std::memcpy(out.storage_.get(), head.data(), head.size());
    return {out.storage_.get(), head.size()};
  }

  // Runs a fresh parser over one complete head.
  template <bool is_request>
  std::expected<void, http_error> run(std::optional<message_parser<is_request>>& parser, std::string_view kept,
                                      http_fields& out) {
    out.headers.clear();
    parser->fields = &out;
    io_error ec;
    parser->put({kept.data(), kept.size()}, ec);
    parser->fields = nullptr;
    if (parser->too_many_headers) return refuse(431, "there are too many header fields");
    if (ec == beast_http::error::need_more) ec = {};
    if (ec) return refuse(ec == beast_http::error::header_limit ? 431 : 400, detail_of(ec));
    if (!parser->is_header_done()) return refuse(400, "the message is malformed");
    out.keep_alive = parser->keep_alive();
    out.chunked = parser->chunked();
    auto const length = parser->content_length();
    out.content_length = length ? std::optional<std::uint64_t>(*length) : std::nullopt;
    out.upgrade = parser->upgrade() && out.has_header("Upgrade");
    return check_framing(parser->facts, out, is_request);
  }

  template <bool is_request>
  std::expected<body_step, http_error> body(message_parser<is_request>& parser, std::span<char> bytes) const {
    parser.payload = bytes.data();
    parser.payload_size = 0;
    std::size_t consumed = 0;
    io_error ec;
    while (consumed < bytes.size() && !parser.is_done()) {
      auto const n = parser.put({bytes.data() + consumed, bytes.size() - consumed}, ec);
      consumed += n;
      if (ec && ec != beast_http::error::need_more) return refuse(400, detail_of(ec));
      if (n == 0) break;
    }
    auto const held_back = bytes.size() - consumed;
    if (!parser.is_done() && held_back > limits.trailer_bytes)
      return refuse(400, "a chunk's head or trailer is too long");
    return body_step{consumed, bytes.subspan(0, parser.payload_size)};
  }

  role const which;
  http_limits const& limits;
  head_scanner scanner;
  std::size_t blank_lines_skipped = 0;
  std::optional<message_parser<true>> request;
  std::optional<message_parser<false>> response;
};

http_parser::http_parser(role which, http_limits const& limits) : impl_(std::make_unique<impl>(which, limits)) {}

http_parser::~http_parser() = default;

std::expected<std::size_t, http_error> http_parser::parse_head(std::string_view bytes, http_head& out) {
  auto& my = *impl_;
  std::size_t skipped = 0; // RFC 9112, 2.2: an empty line before the request line is ignored
  while (skipped < 4 && bytes.substr(skipped).starts_with("\r\n")) skipped += 2;
  if (skipped > 0 && bytes.size() - skipped == 0) return 0;
  auto const message = bytes.substr(skipped);
  if (message.empty() || (message == "\r" && skipped < 4)) return 0;
  if (!starts_like_a_token(message.front()))
    return refuse(400, message.front() == 0x16 ? "this port speaks HTTP without TLS: use http://"
                                               : "the method is not a token");
  auto const length = my.scanner.scan(message, my.limits);
  if (!length) return std::unexpected(length.error());
  if (*length == 0) return 0;
  my.scanner.reset();
  if (message.starts_with("PRI * HTTP/2")) return refuse(400, "this port speaks HTTP/1.1, not HTTP/2");
  auto const kept = impl::keep(message.substr(0, *length), out);
  my.request.emplace(my.limits);
  if (auto ok = my.run<true>(my.request, kept, out); !ok) return std::unexpected(ok.error());
  out.method = my.request->method;
  out.target = my.request->target;
  out.expects_continue = false;
  if (auto ok = split_target(out); !ok) return std::unexpected(ok.error());
  if (auto ok = check_expectation(out); !ok) return std::unexpected(ok.error());
  return skipped + *length;
}

std::expected<std::size_t, http_error> http_parser::parse_head(std::string_view bytes, http_response_head& out,
                                                               bool request_was_head) {
  auto& my = *impl_;
  auto const length = my.scanner.scan(bytes, my.limits);
  if (!length) return std::unexpected(length.error());
  if (*length == 0) return 0;
  my.scanner.reset();
  auto const kept = impl::keep(bytes.substr(0, *length), out);
  my.response.emplace(my.limits);
  if (request_was_head) my.response->skip(true);
  if (auto ok = my.run<false>(my.response, kept, out); !ok) return std::unexpected(ok.error());
  out.status = my.response->status;
  out.reason = my.response->reason;
  return *length;
}

std::expected<http_parser::body_step, http_error> http_parser::parse_body(std::span<char> bytes) {
  return impl_->which == role::server ? impl_->body(*impl_->request, bytes) : impl_->body(*impl_->response, bytes);
}

bool http_parser::parse_end() {
  auto const ended_well = [](auto& parser) {
    if (!parser || !parser->is_header_done()) return false;
    if (parser->is_done()) return true;
    io_error ec;
    parser->put_eof(ec);
    return !ec;
  };
  return impl_->which == role::server ? ended_well(impl_->request) : ended_well(impl_->response);
}

bool http_parser::head_done() const {
  return impl_->which == role::server ? impl_->request && impl_->request->is_header_done()
                                      : impl_->response && impl_->response->is_header_done();
}

bool http_parser::body_done() const {
  return impl_->which == role::server ? impl_->request && impl_->request->is_done()
                                      : impl_->response && impl_->response->is_done();
}

bool http_parser::ends_with_stream() const { return impl_->response && impl_->response->need_eof(); }

std::string_view reason_phrase(unsigned status) {
  if (status == 422) return "Unprocessable Content";
  if (status == 421) return "Misdirected Request";
  if (status == 499) return "Client Closed Request";
  return view(beast_http::obsolete_reason(static_cast<beast_http::status>(status)));
}

} // namespace paddler
