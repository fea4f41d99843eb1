#include "balancer/management_answers.hpp"

#include "base/text.hpp"
#include "net/problem.hpp"
#include "wire/desired_codec.hpp"

#include <limits>

namespace paddler {

std::string etag_of(revision at) { return "\"" + std::to_string(at.value) + "\""; }

result<std::optional<revision>> wanted_revision(http_head const& head) {
  auto text = head.header("if-match");
  if (text.empty() || text == "*") return std::nullopt;
  if (text.starts_with("W/")) text.remove_prefix(2);
  bool const quoted = text.size() > 2 && text.front() == '"' && text.back() == '"';
  auto const number = quoted ? parse_number<std::uint64_t>(text.substr(1, text.size() - 2)) : std::nullopt;
  if (number) return revision{*number};
  return fail(error_code::invalid_input,
              "If-Match: " + std::string(head.header("if-match")) + " is not an ETag of this API.",
              "Send the ETag of GET /management/v1/desired, as in If-Match: \"12\".");
}

result<std::optional<std::uint64_t>> query_number(http_head const& head, std::string_view name, std::uint64_t most) {
  auto const text = head.query_param(name);
  if (!text) return std::nullopt;
  auto const number = parse_number<std::uint64_t>(*text);
  if (number && *number <= most) return number;
  auto const limit =
      most == std::numeric_limits<std::uint64_t>::max() ? std::string() : " of at most " + std::to_string(most);
  return fail(error_code::invalid_input, std::string(name) + "=" + *text + " is not a whole number" + limit + ".",
              "Give digits only, as in " + std::string(name) + "=20.");
}

task<> answer_json(http_exchange& exchange, std::string body) {
  std::vector<header_view> const headers = {{"Content-Type", json_type}, {"Cache-Control", "no-store"}};
  co_await exchange.respond(200, headers, body);
}

document_node outcome_document(change_outcome const& made, std::vector<std::string> const& warnings) {
  auto out = object_node();
  out.add("revision", number_node(made.at.value)).add("changed", boolean_node(made.changed));
  out.add("losses", to_document(made.losses)).add("warnings", to_document(warnings));
  return out;
}

task<> answer_outcome(http_exchange& exchange, revision at, document_node outcome) {
  auto const etag = etag_of(at);
  auto const body = print_json(outcome);
  std::vector<header_view> const headers = {{"Content-Type", json_type}, {"ETag", etag}};
  co_await exchange.respond(200, headers, body);
}

namespace {

task<> answer_problem(http_exchange& exchange, unsigned status, error why) {
  auto const body =
      problem_json(status, reason_phrase(status), why.message, exchange.request_id(), why.fields, why.hint);
  std::vector<header_view> const headers = {{"Content-Type", problem_content_type}};
  co_await exchange.respond(status, headers, body);
}

} // namespace

task<> answer_error(http_exchange& exchange, error why) {
  unsigned status = http_status_of(why.code);
  if (!why.fields.empty()) status = 422;              // understood, and wrong
  if (why.code == error_code::conflict) status = 412; // If-Match did not hold
  co_await answer_problem(exchange, status, std::move(why));
}

task<> answer_wrong_query(http_exchange& exchange, std::vector<field_error> wrong) {
  error why{error_code::invalid_input,
            "the query is wrong in " + std::to_string(wrong.size()) + (wrong.size() == 1 ? " place" : " places"), "",
            std::move(wrong)};
  co_await answer_problem(exchange, 400, std::move(why));
}

task<result<desired_document>> read_desired(http_exchange& exchange, blocking_executor& parsers,
                                            std::size_t max_bytes) {
  auto const body = co_await exchange.read_body(max_bytes);
  if (!body) co_return std::unexpected(body.error());
  bool const json = exchange.head().header("content-type").starts_with(json_type);
  auto const format = json ? document_format::json : document_format::yaml;
  co_return co_await run_blocking(parsers, [&body, format] { return parse_desired(*body, format); });
}

} // namespace paddler
