// A request, what its client has of the stream, and what another engine goes on with, all from anywhere: read the same
// however it is cut, with frames as without; and what is continued is the one text behind the other, with one end.
// The input: the body on the first line, the stream, and behind a line "---" the stream that goes on.
#include "target.hpp"
#include "wire/document_edit.hpp"
#include "wire/event_text.hpp"
#include "wire/resume_request.hpp"
#include "wire/stream_splice.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace paddler {
namespace {

// Takes what stands before `mark` off, and the mark.
std::string_view take_until(std::string_view& rest, std::string_view mark) {
  auto const out = rest.substr(0, rest.find(mark));
  rest.remove_prefix(std::min(rest.size(), out.size() + mark.size()));
  return out;
}

template <class Use> void in_pieces(std::string_view text, std::size_t longest, Use use) {
  for (std::size_t length = 1; !text.empty(); length = length % longest + 1) {
    use(text.substr(0, length));
    text.remove_prefix(std::min(length, text.size()));
  }
}

std::expected<answer_so_far, resume_refusal> read(std::string_view stream) {
  answer_text answer;
  answer.add(stream);
  return answer.read();
}

bool add_event(answer_so_far& out, std::string_view event) {
  auto const data = event_data(event);
  if (!data) return false;
  if (data->empty()) return true;
  if (*data == end_of_stream) return !std::exchange(out.done, true);
  auto const chunk = parse_unambiguous_json(*data);
  return chunk && add_chunk(out, *chunk);
}

// By the parser alone.
std::expected<answer_so_far, resume_refusal> parsed(std::string_view stream) {
  answer_so_far out;
  while (auto const event = take_event(stream))
    if (event->size() > answer_text::max_raw_bytes)
      return std::unexpected(resume_refusal::too_long);
    else if (!add_event(out, *event))
      return std::unexpected(resume_refusal::unreadable);
  if (stream.size() > answer_text::max_raw_bytes) return std::unexpected(resume_refusal::too_long);
  if (!stream.empty()) return std::unexpected(resume_refusal::unreadable);
  return out;
}

std::expected<answer_so_far, resume_refusal> check_reading(std::string_view stream) {
  auto const whole = read(stream);
  for (std::size_t const longest : {1U, 7U, 300U}) {
    answer_text answer;
    in_pieces(stream, longest, [&](std::string_view piece) {
      answer.add(piece);
      (void)answer.read(); // folds
    });
    must(answer.read() == whole);
  }
  if (stream.size() < answer_text::max_text_bytes) must(parsed(stream) == whole);
  return whole;
}

result<std::string> splice(answer_so_far const& first, std::string_view stream, std::size_t longest) {
  stream_splice splicer(first, 3);
  std::string out;
  std::optional<error> failure;
  in_pieces(stream, longest, [&](std::string_view piece) {
    if (failure) return;
    if (auto const mended = splicer.feed(piece)) {
      out += *mended;
    } else {
      failure = mended.error();
    }
  });
  if (failure) return std::unexpected(*std::move(failure));
  return out;
}

void check_splicing(answer_so_far const& first, std::string_view before, std::string_view behind) {
  auto const whole = splice(first, behind, std::max<std::size_t>(behind.size(), 1));
  auto const cut = splice(first, behind, 7);
  must(whole.has_value() == cut.has_value());
  if (!whole) return;
  must(*whole == *cut);
  auto const second = read(behind);
  auto const both = read(std::string(before) + *whole);
  if (!second || !both) return;
  must(both->text == first.text + second->text);
  must(both->reasoning == first.reasoning + second->reasoning);
  must(both->finish_reason == second->finish_reason && both->done == second->done);
  must(first.id.empty() || both->id == first.id);
}

void check_closing(resumable_request const& request, answer_so_far const& so_far, std::string_view stream) {
  auto const whole = read(std::string(stream) + closing_events(request, so_far, 5, 3));
  must(whole && whole->done && whole->text == so_far.text);
  must(so_far.done || !whole->finish_reason.empty());
  must(so_far.done || whole->usage_sent == (so_far.usage_sent || request.wants_usage));
}

void check_request(std::string_view endpoint, std::string_view body, answer_so_far const& so_far,
                   std::string_view stream) {
  auto const request = read_resumable(endpoint, body);
  if (!request) return must(!describe(request.error()).empty());
  auto const next = resumed_body(*request, so_far, 3, {});
  if (!next) return must(next.error() == resume_refusal::tool_call && so_far.tool_started);
  if (!*next) return check_closing(*request, so_far, stream);
  auto const again = read_resumable(endpoint, **next);
  if (so_far.text.empty() && so_far.reasoning.empty()) {
    must(again && again->max_tokens == request->max_tokens);
  } else if (!so_far.text.empty() || request->api == streamed_api::chat) {
    // What goes on behind a text says so itself.
    must(!again && again.error() == resume_refusal::assistant_prefill);
    auto const document = parse_unambiguous_json(**next, own_document_limits);
    auto const* limit = document ? value_of(&*document, "n_predict") : nullptr;
    must(document && (limit == nullptr || limit->kind != node_kind::number || to_double(limit->text) != 0));
  }
}

void check(std::string_view input) {
  auto const body = take_until(input, "\n");
  auto const stream = take_until(input, "---\n");
  auto const so_far = check_reading(stream);
  (void)check_reading(input);
  if (!so_far) return must(!describe(so_far.error()).empty());
  if (so_far->finish_reason.empty() && !so_far->done) check_splicing(*so_far, stream, input);
  for (auto const* endpoint : {"/v1/chat/completions", "/v1/completions"})
    check_request(endpoint, body, *so_far, stream);
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  paddler::check(paddler::as_text(data, size));
  return 0;
}
