// Token sequences arranged into the rows that the trainer works on.
#pragma once
#include "models/phrasing.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace paddler {

// One conversation as tokens. `spoken[i]` says that token i is said by the assistant, which is what is to be learned.
struct token_sequence {
  std::vector<std::int32_t> tokens;
  std::vector<bool> spoken;
};

struct batch_shape {
  int row_length = 512; // tokens in a row; a longer sequence is left out
  int rows = 2;         // few: for the same work, many small steps learn more than few large ones
  int targets = 320;    // tokens of a batch whose prediction is learned

  int size() const { return row_length * rows; }
};

// Several sequences lie one after another in a row; each begins at position 0 and sees only itself, as at inference.
struct training_batch {
  std::vector<std::int32_t> tokens;    // size()
  std::vector<std::int32_t> positions; // size(), in the token's own sequence
  std::vector<float> mask;             // for each row, token and token: 0 where the first sees the second, else -inf
  std::vector<std::int32_t> sources;   // `targets` indices of tokens after which ...
  std::vector<std::int32_t> labels;    // ... this token comes
};

// Makes batches of an endless series of sequences. Only what is spoken is learned: what users say cannot be foretold,
// and trying to would drown the rest in noise. Where a batch has more than `targets`, some is left out by chance; where
// it has less, some is taken twice. The series has to speak in every batch.
class batch_maker {
public:
  // How many sequences are at hand to find one that fits into the rest of a row.
  static constexpr std::size_t choice = 48;

  batch_maker(batch_shape shape, std::function<token_sequence()> source) : shape_(shape), source_(std::move(source)) {}

  training_batch next();

private:
  void fill_row(training_batch& batch, int row);
  void choose_sources(training_batch& batch);
  void place(training_batch& batch, int row, int at, token_sequence const& sequence);

  batch_shape shape_;
  std::function<token_sequence()> source_;
  std::vector<token_sequence> waiting_;
  chooser choose_{0};
  std::vector<std::int32_t> spoken_; // sources of this batch
};

} // namespace paddler
