#include "models/scripted.hpp"

#include "base/text.hpp"
#include "models/architecture.hpp"
#include "models/chat_template.hpp"
#include "models/vocabulary.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>

// How it works. The model is a bigram table: each token of the script is embedded as a unit vector of its own, every
// other token (all that a prompt can be made of) as one shared vector; attention and feed-forward are zero, so the
// vector passes through unchanged, and the output matrix gives the token's successor a score that no temperature
// levels. After the last piece comes the end of the turn, and where the caller forbids that (ignore_eos), the first
// piece again: such a request never ends by itself.
//
// A prompt must not contain a script's token, or the answer would start in the middle. SentencePiece builds a token by
// merging two that exist, and single characters are in the vocabulary as bytes only; so a normal token of three
// characters or more, in a vocabulary without tokens of two, is never found in a prompt.

namespace paddler {
namespace {

constexpr std::size_t shortest_piece = 3; // characters; see above
constexpr std::size_t longest_word = 16;  // bytes; longer words are cut
constexpr std::uint32_t vector_step = 32; // the width is a multiple of this
constexpr float certain = 400;            // score of the successor; all others have 0
constexpr float second_choice = 200;      // score of the first piece where the turn should end
constexpr char const* after_result = "<|after_result|>";

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

// The length of the word at the start of `text`, spaces before it included.
std::size_t word_length(std::string_view text) {
  auto const word = text.find_first_not_of(" \n\t");
  if (word == std::string_view::npos) return text.size();
  auto end = std::min(text.find_first_of(" \n\t", word), text.size());
  if (end > longest_word) {
    end = longest_word;
    while (end < text.size() && !begins_character(text[end])) ++end;
  }
  return end;
}

// Whether a normal token can stand for `piece`: U+2581 would be read as a space, and `<0x` as a byte.
bool is_expressible(std::string_view piece) { return !piece.contains(space_mark) && !piece.contains("<0x"); }

bool is_usable(std::string_view piece, std::set<std::string> const& used) {
  return characters(piece) >= shortest_piece && is_expressible(piece) && !used.contains(std::string(piece));
}

std::string as_token_text(std::string_view piece) {
  std::string text;
  for (char const c : piece) {
    if (c == ' ') {
      text += space_mark;
    } else {
      text += c;
    }
  }
  return text;
}

// Byte tokens of the script differ from those of the vocabulary, and from each other, in what follows the `>`:
// llama.cpp reads a byte token's value from its fourth and fifth character, and looks bytes up by the whole text.
std::string numbered_byte_text(unsigned char byte, std::size_t number) {
  return byte_token_text(byte) + std::to_string(number);
}

std::string json_text(std::string_view text) { return boost::json::serialize(boost::json::string(text)); }

result<std::string> call_text(tool_call_script const& call) {
  boost::system::error_code problem;
  auto const arguments = boost::json::parse(call.arguments, problem);
  if (problem || !arguments.is_object()) {
    return fail(error_code::invalid_input, "the arguments of the tool call are not a JSON object: " + call.arguments,
                R"(Write them as in --tool-call get_weather '{"city": "Paris"}'.)");
  }
  return "<tool_call>\n{\"name\": " + json_text(call.name) + ", \"arguments\": " + call.arguments + "}\n</tool_call>";
}

std::set<std::string> texts_of(vocabulary const& words) {
  std::set<std::string> texts{after_result};
  for (auto const& token : words.tokens) texts.insert(token.text);
  return texts;
}

// The model while it is put together: its vocabulary, and for each token what follows it.
struct bigram_table {
  struct entry {
    std::uint32_t from = 0; // which unit vector
    std::uint32_t to = 0;   // token
    float score = 0;
  };

  vocabulary words = byte_vocabulary();
  std::vector<std::uint32_t> vector_of = std::vector<std::uint32_t>(words.size(), 0);
  std::uint32_t vectors = 1; // the first is that of all prompt tokens
  std::vector<entry> entries;
  std::set<std::string> used = texts_of(words);

  std::uint32_t add(std::string text, token_kind kind) {
    vector_of.push_back(vectors++);
    return words.add(std::move(text), kind);
  }

  void follow(std::uint32_t from, std::uint32_t to, float score = certain) { entries.push_back({from, to, score}); }
};

// Makes `text` what is said after a token whose vector is `from`.
void add_text(bigram_table& table, std::uint32_t from, std::string_view text) {
  std::uint32_t const start = from;
  std::uint32_t first = 0;
  for (auto const& piece : cut_script(text, table.used)) {
    auto const id = piece.byte ? table.add(numbered_byte_text(static_cast<unsigned char>(piece.text[0]), table.vectors),
                                           token_kind::byte)
                               : table.add(as_token_text(piece.text), token_kind::normal);
    table.follow(from, id);
    if (from == start) first = id;
    from = table.vector_of[id];
  }
  table.follow(from, vocabulary::end_of_turn);
  if (first != 0) table.follow(from, first, second_choice);
}

std::vector<float> embedding_of(bigram_table const& table, model_shape const& shape) {
  std::vector<float> weights(std::size_t{shape.vocabulary} * shape.dim);
  for (std::size_t id = 0; id < table.vector_of.size(); ++id) weights[id * shape.dim + table.vector_of[id]] = 1;
  return weights;
}

std::vector<float> output_of(bigram_table const& table, model_shape const& shape) {
  // The norm before the output matrix makes a unit vector sqrt(dim) long.
  float const length = std::sqrt(static_cast<float>(shape.dim));
  std::vector<float> weights(std::size_t{shape.vocabulary} * shape.dim);
  for (auto const& entry : table.entries) {
    weights[std::size_t{entry.to} * shape.dim + entry.from] = entry.score / length;
  }
  return weights;
}

std::vector<float> weights_of(tensor_spec const& spec, bigram_table const& table, model_shape const& shape) {
  if (spec.name == "token_embd.weight") return embedding_of(table, shape);
  if (spec.name == "output.weight") return output_of(table, shape);
  return std::vector<float>(static_cast<std::size_t>(spec.size()), spec.rows == 0 ? 1.0F : 0.0F);
}

model_shape shape_of(bigram_table const& table, std::uint32_t context) {
  model_shape shape;
  shape.dim = (table.vectors + vector_step - 1) / vector_step * vector_step;
  shape.layers = 1;
  shape.heads = shape.kv_heads = 1;
  shape.head_dim = vector_step;
  shape.feed_forward = vector_step;
  shape.vocabulary = table.words.size();
  shape.context = context;
  return shape;
}

result<bigram_table> make_table(script const& words) {
  bigram_table table;
  if (!words.call) {
    add_text(table, 0, words.text);
  } else {
    auto const call = call_text(*words.call);
    if (!call) return std::unexpected(call.error());
    add_text(table, 0, *call);
    auto const marker = table.add(after_result, token_kind::control);
    add_text(table, table.vector_of[marker], words.text);
  }
  if (table.vectors > max_script_tokens) {
    return fail(error_code::too_large, "the script has " + std::to_string(table.vectors) + " tokens; the limit is " +
                                           std::to_string(max_script_tokens));
  }
  return table;
}

} // namespace

std::vector<script_piece> cut_script(std::string_view text, std::set<std::string>& used) {
  std::vector<script_piece> pieces;
  while (!text.empty()) {
    auto length = word_length(text);
    while (length < text.size() && is_expressible(text.substr(0, length)) && !is_usable(text.substr(0, length), used)) {
      length += word_length(text.substr(length));
    }
    auto const piece = text.substr(0, length);
    if (is_usable(piece, used)) {
      used.emplace(piece);
      pieces.push_back({std::string(piece), false});
    } else {
      for (char const c : piece) pieces.push_back({std::string(1, c), true});
    }
    text.remove_prefix(length);
  }
  return pieces;
}

result<void> write_scripted_model(script const& words, std::uint32_t context, std::filesystem::path const& path) {
  if (!is_valid_utf8(words.text)) return fail(error_code::invalid_input, "the text is not valid UTF-8");
  auto const table = make_table(words);
  if (!table) return std::unexpected(table.error());
  auto const shape = shape_of(*table, context);
  if (auto const checked = check(shape, weight_type::f32); !checked) return checked;
  model_file file;
  describe_model(file, shape, weight_type::f32, "scripted",
                 words.call ? chat_template_marking_results(after_result) : chat_template());
  file.set_vocabulary(table->words);
  for (auto const& spec : tensors_of(shape)) file.add_tensor(spec, weight_type::f32, weights_of(spec, *table, shape));
  return file.write(path);
}

} // namespace paddler
