#include "cli/canned_api_test.hpp"
#include "cli/validate.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ValidateOffline, ChecksShapeAndMeaning) {
  EXPECT_TRUE(validate_offline({"c.yaml", "agents: [{id: a1, slots: 4}]\n", document_format::yaml}));
  auto const shape = validate_offline({"c.yaml", "agents: [{id: a1, slotz: 4}]\n", document_format::yaml});
  EXPECT_EQ(shape.error().fields.at(0).path, "agents[0].slotz");
  auto const meaning = validate_offline({"c.yaml", "agents: [{id: a1}, {id: a1, slots: 0}]\n", document_format::yaml});
  EXPECT_EQ(meaning.error().code, error_code::invalid_input);
  EXPECT_EQ(meaning.error().message, "the document has 2 errors");
  EXPECT_EQ(validate_offline({"c.json", "", document_format::json}).error().code, error_code::invalid_input);
}

TEST(ValidateOffline, WarnsOfWhatAnotherSourceMayMend) {
  auto const warnings = validate_offline({"c.yaml", "agents:\n  - id: a1\n    model: chat\n", document_format::yaml});
  ASSERT_TRUE(warnings);
  EXPECT_THAT(*warnings, ElementsAre(HasSubstr("c.yaml:3: agents[0].model: names 'chat', and no models[] entry has "
                                               "this id, unless another source has it")));
}

TEST(RunValidate, AsksTheBalancer) {
  canned_api api({{"POST /validate", {{200, R"({"valid":true,"warnings":["mind"]})"}}}});
  test_console console("agents: []\n");
  EXPECT_EQ(run_validate({.management = api.address(), .file = "-"}, console.terminal), exit_code::success);
  EXPECT_EQ(console.said(), "standard input: valid\n");
  EXPECT_EQ(console.noted(), "warning: mind\n");
  EXPECT_THAT(api.asked(), ElementsAre("POST /validate agents: []\n"));
}

TEST(RunValidate, ListsEveryMistake) {
  canned_api api(
      {{"POST /validate",
        {canned_api::problem(422, "the document has 2 errors",
                             {{"agents[0].slots", "is 0", "give 1", 0}, {"agents[1].id", "is missing", "", 2}})}}});
  test_console console("agents:\n  - slots: 0\n");
  EXPECT_EQ(run_validate({.management = api.address(), .file = "-"}, console.terminal), exit_code::invalid);
  EXPECT_EQ(console.said(), "");
  EXPECT_THAT(console.noted(), HasSubstr("standard input:2: agents[0].slots: is 0 (give 1)\nstandard input:2: "
                                         "agents[1].id: is missing\npaddler: the document has 2 errors"));
}

TEST(RunValidate, NeedsNobodyOffline) {
  test_console console("agents: [{id: a1, slots: 0}]\n");
  EXPECT_EQ(run_validate({.management = deserted_address(), .file = "-", .offline = true}, console.terminal),
            exit_code::invalid);
  EXPECT_THAT(console.noted(), HasSubstr("standard input:1: agents[0].slots: is 0"));
  test_console missing;
  EXPECT_EQ(run_validate({.file = "/no/file", .offline = true}, missing.terminal), exit_code::not_found);
}

} // namespace
} // namespace paddler
