#include "harness/engine_client.hpp"

#include "net/transport.hpp"
#include "wire/event_text.hpp"
#include "wire/stream_splice.hpp"

#include <boost/json/parse.hpp>

#include <utility>

namespace paddler_test {
namespace {

constexpr std::size_t answer_limit = std::size_t{1} << 20;

} // namespace

task<paddler::http_answer> engine_client::post(std::string path, std::string body) const {
  auto stream = co_await connect_unix(socket_, patience);
  require(stream.has_value(), "the engine can be reached");
  http_client_config config;
  std::vector<std::pair<std::string, std::string>> headers;
  auto answer = co_await http_fetch(std::move(*stream), std::move(config), "POST", std::move(path), std::move(headers),
                                    std::move(body), answer_limit);
  require(answer.has_value(), "the engine answers");
  co_return *std::move(answer);
}

task<std::string> engine_client::ask(std::string path, std::string body) const {
  auto answer = co_await post(std::move(path), std::move(body));
  EXPECT_EQ(answer.status, 200) << answer.body;
  co_return std::move(answer.body);
}

task<std::uint64_t> engine_client::count(token_question question) const {
  auto const answer = co_await ask(std::string(question.path), std::move(question.body));
  auto const counted = counted_tokens(answer);
  require(counted.has_value(), "the engine counts tokens");
  co_return *counted;
}

task<std::string> engine_client::rest_of(stream_question asked, std::string delivered) const {
  auto const request = read_resumable(asked.path, asked.body);
  require(request.has_value(), "its answer can be continued");
  answer_text answer;
  answer.add(delivered);
  auto const so_far = answer.read();
  require(so_far.has_value(), "what was delivered can be read");
  auto answered = count_answer(*so_far);
  auto const made = co_await count(std::move(answered));
  auto const body = resumed_body(*request, *so_far, made, {});
  require(body.has_value(), "it can be continued from here");
  if (*body) {
    stream_splice splice(*so_far, made);
    auto const stream = co_await ask(asked.path, **body);
    auto out = splice.feed(stream);
    require(out.has_value() && splice.ended(), "the streams are joined to the end");
    co_return *std::move(out);
  }
  auto prompt = count_prompt(*request);
  auto const prompt_tokens = co_await count(std::move(prompt));
  co_return closing_events(*request, *so_far, prompt_tokens, made);
}

std::vector<std::string> events_of(std::string_view stream) {
  std::vector<std::string> out;
  while (auto const event = take_event(stream)) out.emplace_back(*event);
  EXPECT_TRUE(stream.empty()) << stream;
  return out;
}

std::string start_of_stream(std::vector<std::string> const& events, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += events[i];
  return out;
}

std::vector<boost::json::value> contents(std::string_view stream, bool names) {
  std::vector<boost::json::value> out;
  for (auto const& event : events_of(stream)) {
    auto const data = event_data(event).value();
    if (data == end_of_stream) {
      out.emplace_back(data);
      continue;
    }
    auto& chunk = out.emplace_back(boost::json::parse(data)).as_object();
    chunk.erase("timings");
    if (auto* usage = chunk.if_contains("usage")) usage->as_object().erase("prompt_tokens_details");
    if (names) continue;
    chunk.erase("id");
    chunk.erase("created");
  }
  return out;
}

} // namespace paddler_test
