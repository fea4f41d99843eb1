#include "core/dispatch/prefix_index.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace paddler {
namespace {

constexpr std::uint16_t first_life = 1;

// Of so many hits the one with the fewest blocks gives way.
void keep_deepest(std::vector<prefix_hit>& hits, prefix_hit added) {
  auto const same = std::ranges::find(hits, added.engine, &prefix_hit::engine);
  if (same != hits.end()) {
    same->blocks = std::max(same->blocks, added.blocks);
    return;
  }
  if (hits.size() < max_prefix_hits) {
    hits.push_back(added);
    return;
  }
  auto const least = std::ranges::min_element(hits, {}, &prefix_hit::blocks);
  if (least->blocks < added.blocks) *least = added;
}

} // namespace

prefix_index::prefix_index(std::size_t max_blocks)
    : buckets_(std::bit_floor(std::max(max_blocks, bucket_size)) / bucket_size) {}

void prefix_index::insert(std::span<block_hash const> prompt, engine_ordinal engine) {
  ++now_;
  for (auto const block : prompt) insert(block, {engine, life_of(engine)});
}

void prefix_index::remove(std::span<block_hash const> blocks, engine_ordinal engine) {
  for (auto const block : blocks) {
    auto const place = place_of(block);
    if (!place) continue;
    for (auto& each : buckets_[place->bucket].held[place->at])
      if (each.engine == engine) each.life = 0;
  }
}

// Nothing of a former life with the same number may be left when the numbers begin anew.
void prefix_index::end(engine_ordinal engine) {
  auto const at = static_cast<std::size_t>(engine);
  if (at >= lives_.size()) lives_.resize(at + 1, first_life);
  if (lives_[at] < std::numeric_limits<std::uint16_t>::max()) {
    ++lives_[at];
    return;
  }
  for (auto& bucket : buckets_)
    for (auto& held : bucket.held)
      for (auto& each : held)
        if (each.engine == engine) each.life = 0;
  lives_[at] = first_life;
}

std::vector<prefix_hit> prefix_index::find(std::span<block_hash const> prompt) const {
  std::vector<prefix_hit> out;
  auto const has = [&](std::size_t depth) { return observe(prompt[depth - 1], depth, out); };
  std::size_t known = 0;                   // so many blocks somebody has
  std::size_t unknown = prompt.size() + 1; // and so many nobody
  for (std::size_t depth = 1; depth < unknown; depth *= 2) (has(depth) ? known : unknown) = depth;
  while (unknown - known > 1) {
    auto const depth = known + (unknown - known) / 2;
    (has(depth) ? known : unknown) = depth;
  }
  std::ranges::sort(out, [](prefix_hit const& a, prefix_hit const& b) {
    return a.blocks != b.blocks ? a.blocks > b.blocks : a.engine < b.engine;
  });
  return out;
}

std::uint16_t prefix_index::life_of(engine_ordinal engine) const {
  auto const at = static_cast<std::size_t>(engine);
  return at < lives_.size() ? lives_[at] : first_life;
}

bool prefix_index::has_live(holders const& of) const {
  return std::ranges::any_of(of, [this](holder const& each) { return is_live(each); });
}

std::optional<prefix_index::place> prefix_index::place_of(block_hash block) const {
  auto const bucket = bucket_of(block);
  auto const& in = buckets_[bucket].hashes;
  auto const at = std::ranges::find(in, block);
  if (at == in.end()) return std::nullopt;
  return place{bucket, static_cast<std::size_t>(at - in.begin())};
}

prefix_index::place prefix_index::place_for_new(block_hash block) const {
  auto const bucket = bucket_of(block);
  auto const& in = buckets_[bucket];
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < bucket_size; ++i) {
    if (!has_live(in.held[i])) return {bucket, i};
    if (now_ - in.inserted[i] > now_ - in.inserted[oldest]) oldest = i;
  }
  return {bucket, oldest};
}

void prefix_index::insert(block_hash block, holder added) {
  auto const known = place_of(block);
  auto const [bucket, at] = known ? *known : place_for_new(block);
  auto& held = buckets_[bucket].held[at];
  if (!known) held = {};
  buckets_[bucket].hashes[at] = block;
  buckets_[bucket].inserted[at] = now_;
  for (auto& each : held)
    if (each.engine == added.engine) each.life = 0;
  auto place = std::ranges::find_if(held, [this](holder const& each) { return !is_live(each); });
  if (place == held.end()) --place;
  std::move_backward(held.begin(), place, place + 1);
  held.front() = added;
}

// Whether anybody has the block; whoever has it is a hit.
bool prefix_index::observe(block_hash block, std::size_t depth, std::vector<prefix_hit>& out) const {
  auto const place = place_of(block);
  if (!place) return false;
  bool any = false;
  for (auto const& each : buckets_[place->bucket].held[place->at]) {
    if (!is_live(each)) continue;
    keep_deepest(out, {each.engine, depth});
    any = true;
  }
  return any;
}

} // namespace paddler
