#include "wire/document_node.hpp"

#include "base/text.hpp"
#include "wire/json_text.hpp"

#include <charconv>
#include <cmath>
#include <limits>

namespace paddler {
namespace {

constexpr std::size_t clipped_bytes = 60;

document_node node_of(node_kind kind, std::string text = {}) {
  document_node node;
  node.kind = kind;
  node.text = std::move(text);
  return node;
}

} // namespace

document_node null_node() { return node_of(node_kind::null); }

document_node boolean_node(bool value) {
  auto node = node_of(node_kind::boolean);
  node.boolean = value;
  return node;
}

document_node text_node(std::string value) { return node_of(node_kind::text, std::move(value)); }

document_node number_node(std::string json_number) { return node_of(node_kind::number, std::move(json_number)); }

document_node number_node(double value) {
  if (!std::isfinite(value)) return null_node();
  return number_node(print_number(value));
}

document_node list_node() { return node_of(node_kind::list); }

document_node object_node() { return node_of(node_kind::object); }

std::string describe(document_node const& node) {
  switch (node.kind) {
  case node_kind::null: return "null";
  case node_kind::boolean: return node.boolean ? "true" : "false";
  case node_kind::number: return "the number " + clipped(node.text);
  case node_kind::text: return "text " + json_text(clipped(node.text));
  case node_kind::list: return "a list";
  case node_kind::object: return "an object";
  }
  return "nothing";
}

std::string clipped(std::string_view text) {
  if (text.size() <= clipped_bytes) return std::string(text);
  return std::string(start_of(text, clipped_bytes)) + "...";
}

double to_double(std::string_view json_number) {
  double value = 0;
  auto const read = std::from_chars(json_number.data(), json_number.data() + json_number.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  bool const too_small =
      json_number.find("e-") != std::string_view::npos || json_number.find("E-") != std::string_view::npos;
  double const limit = too_small ? 0 : std::numeric_limits<double>::infinity();
  return json_number.starts_with('-') ? -limit : limit;
}

} // namespace paddler
