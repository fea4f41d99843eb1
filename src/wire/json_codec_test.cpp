#include "wire/json_codec.hpp"
#include "wire/json_text.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

std::string reprinted(std::string_view text) {
  auto const node = parse_json(text);
  return node ? print_json(*node) : describe(node.error());
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(JsonCodec, PrintsOnOneLineWhatItRead) {
  EXPECT_EQ(reprinted(R"( { "a" : [ 1 , -2.50e3 , true , null , "x" ] , "b" : { } , "c" : [ ] } )"),
            R"({"a":[1,-2.50e3,true,null,"x"],"b":{},"c":[]})");
  EXPECT_EQ(reprinted(R"("\u00e9\ud83d\ude00\/\u0001")"), "\"\u00e9\U0001F600/\\u0001\"");
  EXPECT_EQ(reprinted("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(reprinted("123456789012345678901234567890"), "123456789012345678901234567890");
}

TEST(JsonCodec, SaysWhereTheTextIsWrong) {
  struct row {
    std::string text;
    std::string wanted; // a part of the error
  };

  for (auto const& [text, wanted] : {
           row{"", "the text ends too early"},
           row{"{", "line 1, column 2"},
           row{"{\n  \"a\": 1,\n}", "line 3, column 1\nno comma may stand"},
           row{"{'a': 1}", "line 1, column 2\nJSON wants double quotes"},
           row{"{\"a\": 1} x", "more text after the document's end at line 1, column 10"},
           row{"[1] // c", "JSON has no comments"},
           row{"[1 2]", "line 1, column 4"},
           row{"[01]", "line 1, column 3"},
           row{"[+1]", "line 1, column 2"},
           row{"nul", "ends too early"},
           row{"\"a\nb\"", "line 1, column 3"},
           row{"\"\xff\"", "not UTF-8"},
           row{"\"\\ud800\"", "not valid JSON"},
           row{std::string("[\0]", 3), "control character at line 1, column 2"},
           row{"[NaN]", "not valid JSON"},
       }) {
    auto const node = parse_json(text);
    ASSERT_FALSE(node) << text;
    EXPECT_EQ(node.error().code, error_code::invalid_input) << text;
    EXPECT_NE((node.error().message + "\n" + node.error().hint).find(wanted), std::string::npos)
        << text << " gave: " << describe(node.error());
  }
}

TEST(JsonCodec, KeepsItsLimits) {
  EXPECT_TRUE(parse_json(repeated("[", 64) + repeated("]", 64)));
  auto const deep = parse_json(repeated("[", 65) + repeated("]", 65));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, error_code::too_large);
  EXPECT_NE(deep.error().message.find("deeper than 64"), std::string::npos);
  EXPECT_FALSE(parse_json(repeated("[", 1'000'000)));

  EXPECT_TRUE(parse_json("[" + repeated("1,", 99'998) + "1]"));
  auto const many = parse_json("[" + repeated("1,", 99'999) + "1]");
  ASSERT_FALSE(many);
  EXPECT_NE(many.error().message.find("more than 100000 values"), std::string::npos);

  auto const large = parse_json("\"" + std::string(max_document_bytes, 'a') + "\"");
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, error_code::too_large);
}

TEST(JsonCodec, MarksKeysThatStandTwice) {
  auto const node = parse_json("{\n\"a\": 1,\n\"b\": 2,\n\"a\": 3}");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->items[0].problem, "");
  EXPECT_EQ(node->items[2].problem, "the key `a` stands here twice (first on line 2)");
  EXPECT_EQ(node->items[2].line, 4);
}

TEST(JsonText, EscapesWhatJsonWants) {
  EXPECT_EQ(json_text("a\"b\\c\n\t\r\b\f\x01\x7f"), R"("a\"b\\c\n\t\r\b\f\u0001\u007f")");
  EXPECT_EQ(json_text(""), "\"\"");
  EXPECT_EQ(json_text("gr\u00fc\u00df"), "\"gr\u00fc\u00df\"");
}

TEST(JsonText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_text("a\xff"
                      "b\xc3"),
            "\"a\uFFFDb\uFFFD\"");
}

} // namespace
} // namespace paddler
