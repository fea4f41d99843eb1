// Models that say exactly what they are told, at any sampler setting: for end-to-end tests through the real engine.
#pragma once
#include "base/result.hpp"
#include "models/model_file.hpp"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct tool_call_script {
  std::string name;
  std::string arguments; // a JSON object
};

// What the model answers. With both parts it calls the tool first, and says the text once the conversation ends in a
// tool's result; so a client's whole tool loop can be tested.
struct script {
  std::string text;
  std::optional<tool_call_script> call;
};

// What limits a model's size: its width is the number of tokens that the script has.
inline constexpr std::size_t max_script_tokens = 2000;

// A piece of the script: one token. `byte` pieces are single bytes.
struct script_piece {
  std::string text;
  bool byte = false;
  friend bool operator==(script_piece const&, script_piece const&) = default;
};

// Cuts `text` into tokens, mostly a word each; joined, they are `text`. Pieces that are not bytes are unlike each other
// and all in `used`, to which they are added.
std::vector<script_piece> cut_script(std::string_view text, std::set<std::string>& used);

result<void> write_scripted_model(script const& words, std::uint32_t context, std::filesystem::path const& path);

} // namespace paddler
