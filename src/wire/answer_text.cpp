#include "wire/answer_text.hpp"

#include "base/text.hpp"
#include "wire/document_edit.hpp"
#include "wire/event_text.hpp"

#include <algorithm>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t max_frame_bytes = std::size_t{4} << 10;
constexpr int max_frames_made = 16; // in one stream: where each event has a frame of its own, none is worth its making
constexpr std::size_t max_time_digits = 18;
constexpr std::string_view time_key = R"("created":)";
constexpr std::array frame_kinds{std::pair{&answer_so_far::text, std::string_view("content")},
                                 std::pair{&answer_so_far::reasoning, std::string_view("reasoning_content")}};

// What one event says, as views into its document.
struct chunk_facts {
  std::string_view text;
  std::string_view reasoning;
  std::string_view id;
  std::string_view created;
  std::string_view model;
  std::string_view fingerprint;
  std::string_view finish_reason;
  bool has_choice = false;
  bool role = false;
  bool tool = false;
  bool usage = false;
};

// False for a value that is of another kind. One that is left out or null says nothing.
bool take(document_node const* object, std::string_view key, node_kind kind, std::string_view& out) {
  auto const* value = value_of(object, key);
  if (value == nullptr) return true;
  out = value->text;
  return value->kind == kind;
}

bool take_flag(document_node const* object, std::string_view key, node_kind kind, bool& out) {
  auto const* value = value_of(object, key);
  out = value != nullptr;
  return !out || value->kind == kind;
}

bool take_delta(document_node const* delta, chunk_facts& out) {
  if (delta == nullptr) return true;
  if (delta->kind != node_kind::object) return false;
  std::string_view role;
  constexpr std::array known{"role", "content", "reasoning_content", "tool_calls"};
  for (std::size_t i = 0; i < delta->keys.size(); ++i)
    if (delta->items[i].kind != node_kind::null && std::ranges::find(known, delta->keys[i]) == known.end())
      return false;
  if (!take(delta, "role", node_kind::text, role)) return false;
  out.role = !role.empty();
  return take(delta, "content", node_kind::text, out.text) &&
         take(delta, "reasoning_content", node_kind::text, out.reasoning) &&
         take_flag(delta, "tool_calls", node_kind::list, out.tool);
}

bool take_choices(document_node const* choices, chunk_facts& out) {
  if (choices == nullptr) return true;
  if (choices->kind != node_kind::list || choices->items.size() > 1) return false;
  if (choices->items.empty()) return true;
  auto const* choice = choices->items.data();
  std::string_view index = "0";
  std::string_view text;
  if (choice->kind != node_kind::object || !take(choice, "index", node_kind::number, index) || index != "0")
    return false;
  out.has_choice = true;
  if (!take_delta(value_of(choice, "delta"), out) || !take(choice, "text", node_kind::text, text)) return false;
  if (!text.empty() && !std::exchange(out.text, text).empty()) return false;
  return take(choice, "finish_reason", node_kind::text, out.finish_reason);
}

std::optional<chunk_facts> facts_of(document_node const& chunk) {
  chunk_facts out;
  if (chunk.kind != node_kind::object || value_of(&chunk, "error") != nullptr) return std::nullopt;
  if (!take_choices(value_of(&chunk, "choices"), out) || !take(&chunk, "id", node_kind::text, out.id) ||
      !take(&chunk, "created", node_kind::number, out.created) || !take(&chunk, "model", node_kind::text, out.model) ||
      !take(&chunk, "system_fingerprint", node_kind::text, out.fingerprint) ||
      !take_flag(&chunk, "usage", node_kind::object, out.usage))
    return std::nullopt;
  for (auto const name : {out.id, out.created, out.model, out.fingerprint, out.finish_reason})
    if (name.size() > max_answer_name_bytes) return std::nullopt;
  return out;
}

void set_first(std::string& known, std::string_view said) {
  if (known.empty()) known = said;
}

// The text of an event that says nothing else new.
std::optional<std::string_view> only_text(document_node const& chunk, std::string answer_so_far::* kind) {
  auto const facts = facts_of(chunk);
  if (!facts || facts->role || facts->tool || facts->usage || !facts->finish_reason.empty()) return std::nullopt;
  bool const is_text = kind == &answer_so_far::text;
  auto const& wanted = is_text ? facts->text : facts->reasoning;
  auto const& other = is_text ? facts->reasoning : facts->text;
  if (!other.empty()) return std::nullopt;
  return wanted;
}

// The closing quote of the JSON text that begins at `at`.
std::size_t end_of_text(std::string_view event, std::size_t at) {
  for (; at < event.size() && event[at] != '"'; ++at)
    if (event[at] == '\\') ++at;
  return std::min(at, event.size());
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The parser itself is asked whether the frame is one: where two letters and two times in its gaps are read as just
// these, the gaps are the whole of a JSON text and of a number, and whatever is valid there is read there as well.
bool is_frame(event_frame const& frame, std::string answer_so_far::* kind) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> probes{{{"a", "7"}, {"b", "18"}}};
  return std::ranges::all_of(probes, [&](auto const& probe) {
    std::string event = frame.before_text;
    event.append(probe.first).append(frame.before_time).append(probe.second).append(frame.behind_time);
    auto const data = event_data(event);
    auto const chunk = data ? parse_unambiguous_json(*data) : std::unexpected(data.error());
    return chunk && only_text(*chunk, kind) == probe.first && facts_of(*chunk)->created == probe.second;
  });
}

std::optional<event_frame> frame_of(std::string_view event, std::string_view key, std::string answer_so_far::* kind) {
  std::string const start = "\"" + std::string(key) + "\":\"";
  auto const found = event.find(start);
  if (found == std::string_view::npos) return std::nullopt;
  auto const text = found + start.size();
  auto const end = end_of_text(event, text);
  auto const named = event.find(time_key, end);
  if (named == std::string_view::npos || text + (event.size() - end) > max_frame_bytes) return std::nullopt;
  auto const time = named + time_key.size();
  auto const behind = std::ranges::find_if_not(event.substr(time), is_digit) - event.begin();
  event_frame frame{std::string(event.substr(0, text)), std::string(event.substr(end, time - end)),
                    std::string(event.substr(static_cast<std::size_t>(behind)))};
  if (!is_frame(frame, kind)) return std::nullopt;
  return frame;
}

// Takes off what an event has around its text; nothing where it has another frame.
std::optional<std::string_view> text_within(event_frame const& frame, std::string_view event) {
  if (frame.before_text.empty() || event.size() < frame.before_text.size() + frame.behind_time.size() ||
      !event.starts_with(frame.before_text) || !event.ends_with(frame.behind_time))
    return std::nullopt;
  event.remove_prefix(frame.before_text.size());
  event.remove_suffix(frame.behind_time.size());
  auto const digits = event.size() - (event.find_last_not_of("0123456789") + 1);
  if (digits == 0 || digits > max_time_digits || event[event.size() - digits] == '0') return std::nullopt;
  event.remove_suffix(digits);
  if (!event.ends_with(frame.before_time)) return std::nullopt;
  event.remove_suffix(frame.before_time.size());
  return event;
}

// What a backslash and this letter mean; 0 for those that take more than one letter, or mean nothing.
char escaped(char letter) {
  switch (letter) {
  case '"':
  case '\\':
  case '/': return letter;
  case 'b': return '\b';
  case 'f': return '\f';
  case 'n': return '\n';
  case 'r': return '\r';
  case 't': return '\t';
  default: return 0;
  }
}

// Adds what a JSON text of these bytes between its quotes means; false, and `out` as it was, where it is none.
bool append_unquoted(std::string& out, std::string_view bytes) {
  if (!is_valid_utf8(bytes)) return false;
  auto const before = out.size();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char letter = bytes[i];
    bool known = letter != '"' && static_cast<unsigned char>(letter) >= 0x20;
    if (letter == '\\') {
      letter = ++i < bytes.size() ? escaped(bytes[i]) : '\0';
      known = letter != 0;
    }
    if (!known) {
      out.resize(before);
      return false;
    }
    out += letter;
  }
  return true;
}

} // namespace

bool add_chunk(answer_so_far& so_far, document_node const& chunk) {
  auto const facts = facts_of(chunk);
  bool const ended = so_far.done || (!so_far.finish_reason.empty() && facts && facts->has_choice);
  if (!facts || ended) return false;
  so_far.text += facts->text;
  so_far.reasoning += facts->reasoning;
  set_first(so_far.id, facts->id);
  set_first(so_far.created, facts->created);
  set_first(so_far.model, facts->model);
  set_first(so_far.fingerprint, facts->fingerprint);
  so_far.finish_reason = facts->finish_reason.empty() ? so_far.finish_reason : std::string(facts->finish_reason);
  so_far.role_sent |= facts->role;
  so_far.tool_started |= facts->tool;
  so_far.usage_sent |= facts->usage;
  return true;
}

void answer_text::add(std::string_view delivered) {
  if (refused_) return;
  raw_.append(delivered);
  if (raw_.size() >= fold_at_bytes) fold();
}

std::expected<answer_so_far, resume_refusal> answer_text::read() {
  fold();
  if (refused_) return std::unexpected(*refused_);
  if (!raw_.empty()) return std::unexpected(resume_refusal::unreadable);
  return folded_;
}

std::size_t answer_text::kept_bytes() const {
  return raw_.capacity() + folded_.text.capacity() + folded_.reasoning.capacity();
}

void answer_text::fold() {
  std::string_view rest = raw_;
  while (!refused_) {
    auto const event = take_event(rest);
    if (event.value_or(rest).size() > max_raw_bytes) return refuse(resume_refusal::too_long);
    if (!event) break;
    if (!add_by_frame(*event) && !add_by_parser(*event)) return refuse(resume_refusal::unreadable);
    if (folded_.text.size() + folded_.reasoning.size() > max_text_bytes) return refuse(resume_refusal::too_long);
  }
  raw_.erase(0, raw_.size() - rest.size());
}

bool answer_text::add_by_frame(std::string_view event) {
  if (folded_.done || !folded_.finish_reason.empty()) return false;
  for (std::size_t i = 0; i < frames_.size(); ++i)
    if (auto const text = text_within(frames_[i], event)) return append_unquoted(folded_.*frame_kinds[i].first, *text);
  return false;
}

bool answer_text::add_by_parser(std::string_view event) {
  auto const data = event_data(event);
  if (!data) return false;
  if (data->empty()) return true;
  if (*data == end_of_stream) return !std::exchange(folded_.done, true);
  auto const chunk = parse_unambiguous_json(*data);
  if (!chunk || !add_chunk(folded_, *chunk)) return false;
  if (frames_made_ == max_frames_made) return true;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    auto const [kind, key] = frame_kinds[i];
    auto const text = only_text(*chunk, kind);
    if (!text || text->empty()) continue;
    auto frame = frame_of(event, key, kind);
    if (!frame && i == 0) frame = frame_of(event, "text", kind);
    if (!frame) continue;
    frames_[i] = *std::move(frame);
    ++frames_made_;
  }
  return true;
}

void answer_text::refuse(resume_refusal why) {
  auto const freed = std::move(*this); // a text that is only assigned to keeps its memory
  *this = answer_text();
  refused_ = freed.refused_.value_or(why);
}

} // namespace paddler
