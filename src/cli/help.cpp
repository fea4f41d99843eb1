#include "cli/help.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr std::size_t left_column = 26; // widest flag that has its sentence on the same line

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// A term and its explanation, in two columns.
std::string entry(std::string const& term, std::string_view explanation, std::size_t column) {
  auto const left = "  " + term;
  auto const right = wrap(explanation, help_columns, column);
  if (left.size() + 2 > column) return left + "\n" + std::string(column, ' ') + right + "\n";
  return padded(left, column) + right + "\n";
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto const end = text.find("\n\n");
    out += "\n" + wrap(text.substr(0, end), help_columns, 0) + "\n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return out;
}

// "-o,--output" → "-o, --output FORMAT"
std::string term_of(declared_flag const& flag) {
  auto term = flag.words.name;
  if (auto const comma = term.find(','); comma != std::string::npos) term.insert(comma + 1, " ");
  if (flag.value_optional) return term + "[=" + flag.words.value + "]";
  return flag.words.value.empty() ? term : term + " " + flag.words.value;
}

std::string explanation_of(declared_flag const& flag) {
  auto text = flag.words.help;
  if (!flag.words.default_text.empty()) text += " (default: " + flag.words.default_text + ")";
  if (!flag.words.variable.empty()) text += " [" + flag.words.variable + "]";
  return text;
}

std::string flag_list(flag_set const& flags, bool positional) {
  std::string out;
  for (auto const& flag : flags.all()) {
    if (flag.words.name.starts_with('-') == positional) continue;
    out += entry(term_of(flag), explanation_of(flag), left_column);
  }
  return out;
}

} // namespace

std::string indented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    auto const end = std::min(lines.find('\n'), lines.size());
    auto const line = lines.substr(0, end);
    out += line.empty() ? "\n" : "  " + std::string(line) + "\n";
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

std::string wrap(std::string_view text, std::size_t columns, std::size_t indent) {
  std::string out;
  std::size_t used = indent;
  while (!text.empty()) {
    auto const word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (word.empty()) continue;
    bool const fits = used + 1 + word.size() <= columns;
    if (!out.empty()) out += fits ? std::string(" ") : "\n" + std::string(indent, ' ');
    used = (out.empty() || !fits ? indent : used + 1) + word.size();
    out += word;
  }
  return out;
}

std::string print_overview(std::vector<declared_command> const& commands) {
  std::string out = "Paddler serves language models on your own machines, behind one OpenAI API.\n\n"
                    "Usage: paddler COMMAND [flags]\n";
  std::vector<std::string> groups;
  for (auto const& [page, flags, finish] : commands) {
    if (!page.group.empty() && std::ranges::find(groups, page.group) == groups.end()) groups.push_back(page.group);
  }
  for (auto const& group : groups) {
    out += "\n" + group + "\n";
    for (auto const& [page, flags, finish] : commands) {
      if (page.group == group) out += entry(page.name, page.summary, 14);
    }
  }
  return out + "\nThe first five minutes\n"
               "  paddler up                      # serve the demo model on this machine\n"
               "  paddler chat \"What is a slot?\"  # in a second terminal\n"
               "  paddler get agents              # who serves what\n"
               "\n'paddler COMMAND --help' tells more, with examples.\n";
}

std::string print_help(declared_command const& command) {
  auto const& page = command.page;
  auto out = page.summary + "\n\nUsage: paddler " + page.name + (page.usage.empty() ? "" : " " + page.usage) + "\n";
  out += paragraphs(page.text);
  out += "\nExamples\n" + indented(page.examples);
  if (auto const arguments = flag_list(command.flags, true); !arguments.empty()) out += "\nArguments\n" + arguments;
  out += "\nFlags\n" + flag_list(command.flags, false) + entry("-h, --help", "Print this", left_column);
  return out;
}

} // namespace paddler
