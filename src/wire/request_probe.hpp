// Looks at the body of an inference request as it arrives: is it JSON, and what of it does routing need? Everything
// else is the engine's to judge. Keeps no document: its memory is bounded whatever the body is, its time linear in it.
#pragma once
#include "base/keyed_hash.hpp"
#include "base/result.hpp"
#include "model/prompt_block.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_request_depth = 64;
inline constexpr std::size_t max_model_name_bytes = 256;
inline constexpr int max_request_choices = 128; // of `n`

// From the body's top level. A null counts as left out, as clients send both.
struct probed_request {
  std::optional<std::string> model;
  std::optional<bool> stream;
  std::optional<int> n; // choices wanted, 1..max_request_choices
  bool has_messages = false;
  bool has_prompt = false;
  bool has_input = false;
  std::uint64_t prompt_bytes = 0;   // about what an engine has to read; see wire/prompt_blocks.hpp
  std::vector<block_hash> blocks{}; // of its beginning; none without a key
  friend bool operator==(probed_request const&, probed_request const&) = default;
};

// One for each body: `feed` its pieces, cut anywhere, then `finish`. After an error it gives only that error again.
//
// Errors: invalid_input, with the byte where it was noticed, for what is not JSON, not an object, nested deeper than
// max_request_depth, or has a field of the wrong kind or twice (fields[0].path then names the field): the balancer and
// the engine must not read the same body differently.
class request_probe {
public:
  // `key`: of the hashes of the prompt's blocks, if they are wanted.
  explicit request_probe(std::optional<hash_key> key = std::nullopt);
  ~request_probe();
  request_probe(request_probe&&) noexcept;
  request_probe& operator=(request_probe&&) noexcept;

  result<void> feed(std::string_view piece);
  result<probed_request> finish();

private:
  struct state;
  std::unique_ptr<state> state_;
};

// A whole body at once.
result<probed_request> probe_request(std::string_view body, std::optional<hash_key> key = std::nullopt);

} // namespace paddler
