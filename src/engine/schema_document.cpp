#include "engine/schema_document.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr int max_depth = 32;
constexpr std::size_t max_items = 64;
constexpr std::size_t max_text = 4096;

class writer {
public:
  writer(json::value const& root, hash_chain& words, std::string_view subject)
      : root_(root), words_(words), subject_(subject) {}

  json::value write(json::value const& schema, int depth) {
    auto const* fields = schema.if_object();
    if (fields == nullptr || depth > max_depth) return nullptr;
    for (auto key : {"const", "default"})
      if (auto const* fixed = fields->if_contains(key)) return *fixed;
    if (auto const* choices = list(*fields, "enum"); choices != nullptr && !choices->empty()) return choices->front();
    if (auto const* target = reference(*fields)) return write(*target, depth + 1);
    for (auto key : {"anyOf", "oneOf"})
      if (auto const* options = list(*fields, key); options != nullptr && !options->empty())
        return write(options->front(), depth + 1);
    if (auto const* parts = list(*fields, "allOf")) return merged(*parts, depth);
    return by_type(*fields, depth);
  }

private:
  static json::array const* list(json::object const& fields, std::string_view key) {
    auto const* value = fields.if_contains(key);
    return value == nullptr ? nullptr : value->if_array();
  }

  static std::size_t count(json::object const& fields, std::string_view key, std::size_t otherwise, std::size_t limit) {
    auto const* value = fields.if_contains(key);
    if (value == nullptr || !value->is_number()) return otherwise;
    return static_cast<std::size_t>(std::clamp(value->to_number<double>(), 0.0, static_cast<double>(limit)));
  }

  // "#/$defs/name" and other pointers into the schema.
  json::value const* reference(json::object const& fields) const {
    auto const* ref = fields.if_contains("$ref");
    if (ref == nullptr || !ref->is_string() || !ref->as_string().starts_with("#")) return nullptr;
    boost::system::error_code ec;
    auto const* target = root_.find_pointer(std::string_view(ref->as_string()).substr(1), ec);
    return ec ? nullptr : target;
  }

  json::value merged(json::array const& parts, int depth) {
    json::object out;
    for (auto const& part : parts) {
      auto const value = write(part, depth + 1);
      if (!value.is_object()) return value;
      for (auto const& [key, inner] : value.as_object()) out.insert_or_assign(key, inner);
    }
    return out;
  }

  static std::string_view type_of(json::object const& fields) {
    auto const* type = fields.if_contains("type");
    if (type != nullptr && type->is_string()) return type->as_string();
    if (type != nullptr && type->is_array() && !type->as_array().empty() && type->as_array().front().is_string())
      return type->as_array().front().as_string();
    if (fields.contains("properties")) return "object";
    return fields.contains("items") ? "array" : "string";
  }

  json::value by_type(json::object const& fields, int depth) {
    auto const type = type_of(fields);
    if (type == "object") return object(fields, depth);
    if (type == "array") return array(fields, depth);
    if (type == "integer" || type == "number") return number(fields, type == "integer");
    if (type == "boolean") return true;
    if (type == "null") return nullptr;
    return text(fields);
  }

  static bool is_required(json::object const& fields, std::string_view key) {
    auto const* required = list(fields, "required");
    if (required == nullptr) return true;
    return std::ranges::any_of(*required,
                               [&](json::value const& name) { return name.is_string() && name.as_string() == key; });
  }

  json::value object(json::object const& fields, int depth) {
    json::object out;
    auto const* properties = fields.if_contains("properties");
    if (properties == nullptr || !properties->is_object()) return out;
    for (auto const& [key, schema] : properties->as_object())
      if (is_required(fields, key)) out.emplace(key, write(schema, depth + 1));
    return out;
  }

  json::value array(json::object const& fields, int depth) {
    json::array out;
    if (auto const* prefix = list(fields, "prefixItems"))
      for (auto const& schema : *prefix) out.push_back(write(schema, depth + 1));
    auto const* items = fields.if_contains("items");
    std::size_t const least = count(fields, "minItems", items != nullptr && out.empty() ? 1 : 0, max_items);
    while (items != nullptr && out.size() < least) out.push_back(write(*items, depth + 1));
    return out;
  }

  static json::value number(json::object const& fields, bool whole) {
    auto const given = [&](std::string_view key) -> std::optional<double> {
      auto const* value = fields.if_contains(key);
      if (value == nullptr || !value->is_number()) return std::nullopt;
      return value->to_number<double>();
    };
    double out = given("minimum").value_or(std::min(1.0, given("maximum").value_or(1.0)));
    if (auto const above = given("exclusiveMinimum")) out = *above + (whole ? 1 : 0.5);
    if (auto const step = given("multipleOf"); step && *step > 0) out = std::ceil(out / *step) * *step;
    if (whole && std::abs(out) < 1e15) return static_cast<std::int64_t>(std::ceil(out));
    return out;
  }

  json::value text(json::object const& fields) {
    std::string out(subject_);
    if (out.empty()) out = words_.next();
    if (out.starts_with(' ')) out.erase(0, 1);
    std::size_t const least = count(fields, "minLength", 0, max_text);
    while (out.size() < least) out += words_.next();
    return json::string(out);
  }

  json::value const& root_;
  hash_chain& words_;
  std::string_view subject_;
};

} // namespace

json::value smallest_document(json::value const& schema, hash_chain& words, std::string_view subject) {
  return writer(schema, words, subject).write(schema, 0);
}

} // namespace paddler
