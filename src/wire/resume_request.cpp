#include "wire/resume_request.hpp"

#include "base/text.hpp"
#include "wire/document_edit.hpp"
#include "wire/event_text.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace paddler {
namespace {

// One field of the engine's with its names, in the order in which it looks for them.
constexpr std::array limit_names{"n_predict", "max_completion_tokens", "max_tokens"};
constexpr std::array choice_count_names{"n_cmpl", "n"};
constexpr std::array probability_names{"logprobs", "top_logprobs", "n_probs"};
constexpr double most_tokens = 2'147'483'647; // that the engine takes

using refusal = std::optional<resume_refusal>;

bool is_text(document_node const* value, std::string_view text) {
  return value != nullptr && value->kind == node_kind::text && value->text == text;
}

// Left out, null, false, 0 or an empty text: what all readers take for "no".
bool is_off(document_node const* value) {
  if (value == nullptr) return true;
  switch (value->kind) {
  case node_kind::null: return true;
  case node_kind::boolean: return !value->boolean;
  case node_kind::number: return to_double(value->text) == 0;
  case node_kind::text: return value->text.empty();
  case node_kind::list:
  case node_kind::object: return false;
  }
  return false;
}

bool has_any(document_node const& body, auto const& names) {
  return !std::ranges::all_of(names, [&](auto const* name) { return is_off(value_of(&body, name)); });
}

bool is_one_choice(document_node const& body) {
  return std::ranges::all_of(choice_count_names, [&](auto const* name) {
    auto const* count = value_of(&body, name);
    return count == nullptr || (count->kind == node_kind::number && to_double(count->text) == 1);
  });
}

// What is refused on either path.
refusal refuse_fields(document_node const& body) {
  if (!is_one_choice(body)) return resume_refusal::choices;
  if (has_any(body, probability_names)) return resume_refusal::logprobs;
  if (!is_off(value_of(&body, "grammar"))) return resume_refusal::grammar;
  if (!is_off(value_of(&body, "echo"))) return resume_refusal::echo;
  if (!is_off(value_of(&body, "generation_prompt"))) return resume_refusal::assistant_prefill;
  return std::nullopt;
}

bool is_only_text(document_node const& message) {
  auto const* content = value_of(&message, "content");
  if (content == nullptr || content->kind == node_kind::text) return true;
  return content->kind == node_kind::list && std::ranges::all_of(content->items, [](document_node const& part) {
           return part.kind == node_kind::object && is_text(value_of(&part, "type"), "text");
         });
}

refusal refuse_chat(document_node const& body) {
  auto const* messages = value_of(&body, "messages");
  if (messages == nullptr || messages->kind != node_kind::list || messages->items.empty())
    return resume_refusal::unreadable;
  if (auto const* choice = value_of(&body, "tool_choice");
      choice != nullptr && !is_text(choice, "auto") && !is_text(choice, "none"))
    return resume_refusal::tool_call;
  if (auto const* format = value_of(&body, "reasoning_format");
      format != nullptr && !is_text(format, "auto") && !is_text(format, "deepseek"))
    return resume_refusal::reasoning_format;
  if (is_text(value_of(&messages->items.back(), "role"), "assistant") ||
      !is_off(value_of(&body, "continue_final_message")))
    return resume_refusal::assistant_prefill;
  if (auto const* prompt = value_of(&body, "add_generation_prompt"); prompt != nullptr && is_off(prompt))
    return resume_refusal::assistant_prefill;
  if (!std::ranges::all_of(messages->items, is_only_text)) return resume_refusal::multimodal;
  return std::nullopt;
}

// A text, or token numbers with texts among them; a list with no number in it is a list of prompts.
refusal refuse_completion(document_node const& body) {
  auto const* prompt = value_of(&body, "prompt");
  if (prompt == nullptr) return resume_refusal::unreadable;
  if (prompt->kind == node_kind::text) return std::nullopt;
  if (prompt->kind == node_kind::object) return resume_refusal::multimodal;
  if (prompt->kind != node_kind::list) return resume_refusal::unreadable;
  auto const is = [](node_kind kind) { return [kind](document_node const& item) { return item.kind == kind; }; };
  if (std::ranges::none_of(prompt->items, is(node_kind::number))) return resume_refusal::choices;
  bool const known = std::ranges::all_of(prompt->items, [](document_node const& item) {
    return item.kind == node_kind::number || item.kind == node_kind::text;
  });
  return known ? std::nullopt : refusal(resume_refusal::unreadable);
}

// Below 0 is no limit of the request's own.
std::optional<std::uint64_t> limit_of(document_node const& body) {
  for (auto const* name : limit_names) {
    auto const* value = value_of(&body, name);
    if (value == nullptr) continue;
    double const limit = value->kind == node_kind::number ? std::trunc(to_double(value->text)) : -1;
    if (limit < 0 || limit > most_tokens) return std::nullopt;
    return static_cast<std::uint64_t>(limit);
  }
  return std::nullopt;
}

bool wants_usage(streamed_api api, document_node const& body) {
  return api == streamed_api::completions || !is_off(value_of(value_of(&body, "stream_options"), "include_usage"));
}

void continue_chat(document_node& body, answer_so_far const& so_far) {
  document_node message = object_node();
  message.add("role", text_node("assistant"));
  message.add("content", text_node(so_far.text));
  if (!so_far.reasoning.empty()) message.add("reasoning_content", text_node(so_far.reasoning));
  item_of(&body, "messages")->items.push_back(std::move(message));
  // Without this the engine would repeat the text; with it, it must not be asked to begin an answer.
  set_item(body, "continue_final_message", text_node(so_far.text.empty() ? "reasoning_content" : "content"));
  set_item(body, "add_generation_prompt", boolean_node(false));
}

void continue_completion(document_node& body, answer_so_far const& so_far) {
  auto& prompt = *item_of(&body, "prompt");
  if (prompt.kind == node_kind::text) {
    prompt.text += so_far.text;
  } else {
    prompt.items.push_back(text_node(so_far.text));
  }
  set_item(body, "generation_prompt", text_node(so_far.text)); // a schema's grammar goes on behind it
}

document_node usage_node(std::uint64_t prompt, std::uint64_t completion) {
  document_node out = object_node();
  out.add("completion_tokens", number_node(completion));
  out.add("prompt_tokens", number_node(prompt));
  out.add("total_tokens", number_node(prompt + completion));
  document_node details = object_node();
  details.add("cached_tokens", number_node(0));
  out.add("prompt_tokens_details", std::move(details));
  return out;
}

document_node last_choice(streamed_api api) {
  document_node choice = object_node();
  choice.add("index", number_node(0));
  if (api == streamed_api::chat) {
    choice.add("delta", object_node());
  } else {
    choice.add("text", text_node(""));
    choice.add("logprobs", null_node());
  }
  choice.add("finish_reason", text_node("length"));
  return choice;
}

std::string event_of(streamed_api api, answer_so_far const& so_far, document_node choices,
                     std::optional<document_node> usage) {
  document_node chunk = object_node();
  chunk.add("choices", std::move(choices));
  if (!so_far.created.empty()) chunk.add("created", number_node(so_far.created));
  if (!so_far.id.empty()) chunk.add("id", text_node(so_far.id));
  if (!so_far.model.empty()) chunk.add("model", text_node(so_far.model));
  if (!so_far.fingerprint.empty()) chunk.add("system_fingerprint", text_node(so_far.fingerprint));
  chunk.add("object", text_node(api == streamed_api::chat ? "chat.completion.chunk" : "text_completion"));
  if (usage) chunk.add("usage", *std::move(usage));
  return "data: " + print_json(chunk) + "\n\n";
}

} // namespace

std::expected<resumable_request, resume_refusal> read_resumable(std::string_view endpoint, std::string_view body) {
  bool const chat = endpoint == "/v1/chat/completions";
  if (!chat && endpoint != "/v1/completions") return std::unexpected(resume_refusal::endpoint);
  auto document = parse_unambiguous_json(body, own_document_limits);
  if (!document) {
    bool const large = document.error().code == error_code::too_large;
    return std::unexpected(large ? resume_refusal::too_long : resume_refusal::unreadable);
  }
  if (document->kind != node_kind::object) return std::unexpected(resume_refusal::unreadable);
  if (auto const refused = refuse_fields(*document)) return std::unexpected(*refused);
  if (auto const refused = chat ? refuse_chat(*document) : refuse_completion(*document))
    return std::unexpected(*refused);
  auto const api = chat ? streamed_api::chat : streamed_api::completions;
  auto const limit = limit_of(*document);
  bool const usage = wants_usage(api, *document);
  return resumable_request{api, *std::move(document), limit, usage};
}

token_question count_answer(answer_so_far const& so_far) {
  document_node body = object_node();
  body.add("content", text_node(so_far.reasoning + so_far.text));
  body.add("add_special", boolean_node(false));
  body.add("parse_special", boolean_node(true));
  return {"/tokenize", print_json(body)};
}

token_question count_prompt(resumable_request const& request) {
  if (request.api == streamed_api::chat) return {"/v1/chat/completions/input_tokens", print_json(request.body)};
  document_node body = object_node();
  body.add("content", *item_of(&request.body, "prompt"));
  body.add("add_special", boolean_node(true));
  body.add("parse_special", boolean_node(true));
  return {"/tokenize", print_json(body)};
}

result<std::uint64_t> counted_tokens(std::string_view answer) {
  auto const document = parse_unambiguous_json(answer, own_document_limits);
  auto const* root = document ? &*document : nullptr;
  if (auto const* tokens = value_of(root, "tokens"); tokens != nullptr && tokens->kind == node_kind::list)
    return tokens->items.size();
  if (auto const* count = value_of(root, "input_tokens"); count != nullptr && count->kind == node_kind::number)
    if (auto const number = parse_number<std::uint64_t>(count->text)) return *number;
  return fail(error_code::protocol, "the engine did not say how many tokens a text has: " + clipped(answer));
}

std::expected<std::optional<std::string>, resume_refusal> resumed_body(resumable_request const& request,
                                                                       answer_so_far const& so_far, std::uint64_t made,
                                                                       model_limits const& limits) {
  bool const whole = so_far.done || !so_far.finish_reason.empty();
  // The tokens of a call are not known, so neither is the usage.
  if (so_far.tool_started && (!whole || owes_usage(request, so_far))) return std::unexpected(resume_refusal::tool_call);
  if (whole) return std::nullopt;
  if (so_far.text.empty() && so_far.reasoning.empty()) return print_json(request.body);
  auto const limit = request.max_tokens ? request.max_tokens : limits.max_tokens;
  if (limit && made >= *limit) return std::nullopt;
  document_node body = request.body;
  if (request.api == streamed_api::chat) {
    continue_chat(body, so_far);
  } else {
    continue_completion(body, so_far);
  }
  if (limit) {
    for (auto const* name : limit_names) remove_item(body, name);
    set_item(body, "n_predict", number_node(*limit - made));
  }
  return print_json(body);
}

bool owes_usage(resumable_request const& request, answer_so_far const& so_far) {
  return request.wants_usage && !so_far.usage_sent && !so_far.done;
}

std::string closing_events(resumable_request const& request, answer_so_far const& so_far, std::uint64_t prompt_tokens,
                           std::uint64_t made) {
  std::string out;
  if (so_far.done) return out;
  bool const stopped = !so_far.finish_reason.empty() && so_far.finish_reason != "length";
  auto usage = std::optional(usage_node(prompt_tokens, made + (stopped ? 1 : 0)));
  if (!owes_usage(request, so_far)) usage.reset();
  if (so_far.finish_reason.empty()) {
    document_node choices = list_node();
    choices.items.push_back(last_choice(request.api));
    // Completions have the usage in the event of the finish reason, chats in one of its own.
    bool const together = request.api == streamed_api::completions;
    out += event_of(request.api, so_far, std::move(choices), together ? std::exchange(usage, {}) : std::nullopt);
  }
  if (usage) out += event_of(request.api, so_far, list_node(), std::move(usage));
  return out + "data: " + std::string(end_of_stream) + "\n\n";
}

} // namespace paddler
