#include "harness/chat.hpp"

#include "core/engine/hash_chain.hpp"
#include "harness/system_test.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace paddler_test {
namespace {

namespace json = boost::json;

std::string text_at(json::value const& value, std::string_view pointer) {
  boost::system::error_code ec;
  auto const* at = value.find_pointer({pointer.data(), pointer.size()}, ec);
  return at != nullptr && at->is_string() ? std::string(at->as_string()) : std::string();
}

// One line of an event: adds to it what the line says (WHATWG HTML, section 9.2.6).
void add_line(stream_event& event, std::string_view line) {
  auto const value_of = [line](std::size_t from) {
    auto const value = line.substr(from);
    return std::string(value.starts_with(' ') ? value.substr(1) : value);
  };
  if (line.starts_with(':')) {
    event.comments.push_back(value_of(1));
  } else if (line.starts_with("event:")) {
    event.name = value_of(6);
  } else if (line.starts_with("data:")) {
    if (!event.data.empty()) event.data += '\n';
    event.data += value_of(5);
  }
}

stream_event parse_event(std::string_view block) {
  stream_event out;
  while (!block.empty()) {
    auto const end = block.find('\n');
    auto line = block.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    add_line(out, line);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
  }
  return out;
}

} // namespace

chat_question question(std::string text, std::optional<std::size_t> max_tokens) {
  chat_question out;
  out.text = std::move(text);
  out.max_tokens = max_tokens;
  return out;
}

chat_question endless_question(std::string text) { return question(std::move(text), std::nullopt); }

chat_question unstreamed(chat_question asked) {
  asked.stream = false;
  return asked;
}

std::string chat_body(chat_question const& question) {
  json::object message{{"role", "user"}, {"content", question.text}};
  json::object body{{"model", question.model}, {"messages", json::array{message}}};
  if (question.max_tokens) body["max_tokens"] = *question.max_tokens;
  if (question.stream) body["stream"] = true;
  return json::serialize(body);
}

std::string chain_of(chat_question const& question) {
  std::vector<chat_message> const messages = {{"user", question.text}};
  return expected_answer(question.model, canonical_prompt(messages), question.max_tokens, question.answer_tokens).text;
}

task<event_stream> event_stream::open(std::string address, std::string target, std::string body, http_headers headers) {
  auto out = co_await try_open(std::move(address), std::move(target), std::move(body), std::move(headers));
  require(out.has_value(), "the connection ended without an answer");
  co_return std::move(*out);
}

task<std::optional<event_stream>> event_stream::try_open(std::string address, std::string target, std::string body,
                                                         http_headers headers) {
  event_stream out(co_await connection::open(std::move(address)));
  headers.emplace_back("Content-Type", "application/json");
  co_await out.line_.send_request("POST", std::move(target), std::move(headers), std::move(body));
  auto head = co_await out.line_.read_head();
  if (!head) co_return std::nullopt;
  out.head_ = std::move(*head);
  co_return std::move(out);
}

task<std::optional<stream_event>> event_stream::next() {
  for (;;) {
    auto const end = buffer_.find("\n\n");
    if (end != std::string::npos) {
      auto event = parse_event(std::string_view(buffer_).substr(0, end));
      buffer_.erase(0, end + 2);
      co_return event;
    }
    auto const piece = co_await line_.read_piece();
    if (piece.empty()) co_return std::nullopt;
    buffer_ += piece;
  }
}

task<std::string> event_stream::rest() {
  auto out = std::exchange(buffer_, {});
  while (line_.how_body_ended() == body_end::open) out += co_await line_.read_piece();
  co_return out;
}

task<chat_stream> chat_stream::open(std::string address, chat_question question, http_headers headers) {
  auto body = chat_body(question);
  auto events =
      co_await event_stream::open(std::move(address), "/v1/chat/completions", std::move(body), std::move(headers));
  co_return chat_stream(std::move(events));
}

task<std::optional<chat_stream>> chat_stream::try_open(std::string address, chat_question question) {
  auto body = chat_body(question);
  auto events = co_await event_stream::try_open(std::move(address), "/v1/chat/completions", std::move(body));
  if (!events) co_return std::nullopt;
  co_return chat_stream(std::move(*events));
}

task<bool> chat_stream::read_event() {
  if (!events_.head().header("content-type").starts_with("text/event-stream")) {
    auto const body = co_await events_.rest();
    boost::system::error_code ec;
    auto const value = json::parse(body, ec);
    if (!ec) note_error(value);
    co_return false;
  }
  auto const event = co_await events_.next();
  if (event) note(*event);
  co_return event.has_value();
}

void chat_stream::note(stream_event const& event) {
  answer_.comments += event.comments.size();
  answer_.named_events += event.name.empty() ? 0 : 1;
  if (event.data.empty()) return;
  EXPECT_FALSE(answer_.done) << "something follows [DONE]: " << event.data;
  EXPECT_TRUE(answer_.error_code.empty()) << "something follows an error: " << event.data;
  if (event.data == "[DONE]") {
    answer_.done = true;
    return;
  }
  boost::system::error_code ec;
  auto const value = json::parse(event.data, ec);
  require(!ec, "an event is no JSON: " + event.data);
  note_error(value);
  auto const text = text_at(value, "/choices/0/delta/content");
  answer_.text += text;
  answer_.pieces += text.empty() ? 0 : 1;
  if (auto const reason = text_at(value, "/choices/0/finish_reason"); !reason.empty()) answer_.finish_reason = reason;
}

void chat_stream::note_error(json::value const& body) {
  if (!body.is_object() || !body.as_object().contains("error")) return;
  answer_.error_code = text_at(body, "/error/code");
  answer_.error_message = text_at(body, "/error/message");
  if (answer_.error_code.empty()) answer_.error_code = "(none)";
}

task<bool> chat_stream::read_pieces(std::size_t count) {
  while (answer_.pieces < count)
    if (!co_await read_event()) co_return false;
  co_return true;
}

task<chat_answer> chat_stream::read_to_end() {
  while (co_await read_event()) {
  }
  answer_.end = events_.end();
  co_return answer_;
}

task<chat_answer> chat(std::string address, chat_question question, http_headers headers) {
  auto stream = co_await chat_stream::open(std::move(address), std::move(question), std::move(headers));
  auto out = co_await stream.read_to_end();
  co_return out;
}

task<chat_answer> chat_cut_off(std::string address, chat_question question) {
  auto stream = co_await chat_stream::try_open(std::move(address), std::move(question));
  if (!stream) co_return chat_answer{};
  auto out = co_await stream->read_to_end();
  co_return out;
}

task<http_answer> post_chat(std::string address, chat_question question) {
  auto line = co_await send_chat(std::move(address), std::move(question));
  auto out = co_await line.read_answer();
  co_return out;
}

task<connection> send_chat(std::string address, chat_question question, int unread) {
  auto line = co_await connection::open(std::move(address), unread);
  http_headers headers;
  headers.emplace_back("Content-Type", "application/json");
  auto body = chat_body(question);
  co_await line.send_request("POST", "/v1/chat/completions", std::move(headers), std::move(body));
  co_return line;
}

std::string content_of(http_answer const& answer) {
  boost::system::error_code ec;
  auto const value = json::parse(answer.body, ec);
  require(!ec, "the answer is no JSON: " + answer.body);
  return text_at(value, "/choices/0/message/content");
}

} // namespace paddler_test
