// Which engines have read which beginnings of prompts, by the hashes of their blocks (`wire/prompt_blocks.hpp`): where
// a request goes that begins alike, the engine need not read that beginning again. What was sent to an engine, as far
// as is remembered; what the engine still has of it is the engine's to say. A hint, and bounded.
//
// Per engine, not per slot: an engine picks the slot with the longest common beginning itself, and has a cache of its
// own behind its slots.
//
// A table of buckets of eight blocks. The hash of a block says which bucket is its; there it takes the place of a block
// that no engine has any more, or else of the one that was inserted least recently. So nothing is ever moved, a look
// costs two or three lines of the processor's cache, and memory is what it was made with: 28 bytes a block. A block
// knows the newest `max_block_holders` engines that were given it.
//
// An engine's end costs nothing: what is remembered of it carries the number of its life, which has then passed.
//
// Pure. Owned by one thread.
#pragma once
#include "model/prompt_block.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_block_holders = 4;
inline constexpr std::size_t max_prefix_hits = 8;

// An engine among those of a balancer; whoever counts them may give one to another engine after `end`.
enum class engine_ordinal : std::uint16_t {};

struct prefix_hit {
  engine_ordinal engine{};
  std::size_t blocks = 0; // of the prompt, from its beginning, which the engine has read; it may be more
  friend bool operator==(prefix_hit const&, prefix_hit const&) = default;
};

class prefix_index {
public:
  // Holds that many blocks, rounded down to a power of two, but at least eight.
  explicit prefix_index(std::size_t max_blocks);

  // The engine is given the prompt, or has read it.
  void insert(std::span<block_hash const> prompt, engine_ordinal engine);

  // The engine turned out not to have these blocks.
  void remove(std::span<block_hash const> blocks, engine_ordinal engine);

  // It has none any more. O(1), but for one end in 65,535 of the same ordinal.
  void end(engine_ordinal engine);

  // Engines that have read the beginning of the prompt, those first that have read most of it. Some twenty looks: at
  // blocks 1, 2, 4, ... as far as anybody has them, then by halves to the last one. The most that any engine has is
  // exact, unless a block on the way was forgotten; of the others it is a lower bound.
  [[nodiscard]] std::vector<prefix_hit> find(std::span<block_hash const> prompt) const;

  [[nodiscard]] std::size_t capacity() const { return buckets_.size() * bucket_size; }

  // Of the whole table, which never grows.
  [[nodiscard]] std::size_t bytes() const { return buckets_.size() * sizeof(bucket); }

private:
  static constexpr std::size_t bucket_size = 8;

  struct holder {
    engine_ordinal engine{};
    std::uint16_t life = 0; // 0: nobody
  };

  using holders = std::array<holder, max_block_holders>; // the newest first

  // The time is that of the newest insertion. It goes round: what was not inserted again for four billion of them may
  // then count as new.
  struct bucket {
    std::array<block_hash, bucket_size> hashes{};
    std::array<holders, bucket_size> held{};
    std::array<std::uint32_t, bucket_size> inserted{};
  };

  struct place {
    std::size_t bucket = 0;
    std::size_t at = 0;
  };

  [[nodiscard]] std::size_t bucket_of(block_hash block) const {
    return static_cast<std::uint64_t>(block) & (buckets_.size() - 1);
  }

  [[nodiscard]] std::uint16_t life_of(engine_ordinal engine) const;

  [[nodiscard]] bool is_live(holder const& each) const { return each.life != 0 && each.life == life_of(each.engine); }

  [[nodiscard]] bool has_live(holders const& of) const;
  [[nodiscard]] std::optional<place> place_of(block_hash block) const;
  [[nodiscard]] place place_for_new(block_hash block) const;
  void insert(block_hash block, holder added);
  [[nodiscard]] bool observe(block_hash block, std::size_t depth, std::vector<prefix_hit>& out) const;

  std::vector<bucket> buckets_;
  std::vector<std::uint16_t> lives_; // by ordinal; those beyond are in their first
  std::uint32_t now_ = 0;            // insertions
};

} // namespace paddler
