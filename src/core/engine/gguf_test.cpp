#include "base/random.hpp"
#include "core/engine/gguf.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <vector>

namespace paddler {
namespace {

// Writes GGUF as the format's page describes it, and whatever else a test asks for.
class gguf_writer {
public:
  gguf_writer& key(std::string const& name, std::uint32_t type) {
    ++keys_;
    put_text(entries_, name);
    put(entries_, type);
    return *this;
  }

  gguf_writer& text(std::string const& name, std::string const& value) {
    key(name, 8);
    put_text(entries_, value);
    return *this;
  }

  gguf_writer& u32(std::string const& name, std::uint32_t value) {
    key(name, 4);
    put(entries_, value);
    return *this;
  }

  gguf_writer& texts(std::string const& name, std::uint64_t declared, std::vector<std::string> const& values) {
    key(name, 9);
    put(entries_, std::uint32_t{8});
    put(entries_, declared);
    for (auto const& value : values) put_text(entries_, value);
    return *this;
  }

  gguf_writer& u32s(std::string const& name, std::vector<std::uint32_t> const& values, std::uint32_t type = 4) {
    key(name, 9);
    put(entries_, type);
    put(entries_, std::uint64_t{values.size()});
    for (auto value : values) put(entries_, value);
    return *this;
  }

  gguf_writer& tensor(std::string const& name, std::vector<std::uint64_t> const& shape, std::uint32_t type,
                      std::uint64_t offset) {
    ++tensors_;
    put_text(infos_, name);
    put(infos_, static_cast<std::uint32_t>(shape.size()));
    for (auto extent : shape) put(infos_, extent);
    put(infos_, type);
    put(infos_, offset);
    return *this;
  }

  // The value of the key before.
  template <class T> gguf_writer& raw(T value) {
    put(entries_, value);
    return *this;
  }

  std::string file(std::size_t data_bytes, std::uint32_t version = 3) const {
    std::string out = "GGUF";
    put(out, version);
    put(out, tensors_);
    put(out, keys_);
    out += entries_ + infos_;
    out.resize((out.size() + 31) / 32 * 32);
    return out + std::string(data_bytes, 'w');
  }

  template <class T> static void put(std::string& out, T value) {
    out.append(reinterpret_cast<char const*>(&value), sizeof value);
  }

private:
  static void put_text(std::string& out, std::string const& text) {
    put(out, std::uint64_t{text.size()});
    out += text;
  }

  std::uint64_t keys_ = 0, tensors_ = 0;
  std::string entries_, infos_;
};

gguf_parse_result parse(std::string const& bytes, std::uint64_t file_bytes) {
  return parse_gguf(std::as_bytes(std::span(bytes)), file_bytes);
}

gguf_parse_result parse(std::string const& bytes) { return parse(bytes, bytes.size()); }

std::string problem(std::string const& bytes) {
  auto const parsed = parse(bytes);
  auto const* wrong = std::get_if<error>(&parsed);
  return wrong == nullptr ? "no error" : wrong->message;
}

gguf_writer chat_model() {
  gguf_writer out;
  out.text("general.architecture", "llama").text("general.name", "tiny").u32("llama.context_length", 512);
  out.u32("llama.embedding_length", 64).u32("llama.block_count", 3).u32("llama.attention.head_count", 4);
  out.u32s("llama.attention.head_count_kv", {2, 1, 2}).texts("tokenizer.ggml.tokens", 2, {"a", "bb"});
  out.text("tokenizer.chat_template", "{{ messages }}");
  return out;
}

std::string good_file() {
  return chat_model().tensor("a.weight", {32, 2}, 0, 0).tensor("b.weight", {64}, 8, 256).file(256 + 2 * 34);
}

TEST(Gguf, TellsWhatAModelIs) {
  auto const parsed = parse(good_file());
  ASSERT_TRUE(std::holds_alternative<gguf_info>(parsed)) << problem(good_file());
  auto const& info = std::get<gguf_info>(parsed);
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.name, "tiny");
  EXPECT_EQ(info.type, "model");
  EXPECT_EQ(info.context_length, 512U);
  EXPECT_EQ(info.head_count_kv, 2U);
  EXPECT_EQ(info.key_length, 16U);
  EXPECT_TRUE(info.has_chat_template);
  EXPECT_EQ(info.tensor_count, 2U);
  EXPECT_EQ(info.parameter_count, 128U);
  EXPECT_EQ(info.tensor_bytes, 256U + 68U);
  EXPECT_FALSE(is_embedding_model(info));
  EXPECT_EQ(kv_cache_bytes(info, 100), 2U * 32 * 2 * 3 * 100);
}

TEST(Gguf, KnowsEmbeddingModels) {
  gguf_info info;
  info.architecture = "bert";
  EXPECT_TRUE(is_embedding_model(info));
  auto const pooled = chat_model().u32("llama.pooling_type", 3).tensor("t", {1}, 0, 0).file(4);
  info = std::get<gguf_info>(parse(pooled));
  EXPECT_EQ(info.pooling, embedding_pooling::last);
  EXPECT_TRUE(is_embedding_model(info));
}

// What a file says beside the usual, and what it leaves out.
TEST(Gguf, TakesWhatIsGivenAndDerivesWhatIsNot) {
  auto const read = [](gguf_writer out) { return std::get<gguf_info>(parse(out.tensor("t", {1}, 0, 0).file(4))); };
  EXPECT_EQ(read(chat_model().u32("split.count", 3)).split_count, 3U);
  EXPECT_FALSE(read(chat_model().u32("llama.attention.causal", 0)).causal);
  EXPECT_TRUE(read(chat_model().u32("llama.attention.causal", 1)).causal);
  auto const given = read(chat_model().u32("llama.attention.key_length", 5).u32("llama.attention.value_length", 6));
  EXPECT_EQ(given.key_length, 5U);
  EXPECT_EQ(given.value_length, 6U);
  EXPECT_EQ(read(chat_model().u32("llama.pooling_type", 99)).pooling, std::nullopt) << "a newer one";
  EXPECT_EQ(read(chat_model().text("split.count", "two")).split_count, 0U) << "no number";
  EXPECT_EQ(read(chat_model().u32s("many", std::vector<std::uint32_t>(5'000, 1))).block_count, 3U) << "passed over";
  auto const bare = read(gguf_writer().text("general.architecture", "x"));
  EXPECT_EQ(bare.key_length, 0U);
  EXPECT_EQ(bare.head_count_kv, 0U);
  auto negative = chat_model().key("llama.rope.dimension_count", 5); // i32
  EXPECT_EQ(std::get<gguf_info>(parse(negative.raw(std::int32_t{-1}).tensor("t", {1}, 0, 0).file(4))).block_count, 3U);
}

TEST(Gguf, VersionTwoIsReadToo) {
  auto const parsed = parse(chat_model().tensor("t", {1}, 0, 0).file(4, 2));
  ASSERT_TRUE(std::holds_alternative<gguf_info>(parsed));
  EXPECT_EQ(std::get<gguf_info>(parsed).version, 2U);
}

TEST(Gguf, WhatMakesVectors) {
  struct row {
    std::string architecture;
    std::optional<embedding_pooling> pooling;
    bool causal;
    bool makes_vectors;
  };

  using enum embedding_pooling;
  for (auto const& [architecture, pooling, causal, makes_vectors] : std::vector<row>{
           {"llama", std::nullopt, true, false},
           {"llama", none, true, false},
           {"llama", last, true, true},
           {"llama", rank, true, true},
           {"llama", std::nullopt, false, true},
           {"bert", std::nullopt, true, true},
           {"nomic-bert", none, true, true},
           {"modern-bert", mean, false, true},
       }) {
    gguf_info info;
    info.architecture = architecture;
    info.pooling = pooling;
    info.causal = causal;
    EXPECT_EQ(is_embedding_model(info), makes_vectors) << architecture;
  }
}

TEST(Gguf, WhoAsksForVectorsOfATextModelGetsThoseOfTheLastToken) {
  engine_spec spec;
  spec.embedding = true;
  gguf_info text;
  text.context_length = 1'000'000;
  EXPECT_EQ(fit_to_model(spec, text).pooling, embedding_pooling::last);
  EXPECT_EQ(fit_to_model(spec, text).context_per_slot, spec.context_per_slot) << "less than it was trained for";
  spec.pooling = embedding_pooling::cls;
  EXPECT_EQ(fit_to_model(spec, text).pooling, embedding_pooling::cls) << "as it was asked for";
}

TEST(Gguf, SpecificationsAreFittedToTheModel) {
  engine_spec spec;
  spec.context_per_slot = 4096;
  gguf_info info;
  info.architecture = "bert";
  info.context_length = 512;
  auto const fitted = fit_to_model(spec, info);
  EXPECT_TRUE(fitted.embedding);
  EXPECT_EQ(fitted.pooling, embedding_pooling::mean);
  EXPECT_EQ(fitted.context_per_slot, 512);
  info.pooling = embedding_pooling::cls;
  EXPECT_EQ(fit_to_model(spec, info).pooling, std::nullopt) << "the file's own is used";
  EXPECT_EQ(fit_to_model(spec, gguf_info{}), spec);
}

TEST(Gguf, AsksForMoreUntilTheHeaderIsThere) {
  std::string const file = good_file();
  std::uint64_t window = 4;
  int rounds = 0;
  for (;; ++rounds) {
    auto const parsed = parse(file.substr(0, window), file.size());
    if (std::holds_alternative<gguf_info>(parsed)) break;
    ASSERT_TRUE(std::holds_alternative<gguf_needs_more>(parsed));
    auto const more = std::get<gguf_needs_more>(parsed).bytes;
    ASSERT_GT(more, window);
    ASSERT_LE(more, file.size());
    window = more;
  }
  EXPECT_GT(rounds, 5);
  EXPECT_LT(window, file.size()) << "the tensors themselves are not read";
}

TEST(Gguf, EveryCutIsFound) {
  std::string const file = good_file();
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_NE(problem(file.substr(0, length)), "no error") << length;
}

TEST(Gguf, NoDamagedByteCrashesIt) {
  random_source random(1);
  std::string const file = good_file();
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = file;
    for (int n = 0; n < 3; ++n) damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    parse(damaged);
  }
}

struct bad_file {
  std::string what;
  std::string bytes;
  std::string message; // a part of it
};

std::string patched(std::string file, std::size_t at, auto value) {
  std::memcpy(file.data() + at, &value, sizeof value);
  return file;
}

TEST(Gguf, SaysWhatIsWrong) {
  constexpr std::uint64_t huge = 1ULL << 60;
  for (auto const& [what, bytes, message] : std::vector<bad_file>{
           {"empty", "", "is empty"},
           {"short", "GG", "is not a GGUF file"},
           {"text", "This is not a model.\n", "is not a GGUF file"},
           {"version 1", chat_model().file(0, 1), "version 1"},
           {"version 99", chat_model().file(0, 99), "version 99"},
           {"big-endian", chat_model().file(0, 0x03000000), "big-endian"},
           {"tensor count", patched(good_file(), 8, huge), "declares 1152921504606846976 tensors"},
           {"entry count", patched(good_file(), 16, huge), "declares 1152921504606846976 metadata entries"},
           {"key length", patched(good_file(), 24, huge), "declares a key of 1152921504606846976 bytes"},
           {"array", chat_model().texts("x", huge, {}).file(0), "declares 1152921504606846976 elements in 'x'"},
           {"nested array", chat_model().u32s("x", {1}, 9).file(64), "nests arrays in 'x'"},
           {"value type", chat_model().key("x", 13).file(64), "unknown type 13 in 'x'"},
           {"no architecture", gguf_writer().text("general.name", "x").tensor("t", {1}, 0, 0).file(4), "does not name"},
           {"twice", chat_model().text("general.name", "x").file(0), "names 'general.name' twice"},
           {"alignment 0", chat_model().u32("general.alignment", 0).file(0), "alignment"},
           {"alignment 48", chat_model().u32("general.alignment", 48).file(0), "alignment"},
           {"alignment 2 GiB", chat_model().u32("general.alignment", 1U << 31).file(0), "alignment"},
           {"no tensors", chat_model().file(0), "holds no tensors"},
           {"dimensions", chat_model().tensor("t", {1, 1, 1, 1, 1}, 0, 0).file(4), "gives tensor 't' 5 dimensions"},
           {"elements", chat_model().tensor("t", {huge, huge}, 0, 0).file(4), "more elements than can be counted"},
           {"bytes", chat_model().tensor("t", {huge, 7}, 27, 0).file(4), "more bytes than can be counted"},
           {"block", chat_model().tensor("t", {31}, 8, 0).file(64), "blocks that its rows do not fill"},
           {"offset", chat_model().tensor("t", {1}, 0, 64).file(4), "is cut short: tensor 't'"},
           {"offset overflow", chat_model().tensor("t", {8}, 0, ~0ULL - 31).file(4), "is cut short: tensor 't'"},
           {"off alignment", chat_model().tensor("t", {1}, 0, 1).file(8), "off its alignment"},
           {"tensor twice", chat_model().tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 0).file(8),
            "names tensor 't' twice"},
           {"tensor name", chat_model().tensor(std::string(64, 'n'), {1}, 0, 0).file(4), "a tensor name of 64 bytes"},
           {"projector", gguf_writer().text("general.architecture", "clip").file(64), "multimodal projector"},
           {"alignment as text", chat_model().text("general.alignment", "32").file(0), "alignment"},
           {"importance matrix", chat_model().text("general.type", "imatrix").tensor("t", {1}, 0, 0).file(4),
            "importance matrix"},
           {"projector by type", chat_model().text("general.type", "mmproj").tensor("t", {1}, 0, 0).file(4),
            "multimodal projector"},
           {"adapter", chat_model().text("general.type", "adapter").tensor("t", {1}, 0, 0).file(4), "LoRA adapter"},
       })
    EXPECT_NE(problem(bytes).find(message), std::string::npos) << what << ": " << problem(bytes);
}

TEST(Gguf, LeavesTypesItDoesNotKnowToTheEngine) {
  auto const file = chat_model().tensor("t", {1000}, 77, 0).file(4);
  EXPECT_EQ(problem(file), "no error");
}

TEST(Gguf, CountsTheLargestCacheWithoutOverflow) {
  gguf_info info;
  info.key_length = info.value_length = info.head_count_kv = info.block_count = ~0U;
  EXPECT_EQ(kv_cache_bytes(info, ~0ULL), ~0ULL);
}

} // namespace
} // namespace paddler
