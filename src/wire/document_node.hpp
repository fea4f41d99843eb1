// A document as a tree: what JSON and YAML have in common. Both are parsed into it and printed from it, so that one
// mapper (wire/mapper.hpp) serves both.
#pragma once
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_document_bytes = std::size_t{4} * 1024 * 1024;
inline constexpr std::size_t max_document_depth = 64; // lists and objects within each other
inline constexpr std::size_t max_document_nodes = 100'000;

struct document_limits {
  std::size_t bytes = max_document_bytes;
  std::size_t nodes = max_document_nodes;
};

// For what we wrote ourselves from a document within the limits above: it may have grown, at most so much, as JSON
// writes some bytes as six.
inline constexpr document_limits own_document_limits{max_document_bytes * 8, max_document_nodes * 2};

enum class document_format { json, yaml };

enum class node_kind { null, boolean, number, text, list, object };

struct document_node {
  node_kind kind = node_kind::null;
  bool boolean = false;
  int line = 0;                     // where it stands, from 1; 0 where the document has no lines
  std::string text;                 // a text's value; a number as JSON writes it, so that none loses digits
  std::vector<std::string> keys;    // of an object: one for each item
  std::vector<document_node> items; // of a list or an object, in the document's order
  std::string problem;              // not empty: this place is refused, for this reason
  std::string hint;                 // how to mend `problem`

  // Adds an item to an object.
  document_node& add(std::string key, document_node item) {
    keys.push_back(std::move(key));
    items.push_back(std::move(item));
    return *this;
  }

  // An object's item of that key; null where there is none.
  [[nodiscard]] document_node const* find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (keys[i] == key) return &items[i];
    return nullptr;
  }
};

document_node null_node();
document_node boolean_node(bool value);
document_node text_node(std::string value);
document_node number_node(std::string json_number);
document_node number_node(double value); // null where it is not finite: JSON has no such number
document_node list_node();
document_node object_node();

template <std::integral T> document_node number_node(T value) { return number_node(std::to_string(value)); }

// For messages: `text "four"`, `the number 4`, `a list`.
std::string describe(document_node const& node);

// The start of a text, short enough for a message and cut between characters.
std::string clipped(std::string_view text);

// A number in JSON's grammar as a double; infinite where it is too large for one.
double to_double(std::string_view json_number);

} // namespace paddler
