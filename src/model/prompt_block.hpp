// The beginnings of prompts, as what routing compares: `wire/prompt_blocks.hpp` makes them,
// `core/dispatch/prefix_index.hpp` remembers where they went.
#pragma once
#include <cstddef>
#include <cstdint>

namespace paddler {

inline constexpr std::size_t prompt_block_bytes = 256;
inline constexpr std::size_t max_prompt_blocks = 1024; // of one prompt; what comes after them is not looked at

// Of a prompt from its beginning to the end of one of its blocks.
enum class block_hash : std::uint64_t {};

} // namespace paddler
