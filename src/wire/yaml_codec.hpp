// YAML 1.2 text and document trees.
//
// Of YAML only what a tree can say is taken: one document, keys that are text, no anchors, aliases, merge keys or tags
// (so nothing expands), numbers in decimal. What looks like a number is one unless it is quoted.
#pragma once
#include "base/result.hpp"
#include "wire/document_node.hpp"

#include <string>
#include <string_view>

namespace paddler {

// Errors: invalid_input with line and column, too_large. A place that is well-formed but refused (an alias, a number
// such as `010`, a key that stands twice) is marked in the tree (document_node::problem), to be reported with
// everything else that is wrong. A text without any document is null.
result<document_node> parse_yaml(std::string_view text);

// Block style, indented by two; text of several lines as a literal block where that keeps it whole.
std::string print_yaml(document_node const& node);

} // namespace paddler
