#include "wire/yaml_codec.hpp"
#include "wire/yaml_scalar.hpp"

namespace paddler {
namespace {

constexpr std::size_t indent_width = 2;

class yaml_printer {
public:
  std::string print(document_node const& node) {
    if (is_block(node)) {
      items(node, 0, false);
    } else {
      out_ += node.kind == node_kind::text ? yaml_text(node.text) : scalar(node);
      out_ += '\n';
    }
    return std::move(out_);
  }

private:
  // Lists and objects that have lines of their own.
  static bool is_block(document_node const& node) { return !node.items.empty(); }

  // `on_line`: the first item goes on the line that is already begun.
  void items(document_node const& node, std::size_t indent, bool on_line) {
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (!on_line || i > 0) out_.append(indent, ' ');
      if (node.kind == node_kind::object) {
        (out_ += yaml_text(node.keys[i])) += ':';
        value_of_key(node.items[i], indent);
      } else {
        out_ += '-';
        value_of_dash(node.items[i], indent);
      }
    }
  }

  void value_of_key(document_node const& node, std::size_t indent) {
    if (!is_block(node)) return inline_value(node, indent);
    out_ += '\n';
    items(node, indent + indent_width, false);
  }

  void value_of_dash(document_node const& node, std::size_t indent) {
    out_ += is_block(node) ? " " : "";
    if (!is_block(node)) return inline_value(node, indent);
    items(node, indent + indent_width, true);
  }

  void inline_value(document_node const& node, std::size_t indent) {
    out_ += ' ';
    if (node.kind == node_kind::text && fits_literal_block(node.text)) return literal(node.text, indent + indent_width);
    (out_ += node.kind == node_kind::text ? yaml_text(node.text) : scalar(node)) += '\n';
  }

  // The sign behind the bar says what becomes of the line breaks at the end: dropped, one kept, or all kept.
  void literal(std::string_view text, std::size_t indent) {
    out_ += '|';
    if (!text.ends_with('\n')) out_ += '-';
    if (text.ends_with("\n\n")) out_ += '+';
    out_ += '\n';
    while (!text.empty()) {
      auto const line = text.substr(0, text.find('\n'));
      if (!line.empty()) out_.append(indent, ' ').append(line);
      out_ += '\n';
      text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
  }

  static std::string scalar(document_node const& node) {
    switch (node.kind) {
    case node_kind::boolean: return node.boolean ? "true" : "false";
    case node_kind::number: return node.text;
    case node_kind::list: return "[]";
    case node_kind::object: return "{}";
    case node_kind::null:
    case node_kind::text: break;
    }
    return "null";
  }

  std::string out_;
};

} // namespace

std::string print_yaml(document_node const& node) { return yaml_printer().print(node); }

} // namespace paddler
