// Trains a model of the llama architecture from random weights: a forward graph of our own without a KV cache, ggml's
// derivatives, and AdamW (Loshchilov, Hutter 2019). llama.cpp's own training functions cannot do this: they leave out
// the token embedding, and keys and values get no gradient through the cache.
#pragma once
#include "models/architecture.hpp"
#include "models/training_data.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace paddler {

struct training_options {
  model_shape shape; // with as many kv_heads as heads
  batch_shape batch;
  int steps = 6000;
  float peak_rate = 3e-3F; // of learning; rises to it over a twentieth of the steps and falls to nothing by a cosine
  float weight_decay = 0.02F;
  int threads = 1; // other numbers of threads may give other bytes
  std::uint64_t seed = 1;
};

struct training_progress {
  int step = 0;        // done
  double loss = 0;     // mean cross entropy since the last report
  double accuracy = 0; // share of tokens that were the likeliest
};

// One thread calls it.
class trainer {
public:
  static constexpr int report_every = 50;

  explicit trainer(training_options const& options);
  ~trainer();
  trainer(trainer const&) = delete;
  trainer& operator=(trainer const&) = delete;

  void run(std::function<training_batch()> const& next, std::function<void(training_progress const&)> const& report);

  // The weights of each tensor of tensors_of(shape), row by row.
  std::vector<float> weights(std::string const& tensor) const;

private:
  struct implementation;
  std::unique_ptr<implementation> inside_;
};

} // namespace paddler
