#include "cli/input_document.hpp"

#include "base/text.hpp"
#include "runtime/files.hpp"
#include "wire/json_codec.hpp"
#include "wire/yaml_codec.hpp"

#include <array>
#include <istream>
#include <optional>
#include <ostream>

namespace paddler {
namespace {

result<std::string> read_standard_input(console& terminal) {
  std::string text;
  std::array<char, 65536> piece{};
  while (terminal.in.read(piece.data(), piece.size()) || terminal.in.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(terminal.in.gcount()));
    if (text.size() > max_document_bytes) {
      return fail(error_code::too_large,
                  "standard input holds more than " + std::to_string(max_document_bytes) + " bytes");
    }
  }
  return text;
}

// One step of a path at its front: "agents", "[0]" or ".slots"; empty at its end or where it is no such path.
std::string_view take_step(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  auto const end = path.starts_with('[') ? path.find(']') + 1 : path.find_first_of(".[");
  auto const step = path.substr(0, end);
  path.remove_prefix(step.size());
  return step;
}

document_node const* item_at(document_node const& node, std::string_view step) {
  if (!step.starts_with('[')) return node.find(step);
  step.remove_prefix(1);
  auto const index = take_number<std::size_t>(step);
  bool const is_there = index && node.kind == node_kind::list && *index < node.items.size();
  return is_there ? &node.items[*index] : nullptr;
}

// The line of the innermost place of the path that the document has; 0 where it has none of it.
int line_of(document_node const& root, std::string_view path) {
  auto const* node = &root;
  int line = 0;
  while (!path.empty()) {
    node = item_at(*node, take_step(path));
    if (node == nullptr) break;
    line = node->line;
  }
  return line;
}

} // namespace

document_format format_of(std::string_view file, std::string_view text) {
  auto const first = text.find_first_not_of(" \t\r\n");
  bool const json = file.ends_with(".json") || (first != std::string_view::npos && text[first] == '{');
  return json ? document_format::json : document_format::yaml;
}

result<input_document> read_input_document(std::string const& file, console& terminal) {
  auto text = file == "-" ? read_standard_input(terminal) : blocking_read_file(file, max_document_bytes);
  if (!text)
    return fail(text.error().code, "-f: " + text.error().message,
                "Give the path of a desired state in YAML or JSON, or - for standard input.");
  auto const format = format_of(file, *text);
  return input_document{file, *std::move(text), format};
}

std::string_view content_type_of(input_document const& document) {
  return document.format == document_format::json ? "application/json" : "application/yaml";
}

std::string list_of_mistakes(error const& why, input_document const& document) {
  auto const name = document.file == "-" ? "standard input" : document.file;
  bool const json = document.format == document_format::json;
  auto const tree = json ? parse_json(document.text) : parse_yaml(document.text);
  std::string out;
  for (auto const& field : why.fields) {
    auto const line = field.line > 0 || !tree ? field.line : line_of(*tree, field.path);
    out += name + ":" + (line > 0 ? std::to_string(line) + ":" : "") + " " +
           (field.path.empty() ? "" : field.path + ": ") + field.message +
           (field.hint.empty() ? "" : " (" + field.hint + ")") + "\n";
  }
  return out;
}

void print_refusal(error why, input_document const& document, console const& terminal) {
  terminal.err << list_of_mistakes(why, document);
  why.fields.clear();
  terminal.print_error(why);
}

} // namespace paddler
