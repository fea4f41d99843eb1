#include "harness/cluster_api.hpp"

#include "harness/system_test.hpp"
#include "runtime/clock.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace paddler_test {
namespace {

namespace json = boost::json;

agent_row row_of(json::object const& row) {
  agent_row out;
  out.connected = row.at("connected").as_bool();
  out.status = text_of(row, "status");
  out.reason = text_of(row, "reason");
  out.slots = row.at("slots").to_number<int>();
  out.slots_busy = row.at("slots_busy").to_number<int>();
  out.engine_pid = row.at("engine_pid").to_number<std::int64_t>();
  out.engine_restarts = row.at("engine_restarts").to_number<std::uint64_t>();
  return out;
}

std::size_t count_with_status(json::array const& rows, std::string_view status) {
  return static_cast<std::size_t>(std::ranges::count_if(
      rows, [&](json::value const& row) { return text_of(row.as_object(), "status") == status; }));
}

bool is_alive(json::value const& request) {
  auto const status = text_of(request.as_object(), "status");
  return status != "completed" && status != "failed";
}

} // namespace

std::string text_of(json::object const& row, std::string_view key) {
  auto const* value = row.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string desired_yaml(std::vector<wanted_agent> const& agents, std::vector<wanted_model> const& models) {
  std::string out = "agents:\n";
  for (auto const& agent : agents) {
    out += "  - id: " + agent.id + "\n    model: " + agent.model + "\n    slots: " + std::to_string(agent.slots) +
           "\n    max_context_length: 1000000" +
           "\n    desired_model:\n      source: local\n      path: " + agent.path + "\n";
  }
  out += "models:\n";
  for (auto const& model : models) out += "  - id: " + model.id + "\n" + model.more;
  return out;
}

std::string want_agents(int count, int slots) {
  std::vector<wanted_agent> agents;
  for (int i = 1; i <= count; ++i) agents.push_back({.id = "a" + std::to_string(i), .slots = slots});
  return desired_yaml(agents);
}

task<json::value> cluster_api::get_json(std::string target) const {
  auto const answer = co_await ask(management_, "GET", target);
  require(answer.status == 200, "GET " + target + ": " + std::to_string(answer.status) + " " + answer.body);
  boost::system::error_code ec;
  auto out = json::parse(answer.body, ec);
  require(!ec, "GET " + target + " is no JSON: " + answer.body);
  co_return out;
}

task<json::array> cluster_api::list(std::string kind) const {
  auto const body = co_await get_json("/management/v1/" + kind);
  co_return body.as_object().at("items").as_array();
}

task<std::optional<agent_row>> cluster_api::agent(std::string id) const {
  auto const rows = co_await list("agents");
  for (auto const& row : rows)
    if (text_of(row.as_object(), "id") == id) co_return row_of(row.as_object());
  co_return std::nullopt;
}

task<desired_answer> cluster_api::desired() const {
  auto const answer = co_await ask(management_, "GET", "/management/v1/desired");
  require(answer.status == 200, "GET desired: " + answer.body);
  desired_answer out;
  out.document = answer.body;
  out.etag = answer.header("etag");
  co_return out;
}

task<http_answer> cluster_api::put_desired(std::string yaml, std::string if_match) const {
  http_headers headers;
  headers.emplace_back("Content-Type", "application/yaml");
  if (!if_match.empty()) headers.emplace_back("If-Match", if_match);
  auto out = co_await ask(management_, "PUT", "/management/v1/desired", std::move(headers), std::move(yaml));
  co_return out;
}

task<> cluster_api::apply(std::string yaml) const {
  auto const answer = co_await put_desired(std::move(yaml));
  require(answer.status == 200, "PUT desired: " + std::to_string(answer.status) + " " + answer.body);
}

task<> cluster_api::until_slots(int count, duration limit) const {
  auto const deadline = mono_now() + limit;
  auto const target = "/readyz?slots=" + std::to_string(count);
  for (;;) {
    auto const answer = co_await ask(inference_, "GET", target);
    if (answer.status == 200) co_return;
    if (mono_now() >= deadline) {
      auto const agents = co_await list("agents");
      give_up_test(target + " never became 200; last: " + answer.body + "agents: " + json::serialize(agents));
    }
    co_await pause_between_looks();
  }
}

task<> cluster_api::until(std::string kind, std::string what, std::function<bool(json::array const&)> is_so,
                          duration limit) const {
  auto const deadline = mono_now() + limit;
  for (;;) {
    auto const rows = co_await list(kind);
    if (is_so(rows)) co_return;
    if (mono_now() >= deadline)
      give_up_test(kind + " never became so: " + what + "; last: " + json::serialize(rows).substr(0, 4000));
    co_await pause_between_looks();
  }
}

task<> cluster_api::until_agent(std::string id, std::string what, std::function<bool(agent_row const&)> is_so,
                                duration limit) const {
  auto const about_it = [&](json::array const& rows) {
    return std::ranges::any_of(rows, [&](json::value const& row) {
      return text_of(row.as_object(), "id") == id && is_so(row_of(row.as_object()));
    });
  };
  co_await until("agents", id + " " + what, about_it, limit);
}

task<> cluster_api::until_requests(std::string status, std::size_t count, duration limit) const {
  auto const as_many = [&](json::array const& rows) { return count_with_status(rows, status) == count; };
  co_await until("requests", std::to_string(count) + " " + status, as_many, limit);
}

task<> cluster_api::until_idle(std::size_t slots, duration limit) const {
  auto const deadline = mono_now() + limit;
  auto const none_alive = [](json::array const& rows) { return std::ranges::none_of(rows, is_alive); };
  co_await until("requests", "none alive", none_alive, limit);
  auto const all_idle = [&](json::array const& rows) { return count_with_status(rows, "idle") == slots; };
  co_await until("slots", std::to_string(slots) + " idle", all_idle, deadline - mono_now());
}

task<> cluster_api::expect_serving(std::string question, std::string model) const {
  chat_question asked;
  asked.model = std::move(model);
  asked.text = std::move(question);
  asked.max_tokens = 8;
  auto const answer = co_await chat(inference_, asked);
  EXPECT_TRUE(answer.is_whole()) << "status " << answer.status << ", error " << answer.error_code << ": "
                                 << answer.error_message;
  EXPECT_EQ(answer.text, chain_of(asked));
}

} // namespace paddler_test
