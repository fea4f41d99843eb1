#include "model/desired.hpp"
#include "model/views.hpp"
#include "wire/json_codec.hpp"
#include "wire/json_schema.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

TEST(JsonSchema, OfAStructIsNamedAndThereOnce) {
  schema_collection schemas;
  EXPECT_EQ(print_json(schemas.add<source_id>()), R"({"$ref":"#/components/schemas/source_id"})");
  schemas.add<source_id>();
  EXPECT_EQ(print_json(schemas.document()),
            R"({"source_id":{"type":"object","properties":{"kind":{"type":"string","enum":["api","file","discovery"]},)"
            R"("name":{"type":"string"}},"required":["kind","name"]}})");
}

TEST(JsonSchema, RequiresWhatIsAlwaysWritten) {
  schema_collection schemas;
  schemas.add<desired_document>();
  auto const all = schemas.document();
  EXPECT_EQ(all.find("desired_document")->find("required"), nullptr) << "lists may be left out";
  EXPECT_EQ(print_json(*all.find("agent_spec")->find("required")), R"(["id"])");
  ASSERT_NE(all.find("model_parameters"), nullptr) << "what is within is there, too";
}

TEST(JsonSchema, SaysWhatValuesAre) {
  schema_collection schemas;
  auto const text = [](document_node const& node) { return print_json(node); };
  EXPECT_EQ(text(schemas.add<bool>()), R"({"type":"boolean"})");
  EXPECT_EQ(text(schemas.add<int>()), R"({"type":"integer"})");
  EXPECT_EQ(text(schemas.add<std::uint64_t>()), R"({"type":"integer","minimum":0})");
  EXPECT_EQ(text(schemas.add<revision>()), R"({"type":"integer","minimum":0})");
  EXPECT_EQ(text(schemas.add<wall_time>()), R"({"type":"string","format":"date-time"})");
  EXPECT_EQ(text(schemas.add<field_value>()), R"({"type":["boolean","number","string"]})");
  EXPECT_EQ(text(schemas.add<std::optional<std::vector<agent_id>>>()), R"({"type":"array","items":{"type":"string"}})");
  EXPECT_EQ(text(schemas.object({{"a", schemas.add<double>()}})),
            R"({"type":"object","properties":{"a":{"type":"number"}},"required":["a"]})");
}

} // namespace
} // namespace paddler
