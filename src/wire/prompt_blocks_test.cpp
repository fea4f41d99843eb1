#include "base/random.hpp"
#include "wire/request_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

using blocks = std::vector<block_hash>;

constexpr hash_key key{1, 2};
std::string const long_text(1'000, 'x');

probed_request probed(std::string_view body) {
  auto found = probe_request(body, key);
  EXPECT_TRUE(found) << body << "\n" << (found ? "" : describe(found.error()));
  return std::move(found).value_or(probed_request{});
}

blocks blocks_of(std::string_view body) { return probed(body).blocks; }

std::size_t shared(blocks const& a, blocks const& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// --- a law: whatever the body, however it is cut, the hashes are those of the plain words in the header ---

std::uint64_t hash_of(std::string_view text) {
  keyed_hash hash(key);
  hash.add(text);
  return hash.value();
}

// Writes a body and, beside it, what of it counts.
class random_body {
public:
  explicit random_body(std::uint64_t seed) : random_(seed) {
    std::vector<std::string> names{"messages", "system", "tools", "model", "chat_template_kwargs", "stop", "x"};
    names.emplace_back(random_.below(2) == 0 ? "prompt" : "input");
    for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random_.below(i)]);
    body = "{";
    for (auto const& name : names) {
      if (name != names.front()) body += ",";
      write_text(name);
      body += space() + ":";
      to_ = destination(name);
      count(name + "\xFF");
      name == "model" ? text(1 + random_.below(100)) : value(0);
    }
    body += "}" + space();
  }

  [[nodiscard]] blocks hashes() const {
    blocks out;
    for (std::size_t end = prompt_block_bytes; end <= prompt.size(); end += prompt_block_bytes)
      out.push_back(block_hash{hash_of(prompt.substr(0, end)) ^ hash_of(settings)});
    return out;
  }

  std::string body;
  std::string prompt;
  std::string settings;

private:
  std::string* destination(std::string const& name) {
    if (name == "stop" || name == "x") return nullptr;
    bool const began = prompt.contains("messages\xFF") || prompt.contains("prompt\xFF") || prompt.contains("input\xFF");
    if (name == "tools" || name == "model" || name == "chat_template_kwargs") return &settings;
    return name == "system" && began ? &settings : &prompt;
  }

  void count(std::string const& what) {
    if (to_ != nullptr) *to_ += what;
  }

  std::string space() { return std::string(random_.below(3), random_.below(2) == 0 ? ' ' : '\n'); }

  void write_text(std::string_view text) {
    body += space() + '"';
    for (char const each : text) {
      auto const byte = static_cast<unsigned char>(each);
      constexpr std::string_view digits = "0123456789abcdef";
      bool const must = byte < 0x20 || each == '"' || each == '\\';
      if (must || (byte < 0x80 && random_.below(20) == 0))
        body += std::string("\\u00") + digits[byte >> 4U] + digits[byte & 15U];
      else
        body += each;
    }
    body += '"' + space();
  }

  void text(std::size_t size) {
    static std::array const letters{"a", "b", " ", "\"", "\\", "\n", "\x01", "é", "語", "😀"};
    std::string out;
    for (std::size_t i = 0; i < size; ++i) out += letters.at(random_.below(letters.size()));
    write_text(out);
    count(out + "\xFE");
  }

  void plain(std::string const& written, std::string const& meant) {
    body += space() + written + space();
    count(meant + "\xFD");
  }

  void value(int depth) {
    switch (random_.below(depth < 5 ? 9 : 6)) {
    case 0: return plain("true", "true");
    case 1: return plain("null", "null");
    case 2: return plain("-12", "-12");
    case 3: return plain("12.50e0", "12.5");
    case 4: return text(random_.below(20));
    case 5: return text(random_.below(500));
    case 6: return list(depth);
    default: return object(depth);
    }
  }

  void list(int depth) {
    body += "[";
    for (auto left = random_.below(depth == 0 ? 20 : 5); left > 0; --left) {
      value(depth + 1);
      if (left > 1) body += ",";
    }
    body += "]";
  }

  void object(int depth) {
    static std::array const names{"role", "content", "text", "type", "cache_control", "texts", ""};
    body += "{";
    for (auto left = random_.below(5); left > 0; --left) {
      std::string const name = random_.below(8) == 0 ? std::string(100, 'k') : names.at(random_.below(names.size()));
      auto* const before = to_;
      write_text(name);
      if (to_ == &prompt && (name == "type" || name == "cache_control")) to_ = nullptr;
      if (to_ != &prompt || name != "text") count(name.substr(0, 64) + "\xFF");
      body += ":";
      value(depth + 1);
      to_ = before;
      if (left > 1) body += ",";
    }
    body += "}";
  }

  random_source random_;
  std::string* to_ = nullptr;
};

TEST(PromptBlocks, AreTheHashesOfThePromptHoweverItIsWrittenAndCut) {
  std::size_t seen = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    random_body const written(seed);
    random_source random(seed);
    request_probe probe(key);
    for (std::size_t at = 0; at < written.body.size();) {
      auto const size = 1 + random.below(seed % 2 == 0 ? 4 : 400);
      ASSERT_TRUE(probe.feed(std::string_view(written.body).substr(at, size))) << written.body;
      at += size;
    }
    auto const found = probe.finish();
    ASSERT_TRUE(found) << written.body;
    EXPECT_EQ(found->blocks, written.hashes()) << written.body;
    EXPECT_EQ(found->prompt_bytes, written.prompt.size()) << written.body;
    seen += found->blocks.size();
  }
  EXPECT_GT(seen, 500U);
}

// --- what makes no difference, and what does ---

std::string chat(std::string const& messages, std::string const& rest = "") {
  return R"({"messages":[)" + messages + "]" + rest + "}";
}

std::string message(std::string const& content) { return R"({"role":"user","content":)" + content + "}"; }

std::string quoted(std::string const& text) { return '"' + text + '"'; }

TEST(PromptBlocks, AreTheSameForTheSamePrompt) {
  auto const same = blocks_of(chat(message(quoted(long_text))));
  ASSERT_EQ(same.size(), 4U);
  for (auto const& other : {
           chat(" { \"role\" :\t\"user\",\n\"content\":" + quoted(long_text) + " } "),
           chat(message(quoted("\\u0078" + long_text.substr(1)))),
           chat(message(R"([{"type":"text","text":)" + quoted(long_text) + "}]")),
           chat(message(R"([{"text":)" + quoted(long_text) + R"(,"type":"text"}])")),
           chat(message(R"([{"type":"text","cache_control":{"type":"ephemeral","ttl":"1h"},"text":)" +
                        quoted(long_text) + "}]")),
           chat(message(quoted(long_text)), R"(,"temperature":0.5,"stream":true,"user":"somebody","stop":["a"])"),
           R"({"max_tokens":7,"messages":[)" + message(quoted(long_text)) + "]}",
       })
    EXPECT_EQ(blocks_of(other), same) << other.substr(0, 100);
}

TEST(PromptBlocks, AreOthersForAnotherPromptOrWhatComesBeforeIt) {
  auto const one = chat(message(quoted(long_text)));
  for (auto const& other : {
           chat(message(quoted("y" + long_text.substr(1)))),
           chat(R"({"role":"system","content":)" + quoted(long_text) + "}"),
           chat(R"({"content":)" + quoted(long_text) + R"(,"role":"user"})"),
           chat(message("[" + quoted("x") + "," + quoted(long_text) + "]")),
           chat(message(quoted(long_text)), R"(,"model":"m")"),
           chat(message(quoted(long_text)), R"(,"tools":[{"type":"function","function":{"name":"f"}}])"),
           chat(message(quoted(long_text)), R"(,"tools":[{"type":"other","function":{"name":"f"}}])"),
           chat(message(quoted(long_text)), R"(,"chat_template_kwargs":{"enable_thinking":false})"),
           chat(message(quoted(long_text)), R"(,"system":"be brief")"),
           R"({"system":"be brief","messages":[)" + message(quoted(long_text)) + "]}",
           R"({"prompt":)" + quoted(long_text) + "}",
           R"({"input":)" + quoted(long_text) + "}",
       }) {
    EXPECT_EQ(shared(blocks_of(one), blocks_of(other)), 0U) << other.substr(0, 100);
    EXPECT_GE(blocks_of(other).size(), 3U) << other.substr(0, 100);
  }
  EXPECT_NE(probe_request(one, hash_key{1, 3})->blocks, blocks_of(one)) << "another process";
}

TEST(PromptBlocks, WhatStandsBehindThePromptButComesBeforeItIsHashedApart) {
  auto const before = R"({"model":"m","tools":[1],"messages":[)" + message(quoted(long_text)) + "]}";
  auto const behind = chat(message(quoted(long_text)), R"(,"model":"m","tools":[1])");
  EXPECT_EQ(blocks_of(before), blocks_of(behind));
  EXPECT_EQ(blocks_of(before).size(), 4U);
}

// --- what routing lives on ---

TEST(PromptBlocks, AConversationThatGoesOnKeepsTheHashesThatItHad) {
  std::string messages = message(quoted(long_text));
  auto before = blocks_of(chat(messages));
  for (int turn = 0; turn < 20; ++turn) {
    messages += "," + message(quoted(std::string(static_cast<std::size_t>(turn) * 40, 'y')));
    auto const now = blocks_of(chat(messages, R"(,"n":1)"));
    EXPECT_EQ(shared(before, now), before.size());
    before = now;
  }
  EXPECT_GT(before.size(), 30U);
}

TEST(PromptBlocks, AChangeLeavesTheBlocksBeforeIt) {
  std::string const head = R"({"prompt":")";
  std::size_t const label = std::string("prompt\xFF").size();
  std::string const same(5 * prompt_block_bytes, 'a');
  for (std::size_t at = 0; at + label < same.size(); at += 7) {
    auto changed = same;
    changed[at] = 'b';
    EXPECT_EQ(shared(blocks_of(head + same + "\"}"), blocks_of(head + changed + "\"}")),
              (at + label) / prompt_block_bytes)
        << at;
  }
}

TEST(PromptBlocks, TheWholeOfAPromptOfNumbersCounts) {
  std::string numbers = "0";
  for (int i = 1; i < 200; ++i) numbers += "," + std::to_string(i * 331);
  auto const one = blocks_of(R"({"prompt":[)" + numbers + "]}");
  auto const other = blocks_of(R"({"prompt":[)" + numbers + ",5]}");
  EXPECT_GE(one.size(), 4U);
  EXPECT_EQ(shared(one, other), one.size());
}

TEST(PromptBlocks, AreBounded) {
  std::string const most(prompt_block_bytes * max_prompt_blocks, 'a');
  auto const found = probed(R"({"prompt":")" + most + most + "\"}");
  EXPECT_EQ(found.blocks.size(), max_prompt_blocks);
  EXPECT_EQ(found.prompt_bytes, 2 * most.size() + 8);
  EXPECT_EQ(found.blocks, blocks_of(R"({"prompt":")" + most + "bcd\"}")) << "what comes behind is not looked at";
}

TEST(PromptBlocks, AreWholeOrNotThere) {
  EXPECT_TRUE(blocks_of("{}").empty());
  EXPECT_TRUE(blocks_of(R"({"prompt":")" + std::string(prompt_block_bytes - 9, 'a') + "\"}").empty());
  EXPECT_EQ(blocks_of(R"({"prompt":")" + std::string(prompt_block_bytes - 8, 'a') + "\"}").size(), 1U);
}

TEST(PromptBlocks, WithoutAKeyThereAreNone) {
  auto const found = probe_request(chat(message(quoted(long_text))));
  EXPECT_TRUE(found->blocks.empty());
  EXPECT_EQ(found->prompt_bytes, probed(chat(message(quoted(long_text)))).prompt_bytes);
}

} // namespace
} // namespace paddler
