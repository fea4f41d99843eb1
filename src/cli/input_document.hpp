// A desired state that a person hands to a command, and what is said where it is refused.
#pragma once
#include "base/result.hpp"
#include "cli/console.hpp"
#include "wire/document_node.hpp"

#include <string>
#include <string_view>

namespace paddler {

struct input_document {
  std::string file; // as given; "-": standard input
  std::string text;
  document_format format = document_format::yaml;
};

// JSON where the file's name or the document's first letter says so.
document_format format_of(std::string_view file, std::string_view text);

// The document that `-f FILE` names.
result<input_document> read_input_document(std::string const& file, console& terminal);

std::string_view content_type_of(input_document const& document);

// What is wrong with it, "FILE:LINE: PATH: MESSAGE (HINT)" each, as editors and people know it; empty where `why` names
// no places. Lines that the error lacks are looked up in the document.
std::string list_of_mistakes(error const& why, input_document const& document);

// That list, and the error itself without it.
void print_refusal(error why, input_document const& document, console const& terminal);

} // namespace paddler
