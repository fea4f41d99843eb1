// The text tables that the demo model's training text is made of: files under tools/models/corpus, written by hand.
//
//   # a comment
//   [section]
//   key: one value | another value
//
// Sections and values keep their order; a key may come again and adds to its values.
#pragma once
#include "base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct corpus_section {
  struct entry {
    std::string key;
    std::string value;
  };

  std::string name;
  std::vector<entry> entries;

  std::vector<std::string> all(std::string_view key) const;
};

struct corpus_file {
  std::string name; // as it is called in errors
  std::vector<corpus_section> sections;

  // At least one value is there, else an error that names file, section and key.
  result<std::vector<std::string>> values(std::string_view section, std::string_view key) const;
};

result<corpus_file> parse_corpus(std::string name, std::string_view text);
result<corpus_file> read_corpus(std::filesystem::path const& path);

} // namespace paddler
