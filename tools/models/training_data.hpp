// Token sequences arranged into the rows that the trainer works on.
#pragma once
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
  int rows = 4;
  int targets = 1024; // tokens of a batch whose prediction is learned

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

// Makes batches of an endless series of sequences. What is spoken is learned first; where a batch has less of it than
// `targets`, other tokens fill up.
class batch_maker {
public:
  // How many sequences are at hand to find one that fits into the rest of a row.
  static constexpr std::size_t choice = 48;

  batch_maker(batch_shape shape, std::function<token_sequence()> source) : shape_(shape), source_(std::move(source)) {}

  training_batch next();

private:
  struct filling {
    training_batch batch;
    std::vector<std::int32_t> others; // sources that are not spoken
  };

  void fill_row(filling& now, int row);
  void place(filling& now, int row, int at, token_sequence const& sequence);

  batch_shape shape_;
  std::function<token_sequence()> source_;
  std::vector<token_sequence> waiting_;
};

} // namespace paddler
