#include "wire/json_codec.hpp"
#include "wire/json_writer.hpp"
#include "wire/mapper.hpp"
#include "wire/yaml_codec.hpp"

#include <boost/describe/enum.hpp>
#include <gtest/gtest.h>

namespace paddler {
namespace {

enum class colour { red, green, blue };

struct part {
  agent_id id;
  std::optional<colour> paint;
  friend bool operator==(part const&, part const&) = default;
};

struct whole {
  revision number;
  std::vector<part> parts;
  std::map<std::string, int> counts;
  std::map<std::string, std::vector<double>> series;
  std::optional<bool> flag;
  std::int64_t big = 0;
  std::uint64_t huge = 0;
  std::uint8_t tiny = 0;
  double ratio = 0;
  wall_time at;
  std::string text;
  std::vector<std::string> words;
  friend bool operator==(whole const&, whole const&) = default;
};

BOOST_DESCRIBE_ENUM(colour, red, green, blue)
BOOST_DESCRIBE_STRUCT(part, (), (id, paint))
BOOST_DESCRIBE_STRUCT(whole, (), (number, parts, counts, series, flag, big, huge, tiny, ratio, at, text, words))

whole sample() {
  whole value;
  value.number = {7};
  value.parts = {{{"a"}, colour::green}, {{"b"}, std::nullopt}};
  value.counts = {{"x y", 1}, {"z", -2}};
  value.series = {{"s", {0.1, 1e300, -0.0}}};
  value.flag = false;
  value.big = std::numeric_limits<std::int64_t>::min();
  value.huge = std::numeric_limits<std::uint64_t>::max();
  value.tiny = 255;
  value.ratio = 0.30000000000000004;
  value.at = wall_time{std::chrono::nanoseconds{1}};
  value.text = "a\nb";
  value.words = {"", "true", "4"};
  return value;
}

// One line for each error: path: message (hint).
std::string errors_of(std::string_view text, unknown_keys policy = unknown_keys::refuse) {
  auto const node = parse_json(text);
  if (!node) return describe(node.error());
  auto const value = from_document<whole>(*node, policy);
  if (value) return "";
  std::string out;
  for (auto const& e : value.error().fields) {
    out += e.path + ": " + e.message + (e.hint.empty() ? "" : " (" + e.hint + ")") + "\n";
  }
  return out;
}

TEST(Mapper, ValuesComeBackThroughJsonAndYaml) {
  auto const node = to_document(sample());
  auto const json = parse_json(print_json(node));
  auto const yaml = parse_yaml(print_yaml(node));
  ASSERT_TRUE(json);
  ASSERT_TRUE(yaml);
  EXPECT_EQ(from_document<whole>(*json, unknown_keys::refuse).value(), sample());
  EXPECT_EQ(from_document<whole>(*yaml, unknown_keys::refuse).value(), sample());
}

TEST(Mapper, WritesTheSameJsonWithoutATree) {
  auto const expect_same = [](auto const& value) {
    std::string out = "before ";
    append_json(out, value);
    EXPECT_EQ(out, "before " + print_json(to_document(value)));
  };
  expect_same(sample());
  expect_same(whole{});
  expect_same(part{{"\x01\"\xff"}, std::nullopt});
  expect_same(std::vector<part>{});
  expect_same(std::vector<part>{{{"a"}, colour::blue}, {{"b"}, static_cast<colour>(9)}});
}

TEST(Mapper, PrintsFieldsInTheirOrderAndLeavesOutWhatIsNotSet) {
  EXPECT_EQ(print_json(to_document(part{{"a"}, std::nullopt})), R"({"id":"a"})");
  EXPECT_EQ(print_json(to_document(part{{"a"}, colour::blue})), R"({"id":"a","paint":"blue"})");
}

TEST(Mapper, NamesEveryErrorWithItsPlaceAndItsMend) {
  struct row {
    std::string_view json;
    std::string_view errors;
  };

  for (auto const& [json, errors] : {
           row{R"({"number":1})", ""},
           row{R"({})", "number: is missing (give it a value)\n"},
           row{R"([])", ": expected an object, got a list (write keys with their values)\n"},
           row{R"({"number":1,"txt":""})",
               "txt: unknown key (did you mean \"text\"? valid keys: number, parts, counts, series, flag, big, huge, "
               "tiny, ratio, at, text, words)\n"},
           row{R"({"number":1,"a b\"":1})",
               "[\"a b\\\"\"]: unknown key (valid keys: number, parts, counts, series, flag, big, huge, "
               "tiny, ratio, at, text, words)\n"},
           row{R"({"number":1,"parts":[{"id":"a"},{"paint":"gren"},{"id":""}]})",
               "parts[1].paint: expected red, green or blue, got text \"gren\" (did you mean \"green\"?)\n"
               "parts[1].id: is missing (give it a value)\nparts[2].id: is empty (give it a name)\n"},
           row{R"({"number":1,"parts":[{"id":"a","paint":2}]})",
               "parts[0].paint: expected red, green or blue, got the number 2 (write red, green or blue)\n"},
           row{R"({"number":1,"parts":{}})", "parts: expected a list, got an object (write a list, or [] for none)\n"},
           row{R"({"number":1,"parts":[3]})",
               "parts[0]: expected an object, got the number 3 (write keys with their values)\n"},
           row{R"({"number":1,"counts":{"x y":"1"}})",
               "counts[\"x y\"]: expected a whole number, got text \"1\" (write it without quotes)\n"},
           row{R"({"number":1,"tiny":"four"})",
               "tiny: expected a whole number, got text \"four\" (write a number, as in 4)\n"},
           row{R"({"number":1,"tiny":1.5})",
               "tiny: expected a whole number, got the number 1.5 (write it without a fraction)\n"},
           row{R"({"number":1,"tiny":256})", "tiny: 256 is out of range (write a whole number from 0 to 255)\n"},
           row{R"({"number":1,"tiny":-1})", "tiny: -1 is out of range (write a whole number from 0 to 255)\n"},
           row{R"({"number":1,"tiny":1e308})", "tiny: 1e308 is out of range (write a whole number from 0 to 255)\n"},
           row{R"({"number":1,"tiny":2e1})", ""},
           row{R"({"number":1,"tiny":4.0})", ""},
           row{R"({"number":1,"big":9223372036854775807})", ""},
           row{R"({"number":1,"big":9223372036854775808})",
               "big: 9223372036854775808 is out of range (write a whole number from -9223372036854775808 to "
               "9223372036854775807)\n"},
           row{R"({"number":1,"huge":18446744073709551616})",
               "huge: 18446744073709551616 is out of range (write a whole number from 0 to 18446744073709551615)\n"},
           row{R"({"number":-1})",
               "number: -1 is out of range (write a whole number from 0 to 18446744073709551615)\n"},
           row{R"({"number":1,"text":4})", "text: expected text, got the number 4 (put it in quotes if it is text)\n"},
           row{R"({"number":1,"text":null})",
               "text: expected text, got null (give it a value, or leave the key out)\n"},
           row{R"({"number":1,"flag":null})",
               "flag: expected true or false, got null (give it a value, or leave the key out)\n"},
           row{R"({"number":1,"flag":"yes"})",
               "flag: expected true or false, got text \"yes\" (write true or false)\n"},
           row{R"({"number":1,"ratio":"a"})", "ratio: expected a number, got text \"a\" (write a number, as in 4)\n"},
           row{R"({"number":1,"at":"now"})",
               "at: expected a time, got text \"now\" (write it as in 2026-01-31T12:00:00Z)\n"},
           row{R"({"number":1,"words":["a",1]})",
               "words[1]: expected text, got the number 1 (put it in quotes if it is text)\n"},
           row{R"({"number":1,"number":1})", "number: the key `number` stands here twice (keep one of the two)\n"},
           row{R"({"number":1,"counts":{"a":1,"a":2}})",
               "counts.a: the key `a` stands here twice (keep one of the two)\n"},
       })
    EXPECT_EQ(errors_of(json), errors) << json;
}

TEST(Mapper, ANewerPeerMaySendMore) {
  auto const node = parse_json(R"({"number":1,"new":{"x":1},"flag":null,"tiny":null,"parts":[{"id":"a","more":1}]})");
  document_reader reader(unknown_keys::ignore);
  whole value;
  reader.read(*node, value);
  EXPECT_FALSE(reader.failure());
  EXPECT_EQ(reader.ignored_keys(), 2U);
  EXPECT_EQ(value.parts.size(), 1U);
  EXPECT_EQ(errors_of(R"({"number":"x","new":1})", unknown_keys::ignore),
            "number: expected a whole number, got text \"x\" (write a number, as in 4)\n");
}

TEST(Mapper, ReadsTheValuesOfFields) {
  auto const value = [](std::string const& text) {
    return from_document<field_change>(*parse_json(R"({"path":"p","after":)" + text + "}"), unknown_keys::ignore);
  };
  EXPECT_EQ(value("true")->after, field_value{});
  EXPECT_EQ(value("4")->after, field_value{std::int64_t{4}});
  EXPECT_EQ(value("-0.5")->after, field_value{-0.5});
  EXPECT_EQ(value("1e300")->after, field_value{1e300});
  EXPECT_EQ(value("\"x\"")->after, field_value{std::string("x")});
  EXPECT_FALSE(value("null")->after);
  for (auto const* const wrong : {"false", "[]", "{}", "1e999"}) EXPECT_FALSE(value(wrong)) << wrong;
  for (auto const& each :
       {field_value{}, field_value{std::int64_t{7}}, field_value{2.5}, field_value{std::string("x")}})
    EXPECT_EQ(value(print_json(to_document(each)))->after, each);
}

TEST(Mapper, ListsAHundredErrorsAndCountsTheRest) {
  std::string text = R"({"number":1,"words":[0)";
  for (int i = 1; i < 150; ++i) text += ",0";
  auto const value = from_document<whole>(*parse_json(text + "]}"), unknown_keys::refuse);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().fields.size(), max_listed_errors);
  EXPECT_EQ(value.error().message, "the document has 150 errors; these are the first 100");
}

TEST(Mapper, LongValuesAreClippedInMessages) {
  auto const value =
      from_document<whole>(*parse_json(R"({"number":")" + std::string(100'000, 'x') + "\"}"), unknown_keys::refuse);
  ASSERT_FALSE(value);
  EXPECT_LT(describe(value.error()).size(), 300U);
}

} // namespace
} // namespace paddler
