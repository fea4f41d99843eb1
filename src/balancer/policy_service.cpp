#include "balancer/policy_service.hpp"

#include "balancer/management_answers.hpp"
#include "balancer/views.hpp"
#include "wire/document_edit.hpp"
#include "wire/json_codec.hpp"
#include "wire/yaml_codec.hpp"

#include <string>
#include <utility>

namespace paddler {
namespace {

constexpr std::size_t max_policies_bytes = 16'384;
constexpr int most_tries = 8; // at a change, where others are made at the same time

source_id const api{source_kind::api, ""};

result<document_node> parse_policies(std::string_view text, bool json) {
  auto node = json ? parse_json(text) : parse_yaml(text);
  if (!node || !node->problem.empty() || node->kind == node_kind::object) return node;
  return fail(error_code::invalid_input, "Policies are an object, and this is " + describe(*node) + ".",
              "As in {\"routing\":{\"strategy\":\"session\"}}.");
}

// Within a whole document, so that places are named as they are there.
result<policies_spec> policies_of(document_node node) {
  auto whole = object_node();
  whole.add("policies", std::move(node));
  auto document = from_document<desired_document>(whole, unknown_keys::refuse);
  if (!document) return std::unexpected(std::move(document).error());
  return document->policies;
}

result<policies_spec> edited(policies_spec const& before, policy_edit how, document_node const& given) {
  if (how == policy_edit::replace) return policies_of(given);
  auto patched = to_document(before);
  apply_merge_patch(patched, given);
  return policies_of(std::move(patched));
}

document_node policies_document(balancer_core const& core) {
  auto const& [version, settings] = core.policies();
  auto out = list_document(view_policies(core), core.desired().current());
  out.add("version", to_document(version)).add("settings", to_document(settings));
  return out;
}

} // namespace

std::vector<route> policy_service::routes() {
  auto const at = [this](task<> (policy_service::*handler)(http_exchange&)) {
    return [this, handler](http_exchange& exchange) { return (this->*handler)(exchange); };
  };
  using self = policy_service;
  std::string const path = "/management/v1/policies";
  return {{"GET", path, "get_policies", 0, at(&self::get)},
          {"PUT", path, "put_policies", 0, at(&self::put)},
          {"PATCH", path, "patch_policies", 0, at(&self::patch)},
          {"DELETE", path, "delete_policies", 0, at(&self::release)}};
}

task<> policy_service::get(http_exchange& exchange) {
  auto const durable = co_await core_.wait_durable();
  if (!durable) co_return co_await answer_error(exchange, durable.error());
  auto const etag = etag_of(core_.core().desired().current());
  auto const body = print_json(policies_document(core_.core()));
  std::vector<header_view> const headers = {{"Content-Type", json_type}, {"ETag", etag}, {"Cache-Control", "no-cache"}};
  co_await exchange.respond(200, headers, body);
}

task<> policy_service::put(http_exchange& exchange) { co_await change_to_body(exchange, policy_edit::replace); }

task<> policy_service::patch(http_exchange& exchange) { co_await change_to_body(exchange, policy_edit::patch); }

task<> policy_service::release(http_exchange& exchange) {
  auto nothing = object_node();
  co_await change(exchange, policy_edit::replace, std::move(nothing));
}

task<> policy_service::change_to_body(http_exchange& exchange, policy_edit how) {
  auto const body = co_await exchange.read_body(max_policies_bytes);
  if (!body) co_return co_await answer_error(exchange, body.error());
  auto const type = exchange.head().header("content-type");
  bool const json = type.starts_with(json_type) || type.starts_with(merge_patch_type);
  auto given = co_await run_blocking(parsers_, [&body, json] { return parse_policies(*body, json); });
  if (!given) co_return co_await answer_error(exchange, given.error());
  co_await change(exchange, how, *std::move(given));
}

// Read, edit, write: again where somebody else was faster, unless that is what the client asked about.
task<> policy_service::change(http_exchange& exchange, policy_edit how, document_node given) {
  auto const condition = wanted_revision(exchange.head());
  if (!condition) co_return co_await answer_error(exchange, condition.error());
  result<admitted_change> made =
      fail(error_code::conflict, "Desired state is being changed all the time.", "Try again.");
  for (int tries = 0; tries < most_tries && !made && made.error().code == error_code::conflict; ++tries) {
    auto const durable = co_await core_.wait_durable();
    if (!durable) co_return co_await answer_error(exchange, durable.error());
    auto const& desired = core_.core().desired();
    desired_change change;
    change.source = api;
    change.document = desired.table().said(api);
    change.if_match = condition->value_or(desired.current());
    change.origin = {"anonymous", exchange.connection().peer()};
    auto const policies = edited(change.document.policies, how, given);
    if (!policies) co_return co_await answer_error(exchange, policies.error());
    change.document.policies = *policies;
    made = co_await door_.submit(std::move(change));
    if (*condition) break;
  }
  if (!made) co_return co_await answer_error(exchange, made.error());
  auto outcome = outcome_document(made->made, made->warnings);
  co_await answer_outcome(exchange, made->made.at, std::move(outcome));
}

} // namespace paddler
