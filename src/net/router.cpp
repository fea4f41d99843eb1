#include "net/router.hpp"

#include "net/http_types.hpp"
#include "runtime/check.hpp"

#include <algorithm>
#include <utility>

namespace paddler {

struct router::node {
  std::map<std::string, std::unique_ptr<node>, std::less<>> literals;
  std::unique_ptr<node> parameter;
  std::unique_ptr<node> rest;    // of a {name*} segment
  std::vector<std::size_t> rows; // that end here, one a method
};

namespace {

bool is_parameter(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

bool takes_rest(std::string_view segment) { return is_parameter(segment) && segment.ends_with("*}"); }

// "{id}" and "{rest*}" without their decoration.
std::string_view parameter_name(std::string_view segment) {
  segment = segment.substr(1, segment.size() - 2);
  if (segment.ends_with('*')) segment.remove_suffix(1);
  return segment;
}

// Cuts the first segment off "/a/b"; the rest keeps its slash.
std::string_view next_segment(std::string_view& rest) {
  rest.remove_prefix(1);
  auto const segment = rest.substr(0, rest.find('/'));
  rest.remove_prefix(segment.size());
  return segment;
}

template <class Make> auto& child(std::unique_ptr<Make>& slot) {
  if (!slot) slot = std::make_unique<Make>();
  return *slot;
}

std::vector<std::string_view> parameter_names(std::string_view pattern) {
  std::vector<std::string_view> names;
  while (!pattern.empty()) {
    auto const segment = next_segment(pattern);
    if (is_parameter(segment)) names.push_back(parameter_name(segment));
  }
  return names;
}

} // namespace

router::router(std::vector<route> rows, std::string elsewhere)
    : rows_(std::move(rows)), elsewhere_(std::move(elsewhere)), root_(std::make_unique<node>()) {
  for (std::size_t i = 0; i < rows_.size(); ++i) insert(i);
}

router::~router() = default;
router::router(router&&) noexcept = default;

void router::insert(std::size_t row) {
  auto const& added = rows_[row];
  ensure(added.pattern.starts_with('/'), "a route's pattern does not begin with a slash");
  ensure(static_cast<bool>(added.handler), "a route has no handler");
  std::string_view rest = added.pattern;
  node* at = root_.get();
  while (!rest.empty()) {
    auto const segment = next_segment(rest);
    ensure(!takes_rest(segment) || rest.empty(), "only a route's last segment can take the rest");
    if (takes_rest(segment))
      at = &child(at->rest);
    else if (is_parameter(segment))
      at = &child(at->parameter);
    else
      at = &child(at->literals[std::string(segment)]);
  }
  for (auto const other : at->rows) ensure(rows_[other].method != added.method, "two routes have one method and path");
  at->rows.push_back(row);
}

// The deepest match, literals first; null where there is none. `captured` then holds the parameters in order.
router::node const* router::descend(node const& from, std::string_view rest, std::vector<std::string>& captured) {
  if (rest.empty()) return from.rows.empty() ? nullptr : &from;
  auto after = rest;
  auto const segment = percent_decode(next_segment(after));
  if (!segment) return nullptr;
  if (auto const found = from.literals.find(*segment); found != from.literals.end()) {
    if (auto const* end = descend(*found->second, after, captured)) return end;
  }
  if (from.parameter && !segment->empty()) {
    captured.push_back(*segment);
    if (auto const* end = descend(*from.parameter, after, captured)) return end;
    captured.pop_back();
  }
  if (!from.rest) return nullptr;
  auto const all = percent_decode(rest.substr(1));
  if (!all) return nullptr;
  captured.push_back(*all);
  return from.rest.get();
}

router::match router::find(std::string_view method, std::string_view path) const {
  match out;
  std::vector<std::string> captured;
  if (!path.starts_with('/')) return out;
  auto const* const end = descend(*root_, path, captured);
  if (end == nullptr) return out;
  std::string_view const wanted = method == "HEAD" ? "GET" : method;
  for (auto const row : end->rows) {
    auto const& candidate = rows_[row];
    if (!out.allow.empty()) out.allow += ", ";
    out.allow += candidate.method;
    if (candidate.method == "GET") out.allow += ", HEAD";
    if (candidate.method == method || (out.row == nullptr && candidate.method == wanted)) out.row = &candidate;
  }
  if (out.row == nullptr) return out;
  auto const names = parameter_names(out.row->pattern);
  for (std::size_t i = 0; i < names.size(); ++i) out.params.emplace_back(names[i], std::move(captured[i]));
  return out;
}

task<> router::serve(http_exchange& exchange) const {
  auto const& head = exchange.head();
  auto found = find(head.method, head.path);
  if (found.row != nullptr) {
    exchange.set_route(found.row->operation_id, found.row->body_limit, std::move(found.params));
    co_await found.row->handler(exchange);
  } else if (found.allow.empty()) {
    auto const hint = elsewhere_.empty() ? "" : "; " + elsewhere_;
    auto const detail = "there is nothing at " + std::string(head.path) + hint;
    co_await exchange.respond_error(404, detail);
  } else if (head.method == "OPTIONS") {
    co_await exchange.respond(204, {{"Allow", found.allow}}, "");
  } else {
    auto const detail = std::string(head.path) + " takes " + found.allow;
    co_await exchange.respond_error(405, detail, {{"Allow", found.allow}});
  }
}

http_handler routed(router routes) {
  return [owned = std::make_shared<router const>(std::move(routes))](http_exchange& exchange) {
    return owned->serve(exchange);
  };
}

} // namespace paddler
