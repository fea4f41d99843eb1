#include "wire/desired_codec.hpp"

#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"
#include "wire/yaml_codec.hpp"

namespace paddler {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::unexpected<error> empty_document(document_format format) {
  return fail(error_code::invalid_input, "the document is empty: is it cut off?",
              format == document_format::yaml ? "to want nothing at all, write `agents: []`"
                                              : "to want nothing at all, write {\"agents\":[]}");
}

} // namespace

result<desired_document> parse_desired(std::string_view text, document_format format) {
  if (is_blank(text)) return empty_document(format);
  auto const node = format == document_format::yaml ? parse_yaml(text) : parse_json(text);
  if (!node) return std::unexpected(node.error());
  if (node->kind == node_kind::null && node->problem.empty()) return empty_document(format);
  return from_document<desired_document>(*node, unknown_keys::refuse);
}

std::string print_desired(desired_document const& document, document_format format) {
  auto const node = to_document(document);
  return format == document_format::yaml ? print_yaml(node) : print_json(node);
}

} // namespace paddler
