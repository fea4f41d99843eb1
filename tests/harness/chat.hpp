// Requests to the inference API, and what comes back.
#pragma once
#include "harness/connection.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {

// Where the clusters of the tests have their simulated engines end an answer by themselves: later than a test waits, if
// tokens take milliseconds. So an answer is as long as it is asked for.
inline constexpr std::uint32_t endless = 20'000;

struct chat_question {
  std::string model = "sim";
  std::string text = "hello";
  std::optional<std::size_t> max_tokens;
  bool stream = true;
  std::optional<std::size_t> answer_tokens = endless; // none: the engine ends answers where its hash chain does
};

// Of the model "sim", about eight words; or as many as there are.
chat_question question(std::string text, std::optional<std::size_t> max_tokens = 8);
chat_question endless_question(std::string text);
chat_question unstreamed(chat_question asked);

std::string chat_body(chat_question const& question);

// What the simulated engine has to answer: the hash chain of model and prompt.
std::string chain_of(chat_question const& question);

// One event of a stream: the data of its lines, its name, and the comment lines before it.
struct stream_event {
  std::string name;
  std::string data;
  std::vector<std::string> comments;
};

// An event stream that is being read. An event whose data is empty tells of comments only.
class event_stream {
public:
  // Sends a POST and reads the head of its answer.
  static task<event_stream> open(std::string address, std::string target, std::string body, http_headers headers = {});

  // The same; nothing where the connection ended before the head was whole.
  static task<std::optional<event_stream>> try_open(std::string address, std::string target, std::string body,
                                                    http_headers headers = {});

  [[nodiscard]] answer_head const& head() const { return head_; }

  // Nothing at the end; how it ended is then in end().
  task<std::optional<stream_event>> next();

  [[nodiscard]] body_end end() const { return line_.how_body_ended(); }

  // The whole body of an answer that is no stream.
  task<std::string> rest();

  connection& line() { return line_; }

private:
  explicit event_stream(connection line) : line_(std::move(line)) {}

  connection line_;
  answer_head head_;
  std::string buffer_;
};

// A chat stream read to its end.
struct chat_answer {
  int status = 0;
  std::string text;          // of all deltas
  std::string finish_reason; // empty where none came
  bool done = false;         // [DONE] came
  std::string error_code;    // of an error event, or of an error answer
  std::string error_message; // the same
  std::size_t pieces = 0;    // deltas with text
  std::size_t comments = 0;
  std::size_t named_events = 0;  // which break OpenAI's clients
  body_end end = body_end::open; // of the HTTP body

  // A whole answer, in every respect in which a client could tell.
  [[nodiscard]] bool is_whole() const {
    return status == 200 && done && !finish_reason.empty() && error_code.empty() && named_events == 0 &&
           end == body_end::complete;
  }
};

// A chat stream in the course of being read.
class chat_stream {
public:
  static task<chat_stream> open(std::string address, chat_question question, http_headers headers = {});

  // The same; nothing where the connection ended before the head was whole.
  static task<std::optional<chat_stream>> try_open(std::string address, chat_question question);

  // Reads until the text has at least so many pieces; false when the stream ended before.
  task<bool> read_pieces(std::size_t count);
  task<chat_answer> read_to_end();

  [[nodiscard]] chat_answer const& so_far() const { return answer_; }

  connection& line() { return events_.line(); }

private:
  explicit chat_stream(event_stream events) : events_(std::move(events)) { answer_.status = events_.head().status; }

  task<bool> read_event();
  void note(stream_event const& event);
  void note_error(boost::json::value const& body);

  event_stream events_;
  chat_answer answer_;
};

// Asks and reads to the end, on a connection of its own.
task<chat_answer> chat(std::string address, chat_question question, http_headers headers = {});

// The same where the connection may break at any byte. Status 0: before the head was whole.
task<chat_answer> chat_cut_off(std::string address, chat_question question);

// Asks and reads the answer as bytes, whatever it is.
task<http_answer> post_chat(std::string address, chat_question question);

// Asks, and reads nothing. `unread` as in connection::open().
task<connection> send_chat(std::string address, chat_question question, int unread = 0);

// The text of a chat answer that is no stream.
std::string content_of(http_answer const& answer);

} // namespace paddler_test
