#include "wire/prompt_blocks.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

using namespace std::string_view_literals;

constexpr std::array prompt_fields{"messages"sv, "prompt"sv, "input"sv};
constexpr std::array leading_fields{"system"sv, "instructions"sv};
constexpr std::array setting_fields{"tools"sv, "model"sv, "chat_template_kwargs"sv};
constexpr std::array left_out{"type"sv, "cache_control"sv}; // with their values

// Bytes that are in no UTF-8.
constexpr auto end_of_key = "\xFF"sv;
constexpr auto end_of_text = "\xFE"sv;
constexpr auto end_of_word = "\xFD"sv;

template <class Names> bool is_one_of(Names const& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

} // namespace

prompt_blocks::prompt_blocks(std::optional<hash_key> key) {
  if (!key) return;
  prompt_.emplace(*key);
  settings_.emplace(*key);
}

void prompt_blocks::begin_field(std::string_view name) {
  bool const is_prompt = is_one_of(prompt_fields, name);
  bool const is_leading = is_one_of(leading_fields, name);
  to_ = destination::nowhere;
  if (is_prompt || (is_leading && !prompt_began_))
    to_ = destination::prompt;
  else if (is_leading || is_one_of(setting_fields, name))
    to_ = destination::settings;
  prompt_began_ = prompt_began_ || is_prompt;
  depth_ = 0;
  skipped_at_ = 0;
  if (!is_wanted()) return;
  add(name);
  add(end_of_key);
}

void prompt_blocks::open() { ++depth_; }

void prompt_blocks::close() {
  --depth_;
  if (depth_ < skipped_at_) skipped_at_ = 0;
}

void prompt_blocks::key(std::string_view name) {
  if (depth_ <= skipped_at_) skipped_at_ = 0;
  if (!is_wanted()) return;
  if (to_ == destination::prompt) {
    if (is_one_of(left_out, name)) skipped_at_ = depth_;
    if (name == "text" || skipped_at_ != 0) return;
  }
  add(name);
  add(end_of_key);
}

void prompt_blocks::text_part(std::string_view part) {
  if (is_wanted()) add(part);
}

void prompt_blocks::end_text() {
  if (is_wanted()) add(end_of_text);
}

void prompt_blocks::word(std::string_view value) {
  if (!is_wanted()) return;
  add(value);
  add(end_of_word);
}

void prompt_blocks::add(std::string_view bytes) {
  if (to_ == destination::settings) {
    if (settings_) settings_->add(bytes);
    return;
  }
  auto at = prompt_bytes_;
  prompt_bytes_ += bytes.size();
  while (prompt_ && !bytes.empty() && chain_.size() < max_prompt_blocks) {
    auto const piece = bytes.substr(0, prompt_block_bytes - at % prompt_block_bytes);
    prompt_->add(piece);
    at += piece.size();
    bytes.remove_prefix(piece.size());
    if (at % prompt_block_bytes == 0) chain_.push_back(prompt_->value());
  }
}

std::vector<block_hash> prompt_blocks::hashes() const {
  std::vector<block_hash> out;
  out.reserve(chain_.size());
  auto const settings = settings_ ? settings_->value() : 0;
  for (auto const each : chain_) out.push_back(block_hash{each ^ settings});
  return out;
}

} // namespace paddler
