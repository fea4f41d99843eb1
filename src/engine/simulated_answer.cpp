#include "engine/simulated_answer.hpp"

#include "base/random.hpp"
#include "base/text.hpp"
#include "engine/schema_document.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr std::size_t document_token_bytes = 4;
constexpr std::size_t shortest_telling_word = 4;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80; }

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  bool within = false;
  for (char c : text) {
    if (!is_letter(c)) {
      within = false;
      continue;
    }
    if (!std::exchange(within, true)) out.emplace_back();
    out.back().push_back(c);
  }
  return out;
}

// get_current_weather, get-current-weather and getCurrentWeather have the same words.
std::vector<std::string> words_of_name(std::string_view name) {
  std::string spaced;
  for (char c : name) {
    if (is_upper(c)) spaced.push_back(' ');
    spaced.push_back(c);
  }
  return words_of(spaced);
}

bool asks_for(std::vector<std::string> const& message_words, generation_tool const& tool) {
  return std::ranges::any_of(words_of_name(tool.name), [&](std::string const& word) {
    return word.size() >= shortest_telling_word &&
           std::ranges::any_of(message_words, [&](auto const& said) { return equals_ignoring_case(said, word); });
  });
}

generation_tool const* tool_to_call(generation_request const& request, std::vector<std::string> const& said) {
  for (auto const& tool : request.tools) {
    if (request.forced_tool) {
      if (request.forced_tool->empty() || *request.forced_tool == tool.name) return &tool;
    } else if (asks_for(said, tool)) {
      return &tool;
    }
  }
  return nullptr;
}

std::string subject_of(std::vector<std::string> const& said) {
  for (auto i = said.size(); i-- > 1;)
    if (is_upper(said[i].front())) return said[i];
  return {};
}

// Cuts between characters, not within them.
std::vector<std::string> document_tokens(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    std::size_t length = std::min(document_token_bytes, text.size());
    while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U) ++length;
    out.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return out;
}

void limit_tokens(answer_plan& plan, std::size_t limit) {
  if (plan.tokens.size() <= limit) return;
  plan.tokens.resize(limit);
  plan.finish = finish_reason::length;
}

void plan_chain(answer_plan& plan, generation_request const& request, std::string_view model,
                engine_simulation const& simulation, std::size_t limit) {
  std::size_t natural = simulation.answer_tokens > 0 ? simulation.answer_tokens : natural_length(model, request.prompt);
  if (request.ignore_eos) natural = std::numeric_limits<std::size_t>::max();
  hash_chain chain(model, request.prompt);
  for (std::size_t i = 0; i < std::min(natural, limit); ++i) plan.tokens.push_back(chain.next());
  if (natural >= limit) plan.finish = finish_reason::length; // the end would be one more token
}

// Drops everything from the first stop word on. A blank that is left alone goes to the token before it, as it is none
// of its own wherever tokens are counted.
void apply_stop(answer_plan& plan, std::vector<std::string> const& stop) {
  std::string const text = plan.text();
  std::size_t end = text.npos;
  for (auto const& word : stop)
    if (auto const at = text.find(word); at < end) {
      end = at;
      plan.stop_word = word;
    }
  if (end == text.npos) return;
  plan.finish = finish_reason::stop;
  std::size_t kept = 0;
  std::size_t used = 0;
  while (kept < plan.tokens.size() && used < end) {
    auto& token = plan.tokens[kept++];
    if (used + token.size() > end) token.resize(end - used);
    used += token.size();
  }
  plan.tokens.resize(kept);
  if (plan.tokens.size() < 2 || chain_token_count(plan.tokens.back()) > 0) return;
  plan.tokens[kept - 2] += plan.tokens.back();
  plan.tokens.pop_back();
}

// How many tokens stand whole within the first `bytes`.
std::size_t tokens_within(std::vector<std::string> const& tokens, std::size_t bytes) {
  std::size_t count = 0;
  for (; count < tokens.size() && tokens[count].size() <= bytes; ++count) bytes -= tokens[count].size();
  return count;
}

api_result<answer_plan> rest_of(answer_plan plan, std::string_view delivered) {
  if (delivered.empty()) return plan;
  if (!plan.text().starts_with(delivered))
    return std::unexpected(api_error(500, "server_error", "what is to be continued is not how the answer begins"));
  plan.made = tokens_within(plan.tokens, delivered.size());
  for (std::size_t i = 0; i < plan.made; ++i) delivered.remove_prefix(plan.tokens[i].size());
  plan.tokens.erase(plan.tokens.begin(), plan.tokens.begin() + static_cast<std::ptrdiff_t>(plan.made));
  if (!delivered.empty()) plan.tokens.front().erase(0, delivered.size());
  return plan;
}

api_error exceeds_context(std::size_t tokens, std::size_t context) {
  api_error out(400, "exceed_context_size_error",
                "request (" + std::to_string(tokens) + " tokens) exceeds the available context size (" +
                    std::to_string(context) + " tokens), try increasing it");
  out.more = {{"n_prompt_tokens", tokens}, {"n_ctx", context}};
  return out;
}

void plan_document(answer_plan& plan, json::value const& schema, hash_chain words, std::string const& subject) {
  plan.tokens = document_tokens(json::serialize(smallest_document(schema, words, subject)));
}

// The answer from its beginning, with `limit` tokens behind what was delivered.
answer_plan plan_whole(generation_request const& request, std::string_view model, engine_simulation const& simulation,
                       std::size_t limit) {
  answer_plan plan;
  hash_chain const words(model, request.prompt);
  auto const limit_document = [&] { limit_tokens(plan, tokens_within(plan.tokens, request.delivered.size()) + limit); };
  bool const users_turn = !request.messages.empty() && request.messages.back().role == "user";
  if (users_turn && request.may_call) {
    auto const said = words_of(request.messages.back().content);
    if (auto const* tool = tool_to_call(request, said)) {
      plan.called_tool = tool->name;
      plan.finish = finish_reason::tool_calls;
      plan_document(plan, tool->parameters.is_object() ? tool->parameters : json::object{{"type", "object"}}, words,
                    subject_of(said));
      limit_document();
      return plan;
    }
  }
  if (request.schema) {
    plan_document(plan, *request.schema, words, {});
    limit_document();
  } else {
    plan_chain(plan, request, model, simulation, chain_token_count(request.delivered) + limit);
  }
  apply_stop(plan, request.stop);
  return plan;
}

std::optional<generation_request> begun_by_last_message(generation_request const& request) {
  if (request.api != generation_api::chat || request.messages.empty()) return std::nullopt;
  if (request.messages.back().role != "assistant" || request.messages.back().content.empty()) return std::nullopt;
  generation_request out = request;
  out.delivered = out.messages.back().content;
  out.messages.pop_back();
  out.prompt = canonical_prompt(out.messages);
  return out;
}

} // namespace

std::string answer_plan::text() const {
  std::string out;
  for (auto const& token : tokens) out += token;
  return out;
}

std::size_t answer_plan::completion_tokens() const { return tokens.size() + (finish == finish_reason::length ? 0 : 1); }

api_result<answer_plan> plan_answer(generation_request const& request, std::string_view model,
                                    engine_simulation const& simulation, std::size_t context,
                                    std::optional<std::size_t> default_max_tokens) {
  std::size_t const prompt_tokens = request.prompt_tokens();
  if (prompt_tokens >= context) return std::unexpected(exceeds_context(prompt_tokens, context));
  std::size_t const wanted = request.max_tokens.value_or(default_max_tokens.value_or(max_answer_tokens));
  std::size_t const limit = std::min({std::max<std::size_t>(wanted, 1), context - prompt_tokens, max_answer_tokens});
  auto const rest = [&](generation_request const& begun) -> api_result<answer_plan> {
    auto plan = rest_of(plan_whole(begun, model, simulation, limit), begun.delivered);
    if (plan) plan->prompt_tokens = prompt_tokens;
    return plan;
  };
  if (auto const begun = begun_by_last_message(request))
    if (auto plan = rest(*begun); plan && !plan->tokens.empty()) {
      plan->tokens.front().insert(0, begun->delivered);
      return plan;
    }
  return rest(request);
}

std::vector<float> embedding_of(std::string_view model, std::string_view text) {
  std::vector<double> sum(embedding_dimensions);
  std::uint64_t of_model = 0;
  for (auto number : token_numbers(model)) of_model = of_model * 31 + number;
  for (auto number : token_numbers(text)) {
    random_source direction(of_model << 32 ^ number);
    for (auto& value : sum) value += direction.unit() * 2 - 1;
  }
  if (chain_token_count(text) == 0) sum.front() = 1;
  double length = 0;
  for (auto value : sum) length += value * value; // never zero: these numbers do not cancel out
  std::vector<float> out;
  for (auto value : sum) out.push_back(static_cast<float>(value / std::sqrt(length)));
  return out;
}

std::vector<std::uint32_t> token_numbers(std::string_view text) {
  std::vector<std::uint32_t> out;
  constexpr std::string_view blanks = " \t\r\n";
  for (auto begin = text.find_first_not_of(blanks); begin != text.npos;) {
    auto const end = std::min(text.find_first_of(blanks, begin), text.size());
    std::uint32_t number = 2166136261U; // FNV-1a
    for (char c : text.substr(begin, end - begin)) number = (number ^ static_cast<unsigned char>(c)) * 16777619U;
    out.push_back(number % 32'000);
    begin = text.find_first_not_of(blanks, end);
  }
  return out;
}

} // namespace paddler
