#include "balancer/kept_stream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace paddler {
namespace {

constexpr std::string_view chat = "/v1/chat/completions";
std::string const body = R"({"messages":[{"role":"user","content":"hi"}],"stream":true})";

probed_request a_stream() {
  probed_request out;
  out.stream = true;
  return out;
}

std::string delta(std::string const& text) {
  return R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":")" + text +
         R"("}}],"created":1,"id":"c","model":"m","object":"chat.completion.chunk"})" + "\n\n";
}

TEST(KeptStream, GivesBackWhatTheClientHas) {
  stream_memory memory;
  kept_stream kept(memory, chat, body, a_stream());
  kept.delivered(delta("one"));
  kept.delivered(delta(" two"));
  auto const read = kept.read();
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(read->so_far.text, "one two");
  EXPECT_EQ(read->request.api, streamed_api::chat);
  kept.delivered(delta(" three"));
  EXPECT_EQ(kept.read()->so_far.text, "one two three") << "it may be lost more than once";
}

TEST(KeptStream, KeepsNothingOfWhatCannotGoOn) {
  stream_memory memory;
  auto several = a_stream();
  several.n = 2;
  kept_stream choices(memory, chat, body, several);
  kept_stream other(memory, "/v1/responses", body, a_stream());
  kept_stream whole(memory, chat, body, {});
  for (auto* each : {&choices, &other, &whole}) each->delivered(std::string(100'000, 'x'));
  EXPECT_EQ(memory.kept(), 0U);
  EXPECT_EQ(choices.read().error(), resume_refusal::choices);
  EXPECT_EQ(other.read().error(), resume_refusal::endpoint);
  EXPECT_EQ(whole.read().error(), resume_refusal::too_long) << "it would be told anew behind what has left";
}

// Each of these keeps half a megabyte of text.
TEST(KeptStream, AllTogetherKeepNoMoreThanTheLimit) {
  stream_memory memory;
  std::vector<std::unique_ptr<kept_stream>> all;
  auto const piece = delta(std::string(15'000, 'x'));
  bool dropped = false;
  while (!dropped && all.size() < 2000) {
    auto& next = *all.emplace_back(std::make_unique<kept_stream>(memory, chat, body, a_stream()));
    for (int i = 0; i < 30; ++i) {
      next.delivered(piece);
      ASSERT_LE(memory.kept(), stream_memory::limit);
    }
    dropped = !next.read();
  }
  ASSERT_TRUE(dropped);
  EXPECT_GT(memory.kept(), stream_memory::limit / 2);
  EXPECT_EQ(all.back()->read().error(), resume_refusal::too_long);
  EXPECT_TRUE(all.front()->read()) << "the others go on";
  all.clear();
  EXPECT_EQ(memory.kept(), 0U);
}

} // namespace
} // namespace paddler
