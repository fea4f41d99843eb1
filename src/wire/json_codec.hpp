// JSON text (RFC 8259) and document trees.
#pragma once
#include "base/result.hpp"
#include "wire/document_node.hpp"

#include <string>
#include <string_view>

namespace paddler {

// The whole text as one document. Errors: invalid_input with line and column, too_large. Keys that stand twice are
// marked in the tree (document_node::problem), to be reported with everything else that is wrong.
result<document_node> parse_json(std::string_view text, document_limits limits = {});

// On one line, without spaces.
std::string print_json(document_node const& node);

} // namespace paddler
