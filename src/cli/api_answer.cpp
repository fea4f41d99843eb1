#include "cli/api_answer.hpp"

#include "base/text.hpp"
#include "wire/json_codec.hpp"
#include "wire/json_text.hpp"
#include "wire/yaml_codec.hpp"

namespace paddler {
namespace {

error_code code_of_status(int status) {
  switch (status) {
  case 400:
  case 422: return error_code::invalid_input;
  case 404: return error_code::not_found;
  case 409:
  case 412: return error_code::conflict;
  case 410: return error_code::gone;
  case 413: return error_code::too_large;
  case 429:
  case 503: return error_code::unavailable;
  case 504: return error_code::timeout;
  case 507: return error_code::full;
  default: return error_code::internal;
  }
}

field_error field_of(document_node const& node) {
  return {text_of(item_of(node, "path")), text_of(item_of(node, "message")), text_of(item_of(node, "hint")),
          parse_number<int>(text_of(item_of(node, "line"))).value_or(0)};
}

error error_of_problem(document_node const& problem, int status) {
  error out{code_of_status(status), text_of(item_of(problem, "detail")), text_of(item_of(problem, "hint")), {}};
  if (out.message.empty()) out.message = text_of(item_of(problem, "title"));
  if (auto const* const fields = item_of(problem, "errors")) {
    for (auto const& field : fields->items) out.fields.push_back(field_of(field));
  }
  return out;
}

void append_pretty(std::string& out, document_node const& node, std::size_t depth) {
  bool const is_object = node.kind == node_kind::object;
  if ((!is_object && node.kind != node_kind::list) || node.items.empty()) {
    out += print_json(node);
    return;
  }
  std::string const indent((depth + 1) * 2, ' ');
  out += is_object ? "{\n" : "[\n";
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    out += indent;
    if (is_object) out += json_text(node.keys[i]) + ": ";
    append_pretty(out, node.items[i], depth + 1);
    out += i + 1 < node.items.size() ? ",\n" : "\n";
  }
  out += std::string(depth * 2, ' ') + (is_object ? "}" : "]");
}

} // namespace

document_node const* item_of(document_node const& object, std::string_view key) {
  if (object.kind != node_kind::object) return nullptr;
  for (std::size_t i = 0; i < object.items.size(); ++i) {
    if (object.keys[i] == key) return &object.items[i];
  }
  return nullptr;
}

std::string text_of(document_node const* node) {
  bool const has_text = node != nullptr && (node->kind == node_kind::text || node->kind == node_kind::number);
  return has_text ? node->text : "";
}

error error_of_object(document_node const& error_object, int status) {
  error out{code_of_status(status), text_of(item_of(error_object, "message")), "", {}};
  if (out.message.empty()) out.message = "the server says: " + print_json(error_object);
  return out;
}

error error_of(api_answer const& answer) {
  if (auto const parsed = parse_json(answer.body); parsed && parsed->kind == node_kind::object) {
    if (auto const* const object = item_of(*parsed, "error")) return error_of_object(*object, answer.status);
    if (item_of(*parsed, "title") != nullptr || item_of(*parsed, "detail") != nullptr) {
      return error_of_problem(*parsed, answer.status);
    }
  }
  return {code_of_status(answer.status),
          "the server answered " + std::to_string(answer.status) +
              (answer.body.empty() ? "" : ": " + clipped(answer.body)),
          "Is this address a Paddler?",
          {}};
}

result<document_node> document_of(api_answer const& answer) {
  auto parsed = parse_json(answer.body, answer_limits);
  if (parsed) return parsed;
  return fail(error_code::protocol, "the server's answer is not JSON: " + clipped(answer.body),
              "Is this address a Paddler's management API?");
}

result<api_list> parse_list(api_answer const& answer) {
  auto parsed = parse_json(answer.body, answer_limits);
  if (parsed) {
    auto const* const items = item_of(*parsed, "items");
    if (items != nullptr && items->kind == node_kind::list) return api_list{std::move(*parsed)};
  }
  return fail(error_code::protocol, "the server's answer is not a list: " + clipped(answer.body),
              "Is this address a Paddler's management API?");
}

std::string print_pretty_json(document_node const& node) {
  std::string out;
  append_pretty(out, node, 0);
  return out + "\n";
}

std::string print_document(document_node const& node, bool yaml) {
  return yaml ? print_yaml(node) : print_pretty_json(node);
}

} // namespace paddler
