#include "engine/simulated_request.hpp"

#include "base/text.hpp"
#include "engine/simulated_messages.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr std::size_t max_stop_words = 16;

std::unexpected<api_error> bad(std::string message) {
  return std::unexpected(api_error(400, "invalid_request_error", std::move(message)));
}

// --- single fields; an absent one and null are the same ---

json::value const* find(json::object const& body, std::string_view key) {
  auto const* found = body.if_contains(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

bool flag(json::object const& body, std::string_view key) {
  auto const* value = find(body, key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

api_result<void> take_limit(json::object const& body, std::string_view key, std::optional<std::size_t>& out) {
  auto const* value = find(body, key);
  if (value == nullptr) return {};
  if (!value->is_number()) return bad("Field '" + std::string(key) + "': type must be number");
  auto const number = value->to_number<double>();
  if (number >= 0 && number < 1e9) out = static_cast<std::size_t>(number); // llama.cpp: -1 is no limit
  return {};
}

api_result<void> check_numbers(json::object const& body) {
  for (auto key : {"temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty"})
    if (auto const* value = find(body, key); value != nullptr && !value->is_number())
      return bad("Field '" + std::string(key) + "': type must be number");
  if (auto const* n = find(body, "n"); n != nullptr && (!n->is_number() || n->to_number<double>() != 1))
    return bad("Field 'n': the simulated engine gives one choice");
  return {};
}

void take_stop(json::object const& body, std::string_view key, std::vector<std::string>& out) {
  auto const* value = find(body, key);
  if (value == nullptr) return;
  if (value->is_string()) out.emplace_back(value->as_string());
  if (!value->is_array()) return;
  for (auto const& word : value->as_array())
    if (word.is_string() && !word.as_string().empty() && out.size() < max_stop_words)
      out.emplace_back(word.as_string());
}

// --- tools ---

// Chat wraps a tool in "function"; the others do not. Anthropic calls its schema input_schema.
void take_tools(json::object const& body, std::vector<generation_tool>& out) {
  auto const* tools = find(body, "tools");
  if (tools == nullptr || !tools->is_array()) return;
  for (auto const& tool : tools->as_array()) {
    auto const* fields = tool.if_object();
    if (fields == nullptr) continue;
    if (auto const* inner = find(*fields, "function"); inner != nullptr && inner->is_object())
      fields = &inner->as_object();
    auto const* name = find(*fields, "name");
    if (name == nullptr || !name->is_string()) continue;
    generation_tool parsed;
    parsed.name = std::string(name->as_string());
    for (auto key : {"parameters", "input_schema"})
      if (auto const* schema = find(*fields, key)) parsed.parameters = *schema;
    out.push_back(std::move(parsed));
  }
}

// "none", "auto", "required", {"type":"function","function":{"name"}}, {"type":"function","name"},
// {"type":"any"|"tool"|"auto"|"none","name"}.
void take_tool_choice(json::object const& body, generation_request& out) {
  auto const* choice = find(body, "tool_choice");
  if (choice == nullptr) return;
  std::string_view kind;
  json::object const* fields = choice->if_object();
  if (choice->is_string()) kind = choice->as_string();
  if (fields != nullptr)
    if (auto const* type = find(*fields, "type"); type != nullptr && type->is_string()) kind = type->as_string();
  out.may_call = kind != "none";
  if (kind == "required" || kind == "any") out.forced_tool = "";
  if (fields == nullptr) return;
  if (auto const* inner = find(*fields, "function"); inner != nullptr && inner->is_object())
    fields = &inner->as_object();
  if (auto const* name = find(*fields, "name"); name != nullptr && name->is_string())
    out.forced_tool = std::string(name->as_string());
}

// {"type":"json_schema","json_schema":{"schema":S}}, {"type":"json_schema","schema":S}, {"type":"json_object"}.
void take_format(json::value const* format, generation_request& out) {
  auto const* fields = format == nullptr ? nullptr : format->if_object();
  auto const* type = fields == nullptr ? nullptr : find(*fields, "type");
  if (type == nullptr || !type->is_string()) return;
  if (type->as_string() == "json_object") out.schema = json::object{{"type", "object"}};
  if (type->as_string() != "json_schema") return;
  if (auto const* inner = find(*fields, "json_schema"); inner != nullptr && inner->is_object())
    fields = &inner->as_object();
  if (auto const* schema = find(*fields, "schema")) out.schema = *schema;
}

// --- faults ---

std::uint32_t fault(std::string_view prompt, std::string_view name) {
  std::string const mark = "[[" + std::string(name) + " ";
  auto const at = prompt.rfind(mark);
  if (at == prompt.npos) return 0;
  auto rest = prompt.substr(at + mark.size());
  auto const number = take_number<std::uint32_t>(rest).value_or(0);
  return rest.starts_with("]]") ? number : 0;
}

requested_faults faults_in(std::string_view prompt) {
  if (!prompt.contains("[[")) return {};
  return {.crash_always = prompt.contains("[[crash always]]"),
          .crash_at = fault(prompt, "crash"),
          .hang_at = fault(prompt, "hang"),
          .stall_at = fault(prompt, "stall"),
          .drip_at = fault(prompt, "drip")};
}

// --- prompts ---

std::string numbers_as_words(json::array const& numbers) {
  std::string out;
  for (auto const& number : numbers) out += (out.empty() ? "" : " ") + json::serialize(number);
  return out;
}

bool is_numbers(json::value const& value) {
  return value.is_array() && !value.as_array().empty() && value.as_array().front().is_number();
}

std::string text_of(json::object const& body, std::string_view key) {
  auto const* value = find(body, key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// llama-server passes over a `generation_prompt` that the prompt does not end with; here it is a mistake of who
// continues an answer.
api_result<void> take_plain_prompt(json::object const& body, generation_request& out) {
  auto const* prompt = find(body, "prompt");
  if (prompt == nullptr) return bad("'prompt' is required");
  auto text = mixed_text(*prompt);
  if (!text) return bad("Field 'prompt': the simulated engine takes one prompt, a text or a list of token numbers");
  out.delivered = text_of(body, "generation_prompt");
  if (!text->ends_with(out.delivered))
    return std::unexpected(api_error(500, "server_error", "the prompt does not end with its 'generation_prompt'"));
  text->resize(text->size() - out.delivered.size());
  out.prompt = std::move(*text);
  return {};
}

bool continues_last_message(json::object const& body) {
  auto const kind = text_of(body, "continue_final_message");
  return kind == "content" || kind == "reasoning_content" || flag(body, "continue_final_message");
}

// Of a chat whose last message is to be continued.
api_result<void> take_continuation(json::object const& body, generation_request& out) {
  if (out.api != generation_api::chat || !continues_last_message(body)) return {};
  if (find(body, "add_generation_prompt") == nullptr || flag(body, "add_generation_prompt"))
    return bad("Cannot set both add_generation_prompt and continue_final_message to true.");
  if (out.messages.empty() || out.messages.back().role != "assistant") return {};
  out.delivered = text_of(body.at("messages").as_array().back().as_object(), "reasoning_content");
  out.delivered += out.messages.back().content;
  out.messages.pop_back();
  return {};
}

api_result<void> take_prompt(json::object const& body, generation_request& out) {
  if (out.api == generation_api::completions) return take_plain_prompt(body, out);
  auto messages = parse_messages(out.api, body);
  if (!messages) return std::unexpected(std::move(messages.error()));
  out.messages = std::move(*messages);
  if (auto taken = take_continuation(body, out); !taken) return taken;
  out.prompt = canonical_prompt(out.messages);
  return {};
}

} // namespace

std::size_t generation_request::prompt_tokens() const {
  return chain_token_count(prompt) + chain_token_count(delivered);
}

// A word for each number; a text stands as it is, behind what is before it.
std::optional<std::string> mixed_text(json::value const& content) {
  if (content.is_string()) return std::string(content.as_string());
  auto const* items = content.if_array();
  if (items == nullptr || items->empty()) return std::nullopt;
  if (items->size() > 1 && !items->front().is_number()) return std::nullopt; // several prompts
  std::string out;
  for (auto const& item : *items) {
    if (item.is_number())
      out += (out.empty() ? "" : " ") + json::serialize(item);
    else if (item.is_string())
      out += item.as_string();
    else
      return std::nullopt;
  }
  return out;
}

std::string to_json(api_error const& error) {
  json::object fields{{"code", error.status}, {"message", error.message}, {"type", error.type}};
  for (auto const& [key, value] : error.more) fields.insert_or_assign(key, value);
  return json::serialize(json::object{{"error", std::move(fields)}});
}

api_result<json::value> parse_body(std::string_view body) {
  boost::system::error_code ec;
  auto parsed = json::parse(body, ec);
  if (ec) return std::unexpected(api_error(500, "server_error", "parse error: " + ec.message()));
  return parsed;
}

api_result<generation_request> parse_generation(generation_api api, std::string_view text) {
  auto parsed = parse_body(text);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  static json::object const nothing;
  json::object const& body = parsed->is_object() ? parsed->as_object() : nothing;
  generation_request out;
  out.api = api;
  if (auto taken = take_prompt(body, out); !taken) return std::unexpected(std::move(taken.error()));
  if (auto checked = check_numbers(body); !checked) return std::unexpected(std::move(checked.error()));
  for (auto key : {"n_predict", "max_tokens", "max_completion_tokens", "max_output_tokens"})
    if (auto taken = take_limit(body, key, out.max_tokens); !taken) return std::unexpected(std::move(taken.error()));
  out.stream = flag(body, "stream");
  out.ignore_eos = flag(body, "ignore_eos");
  if (auto const* options = find(body, "stream_options"); options != nullptr && options->is_object())
    out.include_usage = flag(options->as_object(), "include_usage");
  for (auto key : {"stop", "stop_sequences"}) take_stop(body, key, out.stop);
  take_tools(body, out.tools);
  take_tool_choice(body, out);
  take_format(find(body, "response_format"), out);
  if (auto const* options = find(body, "text"); options != nullptr && options->is_object())
    take_format(find(options->as_object(), "format"), out);
  out.faults = faults_in(out.prompt);
  return out;
}

api_result<embedding_request> parse_embedding(std::string_view text) {
  auto parsed = parse_body(text);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  auto const* body = parsed->if_object();
  auto const* input = body == nullptr ? nullptr : find(*body, "input");
  if (input == nullptr) return bad("\"input\" or \"content\" must be provided");
  embedding_request out;
  auto const add = [&](json::value const& one) {
    if (one.is_string())
      out.inputs.emplace_back(one.as_string());
    else if (is_numbers(one))
      out.inputs.push_back(numbers_as_words(one.as_array()));
    else
      return false;
    return true;
  };
  bool good = true;
  if (input->is_string() || is_numbers(*input))
    good = add(*input);
  else if (input->is_array() && !input->as_array().empty())
    for (auto const& one : input->as_array()) good = good && add(one);
  else
    good = false;
  if (!good) return bad("\"input\" must be a text, a list of texts, or token numbers");
  if (auto const* format = find(*body, "encoding_format")) {
    out.base64 = format->is_string() && format->as_string() == "base64";
    if (!out.base64 && (!format->is_string() || format->as_string() != "float"))
      return bad("The format to return the embeddings in. Can be either float or base64");
  }
  return out;
}

} // namespace paddler
