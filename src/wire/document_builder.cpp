#include "wire/document_builder.hpp"

#include <algorithm>
#include <numeric>

namespace paddler {
namespace {

void refuse_repeated(document_node& first, document_node& again, std::string const& key) {
  again.problem = "the key `" + clipped(key) + "` stands here twice";
  if (first.line > 0) again.problem += " (first on line " + std::to_string(first.line) + ")";
  again.hint = "keep one of the two";
}

// Which of two values would count differs from parser to parser, so neither does.
void find_repeated_keys(document_node& object) {
  std::vector<std::size_t> order(object.keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(std::string_view(object.keys[i]), i); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    auto const& key = object.keys[order[i]];
    if (key == object.keys[order[i - 1]]) refuse_repeated(object.items[order[i - 1]], object.items[order[i]], key);
  }
}

} // namespace

bool document_builder::open(document_node container) {
  if (!count_node()) return false;
  if (open_.size() == max_document_depth) {
    return exceeded("it is nested deeper than " + std::to_string(max_document_depth) + " levels");
  }
  open_.push_back(std::move(container));
  return true;
}

void document_builder::close() {
  document_node done = std::move(open_.back());
  open_.pop_back();
  if (done.kind == node_kind::object) find_repeated_keys(done);
  if (open_.empty()) {
    root_ = std::move(done);
  } else {
    open_.back().items.push_back(std::move(done));
  }
}

bool document_builder::add_value(document_node node) {
  if (!count_node()) return false;
  if (open_.empty()) {
    root_ = std::move(node);
  } else {
    open_.back().items.push_back(std::move(node));
  }
  return true;
}

void document_builder::add_key(std::string key) { open_.back().keys.push_back(std::move(key)); }

bool document_builder::wants_key() const {
  if (open_.empty()) return false;
  auto const& inner = open_.back();
  return inner.kind == node_kind::object && inner.keys.size() == inner.items.size();
}

bool document_builder::count_node() {
  if (++nodes_ <= node_limit_) return true;
  return exceeded("it has more than " + std::to_string(node_limit_) + " values");
}

bool document_builder::exceeded(std::string message) {
  failure_ = error{error_code::too_large, "the document is too large: " + std::move(message), "split it", {}};
  return false;
}

} // namespace paddler
