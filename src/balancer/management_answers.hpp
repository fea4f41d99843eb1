// What the services of the management API have in common: how they read conditions and documents, and how they answer.
#pragma once
#include "model/desired.hpp"
#include "model/history.hpp"
#include "net/http_server.hpp"
#include "runtime/blocking.hpp"
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

inline constexpr std::string_view yaml_type = "application/yaml";
inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view merge_patch_type = "application/merge-patch+json";

// A list as the API answers it.
template <class Row> document_node list_document(std::vector<Row> const& rows, revision at) {
  auto items = list_node();
  for (auto const& row : rows) items.items.push_back(to_document(row));
  auto out = object_node();
  out.add("items", std::move(items)).add("revision", number_node(at.value));
  return out;
}

template <class Row> std::string list_json(std::vector<Row> const& rows, revision at) {
  return print_json(list_document(rows, at));
}

std::string etag_of(revision at);

// `If-Match: "12"`. A missing header and `*` ask for nothing; anything else that is not a revision is an error.
result<std::optional<revision>> wanted_revision(http_head const& head);

// A number in a query, nothing where it is not given; an error where it is none, or above `most`.
result<std::optional<std::uint64_t>> query_number(http_head const& head, std::string_view name, std::uint64_t most);

// Answers 200 with JSON that is not to be cached.
task<> answer_json(http_exchange& exchange, std::string body);

// What became of a change of desired state, and the answer with it.
document_node outcome_document(change_outcome const& made, std::vector<std::string> const& warnings);
task<> answer_outcome(http_exchange& exchange, revision at, document_node outcome);

// RFC 9457, with every place that is wrong in a document.
task<> answer_error(http_exchange& exchange, error why);

// The same of a query: 400.
task<> answer_wrong_query(http_exchange& exchange, std::vector<field_error> wrong);

// The body as a desired document: YAML unless it says that it is JSON. Parsed on `parsers`: a hostile one takes
// seconds.
task<result<desired_document>> read_desired(http_exchange& exchange, blocking_executor& parsers, std::size_t max_bytes);

} // namespace paddler
