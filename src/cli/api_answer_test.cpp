#include "cli/api_answer.hpp"
#include "wire/json_codec.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

api_answer answered(int status, std::string body) { return {.status = status, .body = std::move(body)}; }

TEST(error_of, reads_a_problem_with_its_fields) {
  auto const wrong = error_of(answered(422, R"({"type":"about:blank","title":"Unprocessable Content","status":422,
    "detail":"the document has 1 mistake","errors":[{"path":"agents[0].slot","message":"unknown key","hint":"did you mean slots?","line":7}]})"));
  EXPECT_EQ(wrong.code, error_code::invalid_input);
  EXPECT_EQ(wrong.message, "the document has 1 mistake");
  ASSERT_EQ(wrong.fields.size(), 1);
  EXPECT_EQ(wrong.fields[0], (field_error{"agents[0].slot", "unknown key", "did you mean slots?", 7}));
}

TEST(error_of, reads_an_openai_error) {
  auto const wrong = error_of(answered(
      404, R"({"error":{"message":"there is no model `x`","type":"invalid_request_error","code":"model_not_found"}})"));
  EXPECT_EQ(wrong.code, error_code::not_found);
  EXPECT_EQ(wrong.message, "there is no model `x`");
}

TEST(error_of, makes_do_with_anything) {
  struct row {
    int status;
    char const* body;
    error_code code;
  };

  for (auto const& [status, body, code] :
       {row{500, "", error_code::internal}, row{502, "<html>bad gateway</html>", error_code::internal},
        row{412, "{}", error_code::conflict}, row{503, "[]", error_code::unavailable},
        row{504, "null", error_code::timeout}, row{413, "\"x\"", error_code::too_large},
        row{400, R"({"error":"text"})", error_code::invalid_input}, row{404, R"({"error":{}})", error_code::not_found},
        row{422, R"({"title":"No","errors":"none"})", error_code::invalid_input}}) {
    auto const wrong = error_of(answered(status, body));
    EXPECT_EQ(wrong.code, code) << body;
    EXPECT_FALSE(wrong.message.empty()) << body;
  }
  EXPECT_THAT(error_of(answered(502, "<html>")).message, testing::AllOf(HasSubstr("502"), HasSubstr("<html>")));
}

TEST(parse_list, wants_items) {
  EXPECT_TRUE(parse_list(answered(200, R"({"items":[],"revision":3})")));
  for (auto const* const body : {"", "[]", "{}", R"({"items":{}})", "<html>"})
    EXPECT_FALSE(parse_list(answered(200, body))) << body;
}

TEST(print_pretty_json, indents_what_is_not_empty) {
  auto const node = parse_json(R"({"a":[1,{"b":"x\n"}],"c":{},"d":[],"e":null})").value();
  EXPECT_EQ(print_pretty_json(node), "{\n"
                                     "  \"a\": [\n"
                                     "    1,\n"
                                     "    {\n"
                                     "      \"b\": \"x\\n\"\n"
                                     "    }\n"
                                     "  ],\n"
                                     "  \"c\": {},\n"
                                     "  \"d\": [],\n"
                                     "  \"e\": null\n"
                                     "}\n");
}

} // namespace
} // namespace paddler
