#include "models/loaded_model.hpp"
#include "models/random_model.hpp"
#include "models/test_files.hpp"

#include <gmock/gmock.h>
#include <llama.h>

#include <cmath>

namespace paddler {
namespace {

using testing::HasSubstr;

TEST(random_model, has_the_same_bytes_each_time_and_others_for_another_seed) {
  test_files files;
  random_model_options options;
  ASSERT_TRUE(write_random_model(options, files.path("a.gguf")));
  ASSERT_TRUE(write_random_model(options, files.path("b.gguf")));
  options.seed = 2;
  ASSERT_TRUE(write_random_model(options, files.path("c.gguf")));
  EXPECT_EQ(files.bytes("a.gguf"), files.bytes("b.gguf"));
  EXPECT_NE(files.bytes("a.gguf"), files.bytes("c.gguf"));
}

TEST(random_model, has_the_shape_it_is_given) {
  test_files files;
  random_model_options options;
  options.shape = {
      .dim = 128, .layers = 3, .heads = 4, .kv_heads = 2, .feed_forward = 96, .vocabulary = 1000, .context = 777};
  options.type = weight_type::q8_0;
  ASSERT_TRUE(write_random_model(options, files.path("model.gguf")));
  auto const model = loaded_model::load(files.path("model.gguf"));
  ASSERT_TRUE(model) << describe(model.error());
  auto const* const loaded = &model->model();
  EXPECT_EQ(llama_model_n_embd(loaded), 128);
  EXPECT_EQ(llama_model_n_layer(loaded), 3);
  EXPECT_EQ(llama_model_n_head(loaded), 4);
  EXPECT_EQ(llama_model_n_head_kv(loaded), 2);
  EXPECT_EQ(llama_model_n_ctx_train(loaded), 777);
  EXPECT_EQ(llama_vocab_n_tokens(llama_model_get_vocab(loaded)), 1000);
}

TEST(random_model, says_varied_words_for_as_long_as_it_may) {
  test_files files;
  for (auto const type : {weight_type::f32, weight_type::q8_0}) {
    random_model_options options;
    options.type = type;
    ASSERT_TRUE(write_random_model(options, files.path("model.gguf")));
    auto model = loaded_model::load(files.path("model.gguf"));
    ASSERT_TRUE(model) << describe(model.error());
    auto const one = model->complete("A prompt", 100).value();
    auto const other = model->complete("Another prompt", 100).value();
    EXPECT_GT(one.size(), 100U);
    EXPECT_NE(one, other);
  }
}

TEST(random_model, names_every_size_that_does_not_fit) {
  random_model_options options;
  options.shape = {.dim = 90, .heads = 4, .kv_heads = 3, .feed_forward = 33};
  options.type = weight_type::q8_0;
  auto const written = write_random_model(options, "never-written.gguf");
  ASSERT_FALSE(written);
  auto const words = describe(written.error());
  for (auto const* const name : {"dim", "heads", "ff"}) EXPECT_THAT(words, HasSubstr(name));
}

double similarity(std::vector<float> const& a, std::vector<float> const& b) {
  double product = 0;
  double length_a = 0;
  double length_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += double{a[i]} * double{b[i]};
    length_a += double{a[i]} * double{a[i]};
    length_b += double{b[i]} * double{b[i]};
  }
  return product / std::sqrt(length_a * length_b);
}

TEST(random_model, embeds_distinct_texts_distinctly) {
  test_files files;
  random_model_options options;
  options.embedding = true;
  ASSERT_TRUE(write_random_model(options, files.path("model.gguf")));
  auto model = loaded_model::load(files.path("model.gguf"), /*for_embeddings=*/true);
  ASSERT_TRUE(model) << describe(model.error());
  std::vector<std::vector<float>> vectors;
  for (auto const* const text : {"a cat sat on the mat", "a dog sat on the mat", "on the mat sat a cat", "Hello"}) {
    vectors.push_back(model->embed(text).value());
  }
  EXPECT_EQ(vectors[0].size(), options.shape.dim);
  EXPECT_EQ(vectors[0], model->embed("a cat sat on the mat").value());
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_LT(similarity(vectors[i], vectors[j]), 0.999);
  }
  EXPECT_GT(similarity(vectors[0], vectors[1]), similarity(vectors[0], vectors[3]));
}

} // namespace
} // namespace paddler
