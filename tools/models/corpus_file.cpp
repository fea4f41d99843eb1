#include "models/corpus_file.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace paddler {
namespace {

constexpr std::string_view separator = " | ";

std::string_view trimmed(std::string_view text) {
  auto const first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

void add_values(corpus_section& section, std::string_view key, std::string_view values) {
  while (true) {
    auto const end = values.find(separator);
    section.entries.push_back({std::string(key), std::string(trimmed(values.substr(0, end)))});
    if (end == std::string_view::npos) return;
    values.remove_prefix(end + separator.size());
  }
}

result<void> add_line(corpus_file& file, std::string_view line, int number) {
  auto const where = file.name + ":" + std::to_string(number) + ": ";
  if (line.starts_with('[') && line.ends_with(']')) {
    file.sections.push_back({std::string(line.substr(1, line.size() - 2)), {}});
    return {};
  }
  auto const colon = line.find(": ");
  if (file.sections.empty()) return fail(error_code::invalid_input, where + "text before the first [section]");
  if (colon == std::string_view::npos) return fail(error_code::invalid_input, where + "expected `key: value`");
  add_values(file.sections.back(), line.substr(0, colon), line.substr(colon + 2));
  return {};
}

} // namespace

std::vector<std::string> corpus_section::all(std::string_view key) const {
  std::vector<std::string> values;
  for (auto const& entry : entries) {
    if (entry.key == key) values.push_back(entry.value);
  }
  return values;
}

result<std::vector<std::string>> corpus_file::values(std::string_view section, std::string_view key) const {
  std::vector<std::string> values;
  auto const found = std::ranges::find(sections, section, &corpus_section::name);
  if (found != sections.end()) values = found->all(key);
  if (!values.empty()) return values;
  return fail(error_code::not_found,
              name + ": there is no `" + std::string(key) + ":` in [" + std::string(section) + "]");
}

result<corpus_file> parse_corpus(std::string name, std::string_view text) {
  corpus_file file{std::move(name), {}};
  for (int number = 1; !text.empty(); ++number) {
    auto const end = text.find('\n');
    auto const line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (auto const added = add_line(file, line, number); !added) return std::unexpected(added.error());
  }
  return file;
}

result<corpus_file> read_corpus(std::filesystem::path const& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(error_code::not_found, "cannot read " + path.string());
  std::string const text{std::istreambuf_iterator<char>(in), {}};
  return parse_corpus(path.filename().string(), text);
}

} // namespace paddler
