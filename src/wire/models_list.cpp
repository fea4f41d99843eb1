#include "wire/models_list.hpp"

#include "wire/json_codec.hpp"
#include "wire/rfc3339.hpp"

namespace paddler {
namespace {

document_node entry(std::string_view name, wall_time created) {
  auto const seconds = std::chrono::floor<std::chrono::seconds>(created.time_since_epoch());
  document_node node = object_node();
  node.add("id", text_node(std::string(name))).add("object", text_node("model"));
  node.add("created", number_node(seconds.count())).add("owned_by", text_node("paddler"));
  node.add("type", text_node("model")).add("display_name", text_node(std::string(name)));
  node.add("created_at", text_node(print_rfc3339(wall_time{seconds})));
  return node;
}

} // namespace

std::string models_list_body(std::span<std::string const> names, wall_time created) {
  document_node data = list_node();
  for (auto const& name : names) data.items.push_back(entry(name, created));
  document_node node = object_node();
  node.add("object", text_node("list")).add("data", std::move(data)).add("has_more", boolean_node(false));
  node.add("first_id", names.empty() ? null_node() : text_node(names.front()));
  node.add("last_id", names.empty() ? null_node() : text_node(names.back()));
  return print_json(node);
}

std::string model_body(std::string_view name, wall_time created) { return print_json(entry(name, created)); }

} // namespace paddler
