#include "wire/document_edit.hpp"

#include "wire/json_codec.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace paddler {
namespace {

bool has_problem(document_node const& node) {
  return !node.problem.empty() || std::ranges::any_of(node.items, has_problem);
}

} // namespace

result<document_node> parse_unambiguous_json(std::string_view text, document_limits limits) {
  auto document = parse_json(text, limits);
  if (document && has_problem(*document)) return fail(error_code::invalid_input, "a key stands twice in one object");
  return document;
}

document_node const* item_of(document_node const* object, std::string_view key) {
  return object == nullptr ? nullptr : object->find(key);
}

document_node* item_of(document_node* object, std::string_view key) {
  return const_cast<document_node*>(item_of(static_cast<document_node const*>(object), key));
}

document_node const* value_of(document_node const* object, std::string_view key) {
  auto const* item = item_of(object, key);
  return item != nullptr && item->kind == node_kind::null ? nullptr : item;
}

void set_item(document_node& object, std::string_view key, document_node value) {
  if (auto* item = item_of(&object, key)) {
    *item = std::move(value);
  } else {
    object.add(std::string(key), std::move(value));
  }
}

bool remove_item(document_node& object, std::string_view key) {
  auto const at = std::ranges::find(object.keys, key);
  if (at == object.keys.end()) return false;
  object.items.erase(object.items.begin() + std::distance(object.keys.begin(), at));
  object.keys.erase(at);
  return true;
}

void apply_merge_patch(document_node& target, document_node const& patch) {
  if (patch.kind != node_kind::object || !patch.problem.empty()) { // who reads the result is told of the problem
    target = patch;
    return;
  }
  if (target.kind != node_kind::object) target = object_node();
  for (std::size_t i = 0; i < patch.items.size(); ++i) {
    auto const& item = patch.items[i];
    if (item.kind == node_kind::null && item.problem.empty()) {
      remove_item(target, patch.keys[i]);
      continue;
    }
    auto const place = static_cast<std::size_t>(std::ranges::find(target.keys, patch.keys[i]) - target.keys.begin());
    if (place == target.keys.size()) target.add(patch.keys[i], null_node());
    apply_merge_patch(target.items[place], item);
  }
}

} // namespace paddler
