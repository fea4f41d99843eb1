#include "wire/inference_error.hpp"

#include "base/text.hpp"
#include "wire/document_node.hpp"
#include "wire/json_codec.hpp"

#include <array>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t max_listed_models = 20;

struct failure_row {
  request_failure failure;
  int status;
  std::string_view code;
  bool should_retry; // the official clients try again by themselves, twice
  std::string_view message;
};

constexpr std::array failure_rows{
    failure_row{request_failure::none, 500, "internal_error", false,
                "the request failed for no recorded reason; this is a bug in Paddler, please report it"},
    failure_row{request_failure::queue_full, 503, "server_is_overloaded", true,
                "every slot is busy and the queue is full; try again later, or add slots or agents"},
    failure_row{request_failure::queue_timeout, 504, "queue_timeout", true,
                "no slot became free in time; try again later, or add slots or agents"},
    failure_row{request_failure::overloaded, 503, "overloaded", true,
                "so many requests wait that this one would not be answered in time, and so it is not tried; try again "
                "later, allow more time, or add slots or agents"},
    failure_row{request_failure::short_of_memory, 503, "short_of_memory", true,
                "the balancer has too little memory left for this request; try again later, send less at once, or give "
                "it more (--memory-limit)"},
    failure_row{request_failure::no_model, 404, "model_not_found", false, ""},
    failure_row{request_failure::rate_limited, 429, "rate_limit_exceeded", true,
                "this key (or address, where there is none) sent more requests than `requests_per_minute` of the "
                "policies allows; wait, or ask the operator for more"},
    failure_row{request_failure::concurrency_limited, 429, "concurrency_limit_exceeded", true,
                "this key (or address, where there is none) has as many requests at once as `concurrent_requests` of "
                "the policies allows; wait for one of them, or ask the operator for more"},
    failure_row{request_failure::shutdown, 503, "shutting_down", true,
                "the balancer is shutting down; try again in a moment"},
    failure_row{request_failure::client_gone, 499, "client_gone", false, "the client closed its connection"},
    failure_row{request_failure::deadline, 504, "deadline_exceeded", true,
                "no slot became free within the time that the client gave; allow more, or add slots or agents"},
    failure_row{request_failure::agent_lost, 502, "agent_lost", true,
                "the agent or its engine was lost while it answered; what came so far is not the whole answer; send "
                "the request again"},
    // Not to be tried again by machines: what was lost on every agent may be what makes engines die.
    failure_row{request_failure::attempts_exhausted, 502, "attempts_exhausted", false,
                "every agent that tried the request was lost before it answered; see the agents' logs for why"},
    failure_row{request_failure::retry_budget, 503, "retry_budget_exhausted", true,
                "the agent or its engine was lost, and too many requests were tried again of late; see `paddler get "
                "agents` for what is wrong, and try again later"},
    failure_row{request_failure::poison, 422, "request_kills_engines", false,
                "engines end when they are given this request, so it is not tried again; see the agents' logs for why"},
    failure_row{request_failure::quarantined, 422, "request_quarantined", false,
                "engines ended when they were given this very request a short while ago, so it is not tried now"},
    failure_row{request_failure::timeout, 504, "engine_timeout", false,
                "the engine sent nothing for too long; shorten the prompt or allow a longer silence"},
    failure_row{request_failure::slow_client, 408, "slow_client", false,
                "the client did not read the answer for too long, so the slot was given to others"},
    failure_row{request_failure::engine_error, 502, "engine_error", true,
                "the engine's answer was not valid HTTP; see the agent's log"},
};

failure_row const& row_of(request_failure failure) {
  for (auto const& row : failure_rows)
    if (row.failure == failure) return row;
  return failure_rows.front();
}

std::string listed(std::span<std::string const> models) {
  if (models.empty()) return "no model is served here yet; see `paddler get models`";
  auto const shown = models.first(std::min(models.size(), max_listed_models));
  std::string out = "there is ";
  out += one_of(std::vector<std::string_view>(shown.begin(), shown.end()));
  if (shown.size() < models.size()) out += " and " + std::to_string(models.size() - shown.size()) + " more";
  return out;
}

std::string no_model_message(std::string_view model, std::span<std::string const> models) {
  if (model.empty()) return "the request names no `model`, and there is not exactly one to choose: " + listed(models);
  std::vector<std::string_view> const names(models.begin(), models.end());
  auto const meant = nearest(clipped(model), names);
  std::string out = "there is no model `" + clipped(model) + "`; ";
  if (!meant.empty()) out += "did you mean `" + meant + "`? ";
  return out + listed(models);
}

std::string_view openai_type(int status) {
  switch (status) {
  case 401: return "authentication_error";
  case 403: return "permission_error";
  case 429: return "rate_limit_exceeded";
  case 503: return "service_unavailable_error";
  case 504: return "timeout_error";
  default: return status < 500 ? "invalid_request_error" : "server_error";
  }
}

std::string_view anthropic_type(int status) {
  switch (status) {
  case 401: return "authentication_error";
  case 403: return "permission_error";
  case 404: return "not_found_error";
  case 413: return "request_too_large";
  case 429: return "rate_limit_error";
  case 503: return "overloaded_error";
  case 504: return "timeout_error";
  default: return status < 500 ? "invalid_request_error" : "api_error";
  }
}

document_node text_of(std::string_view text) { return text_node(std::string(text)); }

document_node text_or_null(std::string const& text) { return text.empty() ? null_node() : text_node(text); }

document_node openai_error(inference_error const& e) {
  document_node node = object_node();
  node.add("message", text_node(e.message)).add("type", text_of(openai_type(e.status)));
  node.add("param", text_or_null(e.param)).add("code", text_or_null(e.code));
  return node;
}

document_node anthropic_body(inference_error const& e) {
  document_node inner = object_node();
  inner.add("type", text_of(anthropic_type(e.status))).add("message", text_node(e.message));
  inner.add("details", object_node().add("error_code", text_or_null(e.code)));
  document_node node = object_node();
  node.add("type", text_node("error")).add("error", std::move(inner));
  return node;
}

document_node openai_body(inference_error const& e) { return object_node().add("error", openai_error(e)); }

// The Responses API says it flat, its servers say it nested, and its clients raise only what has an `error` key: both.
document_node responses_event(inference_error const& e, std::uint64_t sequence) {
  document_node node = object_node();
  node.add("type", text_node("error")).add("code", text_or_null(e.code)).add("message", text_node(e.message));
  node.add("param", text_or_null(e.param)).add("sequence_number", number_node(sequence));
  node.add("error", openai_error(e));
  return node;
}

} // namespace

api_dialect dialect_of(std::string_view path) {
  auto const is_at = [&](std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || std::string_view("/?").contains(path[root.size()]));
  };
  if (is_at("/v1/messages")) return api_dialect::anthropic;
  if (is_at("/v1/responses")) return api_dialect::responses;
  return api_dialect::openai;
}

inference_error error_of_failure(request_failure failure, std::string_view model, std::span<std::string const> models) {
  auto const& row = row_of(failure);
  bool const no_model = row.failure == request_failure::no_model;
  return inference_error{row.status, std::string(row.code), no_model ? "model" : "",
                         no_model ? no_model_message(model, models) : std::string(row.message), row.should_retry};
}

inference_error error_of_input(error const& wrong) {
  inference_error out;
  out.message = wrong.message + (wrong.hint.empty() ? "" : "; " + wrong.hint);
  if (!wrong.fields.empty()) out.param = wrong.fields.front().path;
  bool const too_large = wrong.code == error_code::too_large;
  bool const ours = wrong.code == error_code::internal || wrong.code == error_code::storage;
  if (ours) {
    out.code = "internal_error";
  } else if (wrong.code == error_code::timeout) {
    out.status = 408;
    out.code = "request_timeout";
    out.should_retry = true;
  } else {
    out.status = too_large ? 413 : 400;
    out.code = too_large ? "request_too_large" : "invalid_request";
  }
  return out;
}

inference_error error_of_engine(int status, std::string_view body) {
  inference_error out;
  out.status = status;
  out.code = status < 500 ? "invalid_request_error" : "server_error";
  out.message = "The engine refused the request with status " + std::to_string(status) + ".";
  auto const document = parse_json(body);
  if (!document) return out;
  auto const* inside = document->find("error");
  auto const* message = inside ? inside->find("message") : nullptr;
  if (message && message->kind == node_kind::text) out.message = message->text;
  return out;
}

inference_error error_of_path(std::string_view method, std::string_view path, bool path_is_known) {
  std::string const target = clipped(path);
  if (path_is_known) {
    return inference_error{405, "method_not_allowed", "",
                           "`" + target + "` does not take " + clipped(method) + " requests", false};
  }
  return inference_error{
      404, "unknown_url", "",
      "there is nothing at `" + target + "`; clients of OpenAI's API use a base URL that ends in /v1", false};
}

std::string error_body(inference_error const& e, api_dialect dialect) {
  return print_json(dialect == api_dialect::anthropic ? anthropic_body(e) : openai_body(e));
}

std::string error_frame(inference_error const& e, api_dialect dialect, std::uint64_t sequence) {
  switch (dialect) {
  case api_dialect::anthropic: return "event: error\ndata: " + print_json(anthropic_body(e)) + "\n\n";
  case api_dialect::responses: return "event: error\ndata: " + print_json(responses_event(e, sequence)) + "\n\n";
  case api_dialect::openai: break;
  }
  return "data: " + print_json(openai_body(e)) + "\n\n";
}

} // namespace paddler
