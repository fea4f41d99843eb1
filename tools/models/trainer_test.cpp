#include "models/trainer.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace paddler {
namespace {

constexpr batch_shape small{.row_length = 16, .rows = 2, .targets = 12};

token_sequence counting(int from, int length) {
  token_sequence made;
  for (int i = 0; i < length; ++i) made.tokens.push_back(from + i);
  made.spoken.assign(made.tokens.size(), false);
  for (std::size_t i = made.spoken.size() / 2; i < made.spoken.size(); ++i) made.spoken[i] = true;
  return made;
}

TEST(batch_maker, lays_sequences_side_by_side_and_apart) {
  int next = 0;
  batch_maker maker(small, [&] { return counting(10 * (++next % 5), 8); });
  auto const batch = maker.next();
  ASSERT_EQ(batch.tokens.size(), 32U);
  for (std::size_t i = 0; i < batch.tokens.size(); ++i) EXPECT_EQ(batch.positions[i], static_cast<int>(i) % 8);
  auto const sees = [&](std::size_t row, std::size_t from, std::size_t to) {
    return batch.mask[(row * 16 + from) * 16 + to] == 0.0F;
  };
  EXPECT_TRUE(sees(0, 5, 5));
  EXPECT_TRUE(sees(0, 5, 0));
  EXPECT_FALSE(sees(0, 5, 6)) << "a token must not see what follows it";
  EXPECT_FALSE(sees(1, 9, 7)) << "a token must not see another sequence";
  EXPECT_TRUE(sees(1, 9, 8));
}

TEST(batch_maker, learns_only_what_is_spoken) {
  batch_maker maker(small, [] { return counting(40, 8); });
  auto const batch = maker.next();
  ASSERT_EQ(batch.sources.size(), 12U);
  for (std::size_t i = 0; i < batch.sources.size(); ++i) {
    auto const source = static_cast<std::size_t>(batch.sources[i]);
    EXPECT_EQ(batch.labels[i], batch.tokens[source + 1]);
    EXPECT_GE(batch.positions[source], 3);
  }
}

training_options tiny_training() {
  return {.shape = {.dim = 32, .layers = 1, .heads = 2, .kv_heads = 2, .feed_forward = 32, .vocabulary = 64},
          .batch = small,
          .steps = 150,
          .peak_rate = 1e-2F};
}

std::vector<training_progress> train(trainer& model) {
  int next = 0;
  batch_maker maker(small, [&] { return counting(10 * (++next % 5), 8); });
  std::vector<training_progress> progress;
  model.run([&] { return maker.next(); }, [&](training_progress const& now) { progress.push_back(now); });
  return progress;
}

TEST(trainer, learns_to_count) {
  trainer model(tiny_training());
  auto const progress = train(model);
  ASSERT_EQ(progress.size(), 3U);
  EXPECT_LT(progress.back().loss, 0.1);
  EXPECT_GT(progress.back().accuracy, 0.99);
}

TEST(trainer, comes_to_the_same_weights_each_time) {
  auto options = tiny_training();
  options.steps = 5;
  trainer one(options);
  trainer other(options);
  train(one);
  train(other);
  for (auto const& spec : tensors_of(options.shape)) EXPECT_EQ(one.weights(spec.name), other.weights(spec.name));
}

} // namespace
} // namespace paddler
