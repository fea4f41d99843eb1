// What an unquoted YAML scalar means, and how text is written so that it comes back.
#pragma once
#include "wire/document_node.hpp"

#include <string>
#include <string_view>

namespace paddler {

// YAML 1.2's core schema (section 10.3.2) without what its older versions read otherwise: `yes` is text, and `010`,
// `0x1F`, `.inf` are refused (document_node::problem).
document_node plain_scalar(std::string_view text);

// Text on one line: as it stands where every YAML version reads it as text, in double quotes otherwise.
std::string yaml_text(std::string_view text);

// Whether a literal block (`|`) keeps the text as it is.
bool fits_literal_block(std::string_view text);

} // namespace paddler
