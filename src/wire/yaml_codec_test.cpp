#include "base/random.hpp"
#include "wire/json_codec.hpp"
#include "wire/yaml_codec.hpp"

#include <gtest/gtest.h>

#include <array>

namespace paddler {
namespace {

// As JSON, with refused places as `!problem`.
std::string as_json(std::string_view yaml) {
  auto const node = parse_yaml(yaml);
  if (!node) return describe(node.error());
  return node->problem.empty() ? print_json(*node) : "!" + node->problem;
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(YamlCodec, ReadsScalarsAsYaml12) {
  struct row {
    std::string_view yaml;
    std::string_view json;
  };

  for (auto const& [yaml, json] : {
           row{"4", "4"},
           row{"+4", "4"},
           row{"-4", "-4"},
           row{"0", "0"},
           row{"1.5", "1.5"},
           row{".5", "0.5"},
           row{"5.", "5.0"},
           row{"1e3", "1e3"},
           row{"'4'", "\"4\""},
           row{"\"4\"", "\"4\""},
           row{"! 4", "\"4\""},
           row{"1_000", "\"1_000\""},
           row{"1.2.3", "\"1.2.3\""},
           row{"1e", "\"1e\""},
           row{"-", "[null]"},
           row{"+", "\"+\""},
           row{"12:30:00", "\"12:30:00\""},
           row{"true", "true"},
           row{"False", "false"},
           row{"yes", "\"yes\""},
           row{"off", "\"off\""},
           row{"~", "null"},
           row{"null", "null"},
           row{"'null'", "\"null\""},
           row{"", "null"},
           row{"# only a comment", "null"},
           row{"---\n", "null"},
           row{"a", "\"a\""},
           row{"\xEF\xBB\xBF[a]", "[\"a\"]"},
           row{"a: 1\r\nb: 2\r\n", R"({"a":1,"b":2})"},
           row{"a: [1, {b: c}]", R"({"a":[1,{"b":"c"}]})"},
           row{"a: |\n  x\n\n  y\n", R"({"a":"x\n\ny\n"})"},
           row{"1: a", R"({"1":"a"})"},
           row{"--- a\n...\n", "\"a\""},
       })
    EXPECT_EQ(as_json(yaml), json) << yaml;
}

TEST(YamlCodec, RefusesWhatReadersDisagreeAbout) {
  for (auto const* yaml : {"010", "-012", "007", "00", "0x1F", "0o17", ".inf", "-.INF", ".nan", "!!str a",
                           "!!binary aGk=", "&x a", "!!seq [a]", "&x [a]", "!local {a: b}", "\"\\N\""})
    EXPECT_TRUE(as_json(yaml).starts_with("!")) << yaml << " gave " << as_json(yaml);
}

TEST(YamlCodec, SaysWhereTheTextIsWrong) {
  struct row {
    std::string yaml;
    std::string wanted; // a part of the error
  };

  for (auto const& [yaml, wanted] : {
           row{"a: 1\n---\nb: 2", "a second document begins at line 2"},
           row{"a: 1\n--- \n", "a second document begins at line 2"},
           row{"a: &x 1\n<<: *x", "merge keys (`<<`) are not supported at line 2, column 1"},
           row{"[a]: 1", "a key is not text"},
           row{"agents: [{id: a}", "if this is a value in brackets, they are not closed"},
           row{"~: 1", "a key is not text"},
           row{"? {a: b}\n: 1", "a key is not text"},
           row{"a: 1\n&x b: 2", "a key has a tag or an anchor"},
           row{"a: 1\n*x : 2", "line 2"},
           row{"a: *nowhere", "line 1"},
           row{"a: 1\n b: 2", "line 2"},
           row{"a:\n\t- 1", "indent with spaces, not tabs"},
           row{"a: [1, 2", "a `[` is not closed"},
           row{"a: \"b", "a quote is not closed"},
           row{"a: b: c", "text with a colon and a space in it wants quotes"},
           row{"a: {b: 1", "a `{` is not closed"},
           row{"a: \xff", "not UTF-8"},
           row{std::string("a\0:\0 \0b\0", 8), "control character"},
           row{"a: @b", "not valid YAML"},
           row{"\"a\\N\": 1", "a key is not valid text"},
           row{"\"\\uD800\"", "not valid YAML"},
           row{"%YAML 3.0\n---\na", "not valid YAML"},
       }) {
    auto const node = parse_yaml(yaml);
    ASSERT_FALSE(node) << yaml << " gave " << print_json(*node);
    EXPECT_EQ(node.error().code, error_code::invalid_input) << yaml;
    EXPECT_NE((node.error().message + "\n" + node.error().hint).find(wanted), std::string::npos)
        << yaml << " gave: " << describe(node.error());
  }
}

TEST(YamlCodec, AnAliasBombStaysSmall) {
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i) {
    std::string const before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before + "]\n";
  }
  auto const node = parse_yaml(bomb);
  ASSERT_TRUE(node);
  EXPECT_EQ(node->items[1].problem, "anchors (`&name`) are not supported");
  EXPECT_EQ(node->items[1].items[0].problem, "aliases (`*name`) are not supported");
}

TEST(YamlCodec, KeepsItsLimits) {
  EXPECT_TRUE(parse_yaml(repeated("[", 64) + repeated("]", 64)));
  auto const deep = parse_yaml(repeated("[", 65) + repeated("]", 65));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, error_code::too_large);
  EXPECT_FALSE(parse_yaml(repeated("[", 200'000)));
  EXPECT_FALSE(parse_yaml(repeated("{a: ", 100'000)));
  EXPECT_FALSE(parse_yaml(repeated("- ", 100'000)));
  auto const many = parse_yaml(repeated("- 1\n", 100'001));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, error_code::too_large);
  EXPECT_FALSE(parse_yaml(std::string(max_document_bytes + 1, ' ')));
}

TEST(YamlCodec, PrintsBlocks) {
  auto const node = parse_json(R"({"agents":[{"id":"agent-1","desired_model":{"source":"local","path":"/m/a b.gguf"},
    "slots":4},{"id":"007"}],"empty":[],"none":{},"lists":[[1,2],["x"]],"t":"a: {{ b }}\n\n  c\n","u":"a\nb",
    "v":"a\n\n","flag":true,"word":"yes","nothing":null})");
  EXPECT_EQ(print_yaml(*node), R"(agents:
  - id: agent-1
    desired_model:
      source: local
      path: "/m/a b.gguf"
    slots: 4
  - id: "007"
empty: []
none: {}
lists:
  - - 1
    - 2
  - - x
t: |
  a: {{ b }}

    c
u: |-
  a
  b
v: |+
  a

flag: true
word: "yes"
nothing: null
)");
}

std::string random_text(random_source& random) {
  constexpr std::array<std::string_view, 26> pieces{
      "a", "B",  "7", " ",  "  ", "\n", "\n\n", "\t",     "\r",         ":",      ": ",     "#",    " #",
      "-", "- ", "'", "\"", "\\", "{",  "]",    "\u00e9", "\U0001F600", "\u2028", "\u0085", "\x01", "---\n"};
  std::string out;
  for (std::uint64_t length = random.below(8); length > 0; --length) out += pieces[random.below(pieces.size())];
  return out;
}

document_node random_tree(random_source& random, int depth) {
  switch (random.below(depth > 0 ? 7 : 4)) {
  case 0: return number_node(static_cast<std::int64_t>(random.next()));
  case 1: return boolean_node(random.below(2) == 0);
  case 2:
  case 3: return text_node(random_text(random));
  default: break;
  }
  document_node node = random.below(2) == 0 ? list_node() : object_node();
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    if (node.kind == node_kind::object) node.keys.push_back(random_text(random) + std::to_string(i));
    node.items.push_back(random_tree(random, depth - 1));
  }
  return node;
}

TEST(YamlCodec, WhatIsPrintedComesBack) {
  random_source random(7);
  for (int i = 0; i < 5000; ++i) {
    auto const tree = random_tree(random, 4);
    auto const json = print_json(tree);
    auto const yaml = print_yaml(tree);
    ASSERT_EQ(as_json(yaml), json) << yaml;
    ASSERT_EQ(print_json(*parse_json(json)), json);
  }
}

} // namespace
} // namespace paddler
