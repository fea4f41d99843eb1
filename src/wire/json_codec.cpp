#include "wire/json_codec.hpp"

#include "wire/document_builder.hpp"
#include "wire/json_text.hpp"
#include "wire/text_position.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <limits>

namespace paddler {
namespace {

namespace json = boost::json;

// Boost's parser calls this; see boost/json/basic_parser.hpp for the contract of each function.
class tree_handler {
public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  tree_handler(std::string_view document, document_limits limits) : builder_(limits.nodes), lines_(document) {}

  bool on_document_begin(json::error_code&) { return true; }

  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& ec) { return check(builder_.open(at_line(object_node())), ec); }

  bool on_object_end(std::size_t, json::error_code&) {
    builder_.close();
    return true;
  }

  bool on_array_begin(json::error_code& ec) { return check(builder_.open(at_line(list_node())), ec); }

  bool on_array_end(std::size_t, json::error_code&) {
    builder_.close();
    return true;
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }

  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    collect(part);
    builder_.add_key(std::exchange(text_, {}));
    return true;
  }

  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return collect(part); }

  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    collect(part);
    return check(builder_.add_value(at_line(text_node(std::exchange(text_, {})))), ec);
  }

  bool on_number_part(json::string_view part, json::error_code&) { return collect(part); }

  bool on_int64(std::int64_t, json::string_view part, json::error_code& ec) { return on_number(part, ec); }

  bool on_uint64(std::uint64_t, json::string_view part, json::error_code& ec) { return on_number(part, ec); }

  bool on_double(double, json::string_view part, json::error_code& ec) { return on_number(part, ec); }

  bool on_bool(bool value, json::error_code& ec) { return check(builder_.add_value(at_line(boolean_node(value))), ec); }

  bool on_null(json::error_code& ec) { return check(builder_.add_value(at_line(null_node())), ec); }

  bool on_comment_part(json::string_view, json::error_code&) { return true; }

  bool on_comment(json::string_view, json::error_code&) { return true; }

  document_builder& builder() { return builder_; }

private:
  bool on_number(json::string_view part, json::error_code& ec) {
    collect(part);
    return check(builder_.add_value(at_line(number_node(std::exchange(text_, {})))), ec);
  }

  bool collect(json::string_view part) {
    lines_.advance_to(part.data());
    text_.append(part.data(), part.size());
    return true;
  }

  document_node at_line(document_node node) {
    node.line = lines_.line();
    return node;
  }

  // Any code stops the parser; the words are the builder's.
  static bool check(bool within_limits, json::error_code& ec) {
    if (!within_limits) ec = json::error::too_deep;
    return within_limits;
  }

  document_builder builder_;
  line_counter lines_;
  std::string text_; // the pieces of the key, text or number that is being read
};

std::string hint_for(std::string_view rest) {
  if (rest.empty()) return "the text ends too early: is it cut off?";
  switch (rest.front()) {
  case '\'': return "JSON wants double quotes";
  case '}':
  case ']': return "no comma may stand before a closing bracket, and brackets must match";
  case '#':
  case '/': return "JSON has no comments; YAML does";
  default: return "is a quote, a comma, a colon or a bracket missing here?";
  }
}

error syntax_error(std::string_view text, std::size_t at, std::string const& why) {
  auto const position = position_of(text, at);
  std::string const where = "line " + std::to_string(position.line) + ", column " + std::to_string(position.column);
  std::string const hint = hint_for(text.substr(at));
  return error{error_code::invalid_input,
               "the document is not valid JSON: " + why + " at " + where,
               hint,
               {{"", why + " at column " + std::to_string(position.column), hint, position.line}}};
}

void print(std::string& out, document_node const& node) {
  switch (node.kind) {
  case node_kind::null: out += "null"; return;
  case node_kind::boolean: out += node.boolean ? "true" : "false"; return;
  case node_kind::number: out += node.text; return;
  case node_kind::text: append_json_text(out, node.text); return;
  case node_kind::list:
  case node_kind::object: break;
  }
  bool const object = node.kind == node_kind::object;
  out += object ? '{' : '[';
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (i > 0) out += ',';
    if (object) {
      append_json_text(out, node.keys[i]);
      out += ':';
    }
    print(out, node.items[i]);
  }
  out += object ? '}' : ']';
}

} // namespace

result<document_node> parse_json(std::string_view text, document_limits limits) {
  if (auto refused = refuse_document(text, limits.bytes)) return std::unexpected(*std::move(refused));
  json::parse_options options;
  options.max_depth = max_document_depth + 1; // the builder counts, so that its words are used
  json::basic_parser<tree_handler> parser(options, text, limits);
  json::error_code ec;
  std::size_t const used = parser.write_some(false, text.data(), text.size(), ec);
  auto& builder = parser.handler().builder();
  if (builder.failure()) return std::unexpected(*builder.failure());
  if (ec) return std::unexpected(syntax_error(text, used, ec.message()));
  if (used < text.size()) return std::unexpected(syntax_error(text, used, "more text after the document's end"));
  return *builder.take();
}

std::string print_json(document_node const& node) {
  std::string out;
  print(out, node);
  return out;
}

} // namespace paddler
