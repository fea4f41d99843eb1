// The description of the management API is that of the routes which are there, and answers are as it says.
#include "balancer/openapi.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <set>

namespace paddler_test {
namespace {

namespace json = boost::json;

std::set<std::string> operation_ids(json::value const& document) {
  std::set<std::string> out;
  for (auto const& [path, methods] : document.at("paths").as_object())
    for (auto const& [method, operation] : methods.as_object())
      EXPECT_TRUE(out.insert(std::string(operation.at("operationId").as_string())).second) << std::string(path);
  return out;
}

// Every $ref leads somewhere.
void expect_references(json::value const& node, json::object const& schemas) {
  if (auto const* list = node.if_array())
    for (auto const& each : *list) expect_references(each, schemas);
  auto const* object = node.if_object();
  if (object == nullptr) return;
  if (auto const* ref = object->if_contains("$ref")) {
    std::string const name(ref->as_string());
    EXPECT_TRUE(schemas.contains(name.substr(name.rfind('/') + 1))) << name;
  }
  for (auto const& [key, each] : *object) expect_references(each, schemas);
}

json::object const* resolved(json::value const& schema, json::value const& document) {
  auto const* ref = schema.as_object().if_contains("$ref");
  if (ref == nullptr) return &schema.as_object();
  std::string const name(ref->as_string());
  return &document.at("components").at("schemas").at(name.substr(name.rfind('/') + 1)).as_object();
}

// Whether a value has what its schema requires and nothing that it does not know.
void expect_fits(json::value const& value, json::value const& named, json::value const& document, std::string where) {
  auto const& schema = *resolved(named, document);
  if (auto const* list = value.if_array()) {
    ASSERT_TRUE(schema.contains("items")) << where;
    for (auto const& each : *list) expect_fits(each, schema.at("items"), document, where + "[]");
  }
  auto const* object = value.if_object();
  auto const* properties = schema.if_contains("properties");
  if (object == nullptr || properties == nullptr) return;
  if (auto const* required = schema.if_contains("required"))
    for (auto const& key : required->as_array()) EXPECT_TRUE(object->contains(key.as_string())) << where << " " << key;
  for (auto const& [key, each] : *object) {
    auto const* known = properties->as_object().if_contains(key);
    EXPECT_NE(known, nullptr) << where << " has " << std::string(key);
    if (known != nullptr) expect_fits(each, *known, document, where + "." + std::string(key));
  }
}

SYSTEM_TEST(openapi, describes_every_route_and_nothing_else, local_cluster) {
  co_await cluster.start();
  auto const document = co_await cluster.api().get_json("/management/v1/openapi.json");
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  auto const described = described_operations();
  EXPECT_EQ(operation_ids(document), std::set<std::string>(described.begin(), described.end()));
  expect_references(document, document.at("components").at("schemas").as_object());
  for (auto const& [path, methods] : document.at("paths").as_object())
    for (auto const& [method, operation] : methods.as_object())
      EXPECT_FALSE(operation.at("summary").as_string().empty()) << std::string(path);
}

SYSTEM_TEST(openapi, answers_are_as_it_says, local_cluster) {
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  co_await cluster.api().expect_serving();
  auto const document = co_await cluster.api().get_json("/management/v1/openapi.json");
  auto const requests = co_await cluster.api().get_json("/management/v1/requests?state=completed&limit=1");
  auto const request = std::string(requests.at("items").at(0).at("id").as_string());
  int compared = 0;
  for (auto const& [path, methods] : document.at("paths").as_object()) {
    auto const* get = methods.as_object().if_contains("get");
    std::string target(path);
    if (get == nullptr || !get->at("responses").as_object().contains("200")) continue;
    auto const* content = get->at("responses").at("200").as_object().if_contains("content");
    auto const* media = content == nullptr ? nullptr : content->as_object().if_contains("application/json");
    if (media == nullptr || target.ends_with("openapi.json") || target.ends_with("/dump")) continue;
    if (auto const open = target.find("{request}"); open != std::string::npos)
      target.replace(open, std::string("{request}").size(), request);
    if (target.contains('{')) continue;
    auto const answer = co_await cluster.api().get_json(target);
    expect_fits(answer, media->at("schema"), document, target);
    ++compared;
  }
  EXPECT_GE(compared, 14) << json::serialize(document);
}

} // namespace
} // namespace paddler_test
