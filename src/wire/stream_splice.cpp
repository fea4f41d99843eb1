#include "wire/stream_splice.hpp"

#include "base/text.hpp"
#include "wire/document_edit.hpp"
#include "wire/event_text.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace paddler {
namespace {

constexpr std::string_view of_the_last_part_alone[] = {"timings", "prompt_progress", "__verbose"};

std::unexpected<error> broken(std::string what) { return fail(error_code::protocol, std::move(what)); }

std::optional<std::uint64_t> count_in(document_node const* object, std::string_view key) {
  auto const* value = value_of(object, key);
  if (value == nullptr || value->kind != node_kind::number) return std::nullopt;
  return parse_number<std::uint64_t>(value->text);
}

} // namespace

stream_splice::stream_splice(answer_so_far const& first, std::uint64_t made)
    : id_(first.id), created_(first.created), made_(made), role_sent_(first.role_sent) {}

result<std::string> stream_splice::feed(std::string_view bytes) {
  pending_.append(bytes);
  std::string_view rest = pending_;
  std::string out;
  while (auto const event = take_event(rest)) {
    auto mended = spliced(*event);
    if (!mended) return mended;
    out += *mended;
  }
  if (rest.size() > max_event_bytes)
    return fail(error_code::too_large, "an event is longer than " + std::to_string(max_event_bytes) + " bytes");
  pending_.erase(0, pending_.size() - rest.size());
  return out;
}

result<std::string> stream_splice::spliced(std::string_view event) {
  if (done_) return std::string();
  auto const data = event_data(event);
  if (!data) return std::unexpected(data.error());
  done_ = *data == end_of_stream;
  if (data->empty() || done_) return std::string(event);
  auto chunk = parse_unambiguous_json(*data);
  if (!chunk) return broken("an event of the engine cannot be read: " + chunk.error().message);
  if (chunk->kind != node_kind::object) return broken("an event of the engine is no object but " + describe(*chunk));
  failed_ = value_of(&*chunk, "error") != nullptr;
  if (failed_) return std::string(event);
  return spliced_chunk(*std::move(chunk));
}

result<std::string> stream_splice::spliced_chunk(document_node chunk) {
  bool says_something = true;
  if (auto* choices = item_of(&chunk, "choices"); choices != nullptr && !choices->items.empty()) {
    if (choices->items.size() > 1 || choices->items.front().kind != node_kind::object)
      return broken("an event of the engine has not one choice");
    says_something = !finished_ && splice_choice(choices->items.front());
    if (!says_something) choices->items.clear();
  }
  for (auto const key : of_the_last_part_alone) remove_item(chunk, key);
  if (auto* usage = item_of(&chunk, "usage"); usage != nullptr && usage->kind != node_kind::null) {
    says_something = true;
    if (auto mended = splice_usage(*usage); !mended) return std::unexpected(mended.error());
  }
  if (!says_something) return std::string();
  if (!id_.empty()) set_item(chunk, "id", text_node(id_));
  if (!created_.empty()) set_item(chunk, "created", number_node(created_));
  return "data: " + print_json(chunk) + "\n\n";
}

// Whether anything is left for the client.
bool stream_splice::splice_choice(document_node& choice) {
  finished_ = value_of(&choice, "finish_reason") != nullptr;
  auto* delta = item_of(&choice, "delta");
  if (delta == nullptr || delta->kind != node_kind::object) return true;
  if (role_sent_ && remove_item(*delta, "role") && value_of(delta, "content") == nullptr)
    remove_item(*delta, "content");
  return finished_ || !delta->items.empty();
}

result<void> stream_splice::splice_usage(document_node& usage) const {
  auto const prompt = count_in(&usage, "prompt_tokens");
  auto const completion = count_in(&usage, "completion_tokens");
  if (!prompt || !completion) return broken("the engine's usage lacks its numbers");
  auto const before = *prompt - std::min(*prompt, made_);
  set_item(usage, "prompt_tokens", number_node(before));
  set_item(usage, "completion_tokens", number_node(*completion + (*prompt - before)));
  auto* details = item_of(&usage, "prompt_tokens_details");
  if (auto const cached = count_in(details, "cached_tokens"))
    set_item(*details, "cached_tokens", number_node(std::min(*cached, before)));
  return {};
}

} // namespace paddler
