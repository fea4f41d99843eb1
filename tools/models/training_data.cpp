#include "models/training_data.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace paddler {

training_batch batch_maker::next() {
  auto const size = static_cast<std::size_t>(shape_.size());
  filling now;
  now.batch.tokens.assign(size, 0);
  now.batch.positions.assign(size, 0);
  now.batch.mask.assign(size * static_cast<std::size_t>(shape_.row_length), -std::numeric_limits<float>::infinity());
  // Each token sees at least itself, unused places too: a softmax over nothing is not a number.
  for (std::size_t i = 0; i < size; ++i) {
    now.batch.mask[i * static_cast<std::size_t>(shape_.row_length) + i % static_cast<std::size_t>(shape_.row_length)] =
        0;
  }
  for (int row = 0; row < shape_.rows; ++row) fill_row(now, row);
  auto& sources = now.batch.sources;
  sources.insert(sources.end(), now.others.begin(), now.others.end());
  sources.resize(static_cast<std::size_t>(shape_.targets), sources.front());
  for (auto const source : sources) now.batch.labels.push_back(now.batch.tokens[static_cast<std::size_t>(source) + 1]);
  return std::move(now.batch);
}

void batch_maker::fill_row(filling& now, int row) {
  for (int at = 0; at < shape_.row_length;) {
    while (waiting_.size() < choice) {
      if (auto sequence = source_(); std::cmp_less_equal(sequence.tokens.size(), shape_.row_length)) {
        waiting_.push_back(std::move(sequence));
      }
    }
    // The longest that fits; at the start of a row, the one that has waited longest.
    auto chosen = waiting_.begin();
    auto const room = static_cast<std::size_t>(shape_.row_length - at);
    auto const usable = [room](token_sequence const& s) { return s.tokens.size() <= room ? s.tokens.size() : 0; };
    if (at > 0) chosen = std::ranges::max_element(waiting_, {}, usable);
    if (usable(*chosen) == 0) return;
    place(now, row, at, *chosen);
    at += static_cast<int>(chosen->tokens.size());
    waiting_.erase(chosen);
  }
}

void batch_maker::place(filling& now, int row, int at, token_sequence const& sequence) {
  auto const length = static_cast<int>(sequence.tokens.size());
  auto const first = row * shape_.row_length + at;
  for (int i = 0; i < length; ++i) {
    auto const index = static_cast<std::size_t>(first + i);
    now.batch.tokens[index] = sequence.tokens[static_cast<std::size_t>(i)];
    now.batch.positions[index] = i;
    auto const mask_row = index * static_cast<std::size_t>(shape_.row_length) + static_cast<std::size_t>(at);
    std::fill_n(now.batch.mask.begin() + static_cast<std::ptrdiff_t>(mask_row), i + 1, 0.0F);
    if (i + 1 == length) continue;
    auto& sources = sequence.spoken[static_cast<std::size_t>(i) + 1] ? now.batch.sources : now.others;
    sources.push_back(first + i);
  }
}

} // namespace paddler
