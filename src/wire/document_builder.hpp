// Puts a document_node together from the events of a parser and keeps the limits of document_node.hpp.
#pragma once
#include "base/result.hpp"
#include "wire/document_node.hpp"

#include <optional>
#include <vector>

namespace paddler {

// One for each document. `open` and `add_value` return false when a limit is exceeded; `failure` then says which, and
// the parser must stop.
class document_builder {
public:
  explicit document_builder(std::size_t node_limit = max_document_nodes) : node_limit_(node_limit) {}

  bool open(document_node container); // a list or an object
  void close();
  bool add_value(document_node node);
  void add_key(std::string key); // the value comes next

  // Whether the innermost open container is an object that waits for a key.
  [[nodiscard]] bool wants_key() const;

  [[nodiscard]] std::optional<error> const& failure() const { return failure_; }

  // The whole document, once every container is closed; nothing if there was no value.
  std::optional<document_node> take() { return std::move(root_); }

private:
  bool count_node();
  bool exceeded(std::string message);

  std::size_t node_limit_;
  std::vector<document_node> open_;
  std::optional<document_node> root_;
  std::optional<error> failure_;
  std::size_t nodes_ = 0;
};

} // namespace paddler
