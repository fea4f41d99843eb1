#include "wire/request_probe.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

result<probed_request> probe_in_pieces(std::string_view body, std::size_t size) {
  request_probe probe;
  for (std::size_t at = 0; at < body.size(); at += size)
    if (auto fed = probe.feed(body.substr(at, size)); !fed) return std::unexpected(fed.error());
  return probe.finish();
}

constexpr std::string_view chat = R"( {"messages":[{"role":"user","content":"say \"model\": \u00e9","model":7}],
  "model":"Qwen/Qwen3:Q8_0","stream":true,"n":2,"temperature":0.7,"tools":[{"n":"x","stream":null}],
  "nested":{"model":1,"prompt":[],"stream":"x"},"stop":null} )";

TEST(RequestProbe, FindsWhatRoutingNeedsAtTheTopLevelOnly) {
  auto const found = probe_request(chat);
  ASSERT_TRUE(found) << describe(found.error());
  EXPECT_EQ(*found, (probed_request{"Qwen/Qwen3:Q8_0", true, 2, true, false, false, 51}));
}

TEST(RequestProbe, PiecesMayBeCutAnywhere) {
  auto const whole = probe_request(chat);
  for (std::size_t size = 1; size < chat.size(); ++size) EXPECT_EQ(probe_in_pieces(chat, size).value(), *whole) << size;
}

TEST(RequestProbe, ReadsTheFieldsOfEveryEndpoint) {
  struct row {
    std::string_view body;
    probed_request found;
  };

  for (auto const& [body, found] : {
           row{"{}", {}},
           row{R"({"prompt":"x","n":1.0})", {std::nullopt, std::nullopt, 1, false, true, false, 9}},
           row{R"({"input":["a","b"],"stream":false})", {std::nullopt, false, std::nullopt, false, false, true, 10}},
           row{R"({"model":null,"stream":null,"n":null,"messages":null,"prompt":null,"input":null})",
               {.prompt_bytes = 37}},
           row{R"({"mod\u0065l":"a\u0062"})", {"ab", std::nullopt, std::nullopt, false, false, false}},
           row{R"({"modell":1,"mode":2,"":3,"messages_and_more":4})", {}},
       })
    EXPECT_EQ(probe_request(body).value(), found) << body;
}

struct wrong_body {
  std::string body;
  std::string message;
  std::string param;
};

std::vector<wrong_body> wrong_bodies() {
  return {
      {"", "the body is empty; it must be a JSON object", ""},
      {"  ", "the body ends in the middle of its JSON, after 2 bytes", ""},
      {"{\"a\":1", "the body ends in the middle of its JSON, after 6 bytes", ""},
      {"[]", "the body must be a JSON object, got a list at byte", ""},
      {"\"x\"", "the body must be a JSON object, got text at byte", ""},
      {"7 ", "the body must be a JSON object, got a number at byte", ""},
      {"null", "the body must be a JSON object, got null at byte", ""},
      {"true", "the body must be a JSON object, got true at byte", ""},
      {"{\"model\":12,\"a\":1}", "`model` must be a string, got a number at byte 11", "model"},
      {"{\"model\":{}}", "`model` must be a string, got an object at byte 9", "model"},
      {"{\"model\":[\"a\"]}", "`model` must be a string, got a list at byte 9", "model"},
      {"{\"model\":\"\"}", "`model` is empty at byte", "model"},
      {"{\"model\":\"" + std::string(257, 'a') + "\"}", "`model` is longer than 256 bytes at byte", "model"},
      {"{\"model\":\"a\",\"model\":\"b\"}", "`model` stands in the body twice at byte", "model"},
      {"{\"stream\":\"true\"}", "`stream` must be true or false, got text at byte", "stream"},
      {"{\"stream\":1}", "`stream` must be true or false, got a number at byte", "stream"},
      {"{\"n\":\"2\"}", "`n` must be a whole number, got text at byte", "n"},
      {"{\"n\":0}", "`n` must be a whole number from 1 to 128 at byte", "n"},
      {"{\"n\":-1}", "`n` must be a whole number from 1 to 128 at byte", "n"},
      {"{\"n\":1.5}", "`n` must be a whole number from 1 to 128 at byte", "n"},
      {"{\"n\":1e300}", "`n` must be a whole number from 1 to 128 at byte", "n"},
      {"{\"a\":1,}", "the body is not valid JSON", ""},
      {"{'a':1}", "the body is not valid JSON", ""},
      {"{\"a\":01}", "the body is not valid JSON", ""},
      {"{\"a\":\"\xff\"}", "the body is not valid JSON", ""},
      {"{\"a\":\"\\x\"}", "the body is not valid JSON", ""},
      {"{\"a\":\"\n\"}", "the body is not valid JSON", ""},
      {"{} {}", "the body has more text after its JSON object, at byte 3", ""},
      {"{}x", "the body has more text after its JSON object, at byte 2", ""},
      {"{\"a\":" + repeated("[", 64) + repeated("]", 64) + "}", "the body is nested deeper than 64 levels", ""},
      {"{\"a\":" + repeated("{\"b\":", 1'000'000), "the body is nested deeper than 64 levels", ""},
  };
}

TEST(RequestProbe, SaysWhatIsWrongAndWhere) {
  for (auto const& [body, message, param] : wrong_bodies()) {
    auto const found = probe_request(body);
    ASSERT_FALSE(found) << body;
    EXPECT_EQ(found.error().code, error_code::invalid_input);
    EXPECT_TRUE(found.error().message.starts_with(message))
        << body.substr(0, 60) << "\n gave  " << found.error().message << "\n wanted " << message;
    EXPECT_EQ(found.error().fields.empty() ? "" : found.error().fields[0].path, param) << body;
  }
}

TEST(RequestProbe, RefusesTheSameInPieces) {
  for (auto const& [body, message, param] : wrong_bodies()) {
    auto const found = probe_in_pieces(body, 1);
    ASSERT_FALSE(found) << body;
    EXPECT_TRUE(found.error().message.starts_with(message))
        << body.substr(0, 60) << "\n gave " << found.error().message;
  }
}

TEST(RequestProbe, StaysWithItsFirstError) {
  request_probe probe;
  ASSERT_FALSE(probe.feed("{\"model\":1}"));
  EXPECT_FALSE(probe.feed("{}"));
  EXPECT_TRUE(probe.finish().error().message.starts_with("`model` must be a string"));
}

TEST(RequestProbe, ALargeBodyTakesNoMoreThanItsPieces) {
  std::string const piece(std::size_t{64} << 10U, 'x');
  request_probe probe;
  ASSERT_TRUE(probe.feed(R"({"messages":[{"role":"user","content":")"));
  for (int i = 0; i < 256; ++i) ASSERT_TRUE(probe.feed(piece));
  ASSERT_TRUE(probe.feed(R"("}],"model":"m"})"));
  EXPECT_EQ(probe.finish().value().model, "m");
}

} // namespace
} // namespace paddler
