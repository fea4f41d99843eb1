#include "cli/command_test.hpp"
#include "cli/input_document.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

TEST(FormatOf, GoesByNameAndFirstLetter) {
  EXPECT_EQ(format_of("a.json", "agents: []"), document_format::json);
  EXPECT_EQ(format_of("-", "  {\"agents\":[]}"), document_format::json);
  EXPECT_EQ(format_of("a.yaml", "agents: []"), document_format::yaml);
}

TEST(ListOfMistakes, LooksUpTheLinesThatTheErrorLacks) {
  input_document const document{"c.yaml", "agents:\n  - id: a1\n    slots: 1000\n    parameters:\n      x: 1\n",
                                document_format::yaml};
  error const why{error_code::invalid_input,
                  "wrong",
                  "",
                  {{"agents[0].slots", "is 1000", "give less", 0},
                   {"agents[0].parameters.top_p", "is missing", "", 0},
                   {"agents[7].id", "is missing", "", 0},
                   {"models", "is no list", "", 9},
                   {"", "cannot be read", "", 0}}};
  EXPECT_EQ(list_of_mistakes(why, document), "c.yaml:3: agents[0].slots: is 1000 (give less)\n"
                                             "c.yaml:5: agents[0].parameters.top_p: is missing\n"
                                             "c.yaml:2: agents[7].id: is missing\n"
                                             "c.yaml:9: models: is no list\n"
                                             "c.yaml: cannot be read\n");
}

TEST(ListOfMistakes, OfWhatIsNoDocumentHasNoLines) {
  input_document const document{"-", "[", document_format::json};
  error const why{error_code::invalid_input, "wrong", "", {{"agents", "is missing", "", 0}}};
  EXPECT_EQ(list_of_mistakes(why, document), "standard input: agents: is missing\n");
}

} // namespace
} // namespace paddler
