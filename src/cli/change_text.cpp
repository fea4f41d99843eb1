#include "cli/change_text.hpp"

#include "cli/line_diff.hpp"
#include "core/state/field_map.hpp"
#include "model/words.hpp"
#include "wire/json_text.hpp"

#include <algorithm>
#include <cctype>

namespace paddler {
namespace {

std::string const* lines_in(std::optional<field_value> const& value) {
  auto const* const text = value ? std::get_if<std::string>(&*value) : nullptr;
  return text != nullptr && text->find('\n') != std::string::npos ? text : nullptr;
}

// A terminal shall not obey what stands in somebody's template.
std::string visible(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return std::iscntrl(c) != 0 && c != '\t'; }, '?');
  return text;
}

std::string signed_line(char sign, std::string const& text, console const& terminal) {
  auto const style = sign == '-' ? text_style::red : sign == '+' ? text_style::green : text_style::plain;
  return terminal.on_out(style, std::string(1, sign) + " " + text) + "\n";
}

std::string line_of(char sign, std::string const& path, field_value const& value, console const& terminal) {
  bool const is_entry = std::holds_alternative<std::monostate>(value);
  return signed_line(sign, is_entry ? path : path + ": " + text_of_value(value), terminal);
}

std::string text_part(std::optional<field_value> const& value) {
  auto const* const text = value ? std::get_if<std::string>(&*value) : nullptr;
  return text == nullptr ? "" : *text;
}

std::string text_of_lines(field_change const& change, console const& terminal) {
  auto const sign = !change.before ? '+' : !change.after ? '-' : '~';
  auto out = signed_line(sign, change.path + ":", terminal);
  for (auto const& line : unified_diff(text_part(change.before), text_part(change.after))) {
    auto const text = visible(line.text);
    switch (line.change) {
    case line_change::hunk: out += "    " + terminal.on_out(text_style::dim, text); break;
    case line_change::removed: out += "    " + terminal.on_out(text_style::red, "-" + text); break;
    case line_change::added: out += "    " + terminal.on_out(text_style::green, "+" + text); break;
    case line_change::context: out += "     " + text; break;
    }
    out += '\n';
  }
  return out;
}

// One change in a cell.
std::string short_text(field_change const& change) {
  auto const words = [](std::optional<field_value> const& value) { return value ? describe(*value) : std::string(); };
  bool const is_entry = std::holds_alternative<std::monostate>(change.after.value_or(change.before.value_or("")));
  if (is_entry) return (change.after ? "+" : "-") + change.path;
  if (!change.before) return change.path + ":" + words(change.after);
  return change.path + ":" + words(change.before) + "->" + (change.after ? words(change.after) : "-");
}

} // namespace

std::string text_of_value(field_value const& value) {
  auto const* const text = std::get_if<std::string>(&value);
  return text != nullptr ? json_text(*text) : describe(value);
}

std::string text_of_changes(std::span<field_change const> changes, std::uint64_t more, console const& terminal) {
  std::string out;
  for (auto const& change : changes) {
    if (lines_in(change.before) != nullptr || lines_in(change.after) != nullptr) {
      out += text_of_lines(change, terminal);
      continue;
    }
    if (change.before) out += line_of('-', change.path, *change.before, terminal);
    if (change.after) out += line_of('+', change.path, *change.after, terminal);
  }
  if (more > 0) out += "... and " + std::to_string(more) + " more changes that are not listed\n";
  return out;
}

std::string summary_of_changes(std::span<field_change const> changes, std::uint64_t more) {
  if (changes.empty()) return "";
  more += changes.size() - 1;
  return short_text(changes.front()) + (more > 0 ? ",+" + std::to_string(more) : "");
}

std::string text_of_loss(lost_field const& loss) {
  bool const is_api = loss.lost.source.kind == source_kind::api; // the person's own word
  return loss.path + ": " + describe(loss.lost.value) + (is_api ? "" : " of " + describe(loss.lost.source)) +
         " is not in effect: " + describe(loss.winner.source) + " decides it (" + describe(loss.winner.value) + ")";
}

std::string cell_of(source_id const& source) {
  auto const kind = std::string(to_string(source.kind));
  return source.name.empty() ? kind : kind + ":" + source.name;
}

} // namespace paddler
