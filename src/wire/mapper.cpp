#include "wire/mapper.hpp"

#include "base/text.hpp"
#include "wire/json_text.hpp"
#include "wire/rfc3339.hpp"

#include <algorithm>

namespace paddler {
namespace {

// Keys beyond this length are no misspelling of ours.
constexpr std::size_t max_misspelled_key = 64;

bool is_plain_key(std::string_view key) {
  return !key.empty() && key.size() <= max_misspelled_key && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string did_you_mean(std::string_view word, std::span<std::string_view const> candidates) {
  if (word.size() > max_misspelled_key) return {};
  auto const meant = nearest(word, candidates);
  return meant.empty() ? std::string() : "did you mean " + json_text(meant) + "? ";
}

std::string comma_separated(std::span<std::string_view const> words) {
  std::string out;
  for (auto const word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

// How to mend a value of the wrong kind.
std::string kind_hint(document_node const& node, node_kind wanted) {
  bool const is_scalar = node.kind == node_kind::number || node.kind == node_kind::boolean;
  if (node.kind == node_kind::null) return "give it a value, or leave the key out";
  if (wanted == node_kind::text && is_scalar) return "put it in quotes if it is text";
  if (wanted == node_kind::number && node.kind == node_kind::text && parse_number<double>(node.text))
    return "write it without quotes";
  switch (wanted) {
  case node_kind::boolean: return "write true or false";
  case node_kind::number: return "write a number, as in 4";
  case node_kind::text: return "write text in quotes";
  case node_kind::list: return "write a list, or [] for none";
  case node_kind::object: return "write keys with their values";
  case node_kind::null: break;
  }
  return {};
}

} // namespace

document_reader::step::step(document_reader& reader, std::string_view key)
    : reader_(reader), length_(reader.path_.size()) {
  if (is_plain_key(key)) {
    if (length_ > 0) reader.path_ += '.';
    reader.path_ += key;
  } else {
    reader.path_ += '[' + json_text(clipped(key)) + ']';
  }
}

document_reader::step::step(document_reader& reader, std::size_t index)
    : reader_(reader), length_(reader.path_.size()) {
  reader.path_ += '[' + std::to_string(index) + ']';
}

std::optional<error> document_reader::failure() const {
  if (errors_.empty()) return std::nullopt;
  std::size_t const count = errors_.size() + unlisted_errors_;
  std::string message = "the document has " + std::to_string(count) + (count == 1 ? " error" : " errors");
  if (unlisted_errors_ > 0) message += "; these are the first " + std::to_string(errors_.size());
  return error{error_code::invalid_input, std::move(message), "", errors_};
}

void document_reader::read_value(document_node const& node, bool& out) {
  if (expect(node, node_kind::boolean, "true or false")) out = node.boolean;
}

void document_reader::read_value(document_node const& node, std::string& out) {
  if (expect(node, node_kind::text, "text")) out = node.text;
}

void document_reader::read_value(document_node const& node, double& out) {
  if (!expect(node, node_kind::number, "a number")) return;
  out = to_double(node.text);
  if (!std::isfinite(out)) report(clipped(node.text) + " is too large for a number", "write a smaller one", node.line);
}

void document_reader::read_value(document_node const& node, wall_time& out) {
  if (!expect(node, node_kind::text, "a time")) return;
  if (auto const time = parse_rfc3339(node.text)) {
    out = *time;
  } else {
    report("expected a time, got " + describe(node), "write it as in 2026-01-31T12:00:00Z", node.line);
  }
}

void document_reader::read_value(document_node const& node, field_value& out) {
  if (node.kind == node_kind::boolean && node.boolean) return void(out.emplace<std::monostate>());
  if (node.kind == node_kind::text) return void(out = node.text);
  if (!expect(node, node_kind::number, "true, a number or text")) return;
  if (auto const whole = parse_number<std::int64_t>(node.text)) return void(out = *whole);
  read_value(node, out.emplace<double>());
}

bool document_reader::expect(document_node const& node, node_kind kind, std::string_view wanted) {
  if (node.kind == kind) return true;
  report("expected " + std::string(wanted) + ", got " + describe(node), kind_hint(node, kind), node.line);
  return false;
}

void document_reader::require(document_node const& object, std::string_view key) {
  if (std::ranges::find(object.keys, key) != object.keys.end()) return;
  step const here(*this, key);
  report("is missing", "give it a value", object.line);
}

bool document_reader::stands_for_nothing(document_node const& node) const {
  return node.kind == node_kind::null && node.problem.empty() && policy_ == unknown_keys::ignore;
}

void document_reader::report(std::string message, std::string hint, int line) {
  if (is_full()) {
    ++unlisted_errors_;
  } else {
    errors_.push_back(field_error{path_, std::move(message), std::move(hint), line});
  }
}

void document_reader::report_range(document_node const& node, std::string const& least, std::string const& most) {
  report(clipped(node.text) + " is out of range", "write a whole number from " + least + " to " + most, node.line);
}

void document_reader::report_word(document_node const& node, std::span<std::string_view const> words) {
  std::string hint = node.kind == node_kind::text ? did_you_mean(node.text, words) : std::string();
  if (hint.empty())
    hint = "write " + one_of(words);
  else
    hint.pop_back();
  report("expected " + one_of(words) + ", got " + describe(node), std::move(hint), node.line);
}

void document_reader::report_unknown_key(std::string const& key, document_node const& item,
                                         std::span<std::string_view const> known) {
  step const here(*this, key);
  if (!item.problem.empty()) {
    report(item.problem, item.hint, item.line);
  } else if (policy_ == unknown_keys::ignore) {
    ++ignored_keys_;
  } else if (is_full()) {
    ++unlisted_errors_;
  } else {
    report("unknown key", did_you_mean(key, known) + "valid keys: " + comma_separated(known), item.line);
  }
}

document_node to_document(bool value) { return boolean_node(value); }

document_node to_document(std::string const& value) { return text_node(value); }

document_node to_document(double value) { return number_node(value); }

document_node to_document(wall_time value) { return text_node(print_rfc3339(value)); }

document_node to_document(field_value const& value) {
  if (std::holds_alternative<std::monostate>(value)) return boolean_node(true);
  if (auto const* whole = std::get_if<std::int64_t>(&value)) return to_document(*whole);
  if (auto const* real = std::get_if<double>(&value)) return to_document(*real);
  return to_document(std::get<std::string>(value));
}

} // namespace paddler
