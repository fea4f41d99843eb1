// What the APIs answer, read into values. Pure.
#pragma once
#include "base/result.hpp"
#include "wire/document_node.hpp"
#include "wire/mapper.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

struct api_answer {
  int status = 0;
  std::string content_type;
  std::string etag; // without its quotes
  std::string body;
};

inline bool is_success(int status) { return status >= 200 && status < 300; }

// An answer that is no success as an error: from problem+json (RFC 9457) or OpenAI's error object, or, where it is
// neither, from its status and the start of its body.
error error_of(api_answer const& answer);

// The same for an error object that came inside a stream.
error error_of_object(document_node const& error_object, int status);

// An object's item of that key; null where there is none or where it is no object.
document_node const* item_of(document_node const& object, std::string_view key);

// An item's text; empty where it has none.
std::string text_of(document_node const* node);

// Of what a server of ours answers: lists may be long.
inline constexpr document_limits answer_limits{std::size_t{256} << 20, 8'000'000};

// The JSON of an answer.
result<document_node> document_of(api_answer const& answer);

// The same as a value of one of the model's structs. What a newer server adds is passed over.
template <class T> result<T> value_of(api_answer const& answer) {
  auto const document = document_of(answer);
  if (!document) return std::unexpected(document.error());
  return from_document<T>(*document, unknown_keys::ignore);
}

// Rows of a list, and the revision of desired state when it was made.
struct api_list {
  document_node document; // {"items": [...], "revision": N}

  document_node const& items() const { return *item_of(document, "items"); }
};

result<api_list> parse_list(api_answer const& answer);

// `Row` is one of model/views.hpp.
template <class Row> result<std::vector<Row>> rows_of(api_list const& list) {
  return from_document<std::vector<Row>>(list.items(), unknown_keys::ignore);
}

template <class Row> result<std::vector<Row>> rows_in(api_answer const& answer) {
  auto const list = parse_list(answer);
  if (!list) return std::unexpected(list.error());
  return rows_of<Row>(*list);
}

// Indented by two, ended by a line end.
std::string print_pretty_json(document_node const& node);

// As YAML, or as indented JSON.
std::string print_document(document_node const& node, bool yaml);

} // namespace paddler
