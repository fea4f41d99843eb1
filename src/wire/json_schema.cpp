#include "wire/json_schema.hpp"

#include <utility>

namespace paddler {

document_node detail::schema_of_type(std::string type) {
  auto out = object_node();
  out.add("type", text_node(std::move(type)));
  return out;
}

document_node schema_collection::object(std::vector<std::pair<std::string, document_node>> properties) {
  auto named = object_node();
  auto required = list_node();
  for (auto& [name, schema] : properties) {
    required.items.push_back(text_node(name));
    named.add(name, std::move(schema));
  }
  auto out = detail::schema_of_type("object");
  out.add("properties", std::move(named)).add("required", std::move(required));
  return out;
}

document_node schema_collection::list_of(document_node items) {
  auto out = detail::schema_of_type("array");
  out.add("items", std::move(items));
  return out;
}

document_node schema_collection::document() const {
  auto out = object_node();
  for (auto const& [name, schema] : schemas_) out.add(name, schema);
  return out;
}

document_node schema_collection::schema(std::type_identity<wall_time>) {
  auto out = detail::schema_of_type("string");
  out.add("format", text_node("date-time"));
  return out;
}

// True for an entry that is there, else what the field holds.
document_node schema_collection::schema(std::type_identity<field_value>) {
  auto types = list_node();
  for (auto const* each : {"boolean", "number", "string"}) types.items.push_back(text_node(each));
  auto out = object_node();
  out.add("type", std::move(types));
  return out;
}

} // namespace paddler
