#include "models/training_data.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace paddler {

training_batch batch_maker::next() {
  auto const size = static_cast<std::size_t>(shape_.size());
  auto const row_length = static_cast<std::size_t>(shape_.row_length);
  training_batch batch;
  batch.tokens.assign(size, 0);
  batch.positions.assign(size, 0);
  batch.mask.assign(size * row_length, -std::numeric_limits<float>::infinity());
  // Each token sees at least itself, unused places too: a softmax over nothing is not a number.
  for (std::size_t i = 0; i < size; ++i) batch.mask[i * row_length + i % row_length] = 0;
  spoken_.clear();
  for (int row = 0; row < shape_.rows; ++row) fill_row(batch, row);
  choose_sources(batch);
  for (auto const source : batch.sources) batch.labels.push_back(batch.tokens[static_cast<std::size_t>(source) + 1]);
  return batch;
}

void batch_maker::choose_sources(training_batch& batch) {
  choose_.shuffle(spoken_);
  auto& sources = batch.sources;
  sources = spoken_;
  auto const targets = static_cast<std::size_t>(shape_.targets);
  sources.reserve(std::max(targets, sources.size()));
  for (std::size_t i = 0; sources.size() < targets; ++i) sources.push_back(sources[i]);
  sources.resize(targets);
}

void batch_maker::fill_row(training_batch& batch, int row) {
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
    place(batch, row, at, *chosen);
    at += static_cast<int>(chosen->tokens.size());
    waiting_.erase(chosen);
  }
}

void batch_maker::place(training_batch& batch, int row, int at, token_sequence const& sequence) {
  auto const length = static_cast<int>(sequence.tokens.size());
  auto const first = row * shape_.row_length + at;
  for (int i = 0; i < length; ++i) {
    auto const index = static_cast<std::size_t>(first) + static_cast<std::size_t>(i);
    batch.tokens[index] = sequence.tokens[static_cast<std::size_t>(i)];
    batch.positions[index] = i;
    auto const mask_row = index * static_cast<std::size_t>(shape_.row_length) + static_cast<std::size_t>(at);
    std::fill_n(batch.mask.begin() + static_cast<std::ptrdiff_t>(mask_row), i + 1, 0.0F);
    auto const next = static_cast<std::size_t>(i) + 1;
    if (next == sequence.tokens.size() || !sequence.spoken[next]) continue;
    spoken_.push_back(first + i);
  }
}

} // namespace paddler
