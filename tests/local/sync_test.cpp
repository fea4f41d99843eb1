// Between balancer and agents: messages that say only what differs, questions before a change, files that change under
// their path, the fence, and folders of configuration files.
#include "harness/doors.hpp"
#include "harness/fake_agent.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "harness/temporary_directory.hpp"
#include "runtime/clock.hpp"
#include "wire/link_codec.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <csignal>
#include <filesystem>

namespace paddler_test {
namespace {

using std::chrono::milliseconds;

bool is_connected(agent_row const& row) { return row.connected; }

// --- deltas ---

std::string with_template(double temperature) {
  std::string const line = "      {% for message in messages %}{{ message.role }}: {{ message.content }}{% endfor %}\n";
  std::string chat_template;
  while (chat_template.size() < 4096) chat_template += line;
  return desired_yaml({{"a1", 2}},
                      {{"sim", "    chat_template: |\n" + chat_template +
                                   "    parameters: { temperature: " + std::to_string(temperature) + " }\n"}});
}

boost::json::object link_of(boost::json::array const& agents) {
  auto const& row = agents.at(0).as_object();
  return row.contains("link") ? row.at("link").as_object() : boost::json::object();
}

std::int64_t number(boost::json::object const& link, char const* direction, char const* what) {
  return link.empty() ? 0 : link.at(direction).as_object().at(what).to_number<std::int64_t>();
}

SYSTEM_TEST(sync, a_changed_temperature_does_not_send_its_template_again, local_cluster) {
  co_await cluster.start(with_template(0.7));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(2);
  auto const before = link_of(co_await cluster.api().list("agents"));
  EXPECT_EQ(number(before, "sent", "deltas"), 0);
  EXPECT_GT(number(before, "sent", "bytes"), 4096);
  co_await cluster.api().apply(with_template(0.8));
  co_await cluster.api().until("agents", "hold the new version", [](boost::json::array const& agents) {
    auto const& row = agents.at(0).as_object();
    return row.at("applied") == row.at("wanted");
  });
  co_await cluster.api().until_slots(2);
  auto const after = link_of(co_await cluster.api().list("agents"));
  // It takes no other memory, so nobody was asked; the state came as a delta of some hundred bytes.
  EXPECT_GE(number(after, "sent", "deltas"), 1);
  EXPECT_GT(number(after, "sent", "whole_bytes"), number(after, "sent", "bytes") + 4000);
  EXPECT_GT(number(after, "received", "deltas"), 0);
  EXPECT_LT(number(after, "received", "bytes"), number(after, "received", "whole_bytes"));
}

SYSTEM_TEST(sync, EVT_03_a_link_that_lost_a_message_is_closed_and_says_so, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto hello = hello_of("a1", 1);
  hello.deltas = true;
  auto link = co_await fake_link::open(cluster.api().management(), "a1", std::move(hello));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "it is welcome");
  expect_words(*welcome, {"\"deltas\":true"});
  std::string lost = R"({"n":2,"type":"heartbeat","sequence":2})";
  co_await link.send_bytes(websocket_frame(lost));
  auto const end = co_await link.wait_end();
  expect_words(end.reason, {"message 2", "where 1 was expected"});
}

// --- questions before a change ---

// Answers every question with this, until the link ends.
task<> answer_questions(fake_link link, std::vector<field_error> errors) {
  for (;;) {
    auto const text = co_await link.listen();
    if (!text) co_return;
    auto const message = decode_balancer_message(*text);
    if (!message || !message->message) continue;
    auto const* const question = std::get_if<link_question>(&*message->message);
    if (!question) continue;
    link_answer answer{question->number, errors, std::nullopt};
    co_await link.say(std::move(answer));
  }
}

std::string three_agents(int slots) { return want_agents(3, slots); }

SYSTEM_TEST(resources, REC_11_what_agents_cannot_run_is_refused_with_every_reason, local_cluster) {
  co_await cluster.start(three_agents(1));
  auto const before = co_await cluster.api().desired();
  task_group agents(co_await asio::this_coro::executor, "agents that answer");
  std::vector<field_error> const small = {{"model", "it needs 9 GiB, and there are 4", "set fewer slots", 0}};
  std::vector<field_error> const missing = {{"model.reference.path", "no such file", "copy it there", 0},
                                            {"model.slots", "too many", "set fewer", 0}};
  auto first = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 1));
  agents.spawn("a1", answer_questions(std::move(first), small));
  auto second = co_await fake_link::open(cluster.api().management(), "a2", hello_of("a2", 2));
  agents.spawn("a2", answer_questions(std::move(second), missing));
  auto third = co_await fake_link::open(cluster.api().management(), "a3", hello_of("a3", 3));
  agents.spawn("a3", answer_questions(std::move(third), {}));
  for (char const* agent : {"a1", "a2", "a3"}) co_await cluster.api().until_agent(agent, "is connected", is_connected);

  auto const answer = co_await cluster.api().put_desired(three_agents(2));
  EXPECT_EQ(answer.status, 422) << answer.body;
  auto const problem = boost::json::parse(answer.body).as_object();
  std::string places;
  for (auto const& each : problem.at("errors").as_array()) places += text_of(each.as_object(), "path") + " ";
  EXPECT_EQ(places, "agents[0] agents[1].desired_model.path agents[1].slots ") << answer.body;
  expect_words(answer.body, {"on agent 'a1': it needs 9 GiB", "set fewer slots", "on agent 'a2': no such file",
                             "nothing was changed"});
  EXPECT_EQ(co_await cluster.api().desired(), before);
  agents.cancel();
  co_await agents.join();
}

SYSTEM_TEST(resources, who_is_away_or_silent_cannot_refuse_and_it_is_said, local_cluster) {
  cluster.config.admission.answer_within = milliseconds(100) * slowness;
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(three_agents(1));
  auto silent = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 1));
  co_await cluster.api().until_agent("a1", "is connected", is_connected);
  auto const answer = co_await cluster.api().put_desired(three_agents(2));
  EXPECT_EQ(answer.status, 200) << answer.body;
  expect_words(answer.body, {"warnings", "'a1' can run this was not checked: it did not answer in time",
                             "'a2' can run this was not checked: it is not connected"});
  auto const again = co_await cluster.api().put_desired(three_agents(2));
  expect_words(again.body, {R"("changed":false)", R"("warnings":[])"}); // nobody is asked
  silent.line().close();
}

// An agent that goes while it is asked holds nobody up.
SYSTEM_TEST(resources, an_agent_that_leaves_while_it_is_asked_is_not_waited_for, local_cluster) {
  cluster.config.admission.answer_within = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto leaving = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 1));
  co_await cluster.api().until_agent("a1", "is connected", is_connected);
  task_group others(co_await asio::this_coro::executor, "who asks");
  std::optional<http_answer> answer;

  struct put {
    static task<> it(cluster_api api, std::optional<http_answer>& out) {
      out = co_await api.put_desired(want_agents(1, 2));
    }
  };

  others.spawn("put", put::it(cluster.api(), answer));
  for (bool asked = false; !asked;) {
    auto const text = co_await leaving.listen();
    require(text.has_value(), "the link is open");
    asked = text->find("\"question\"") != std::string::npos;
  }
  EXPECT_FALSE(answer) << "it waits for the agent";
  leaving.line().close();
  co_await others.join();
  require(answer.has_value(), "it is answered");
  EXPECT_EQ(answer->status, 200);
  expect_words(answer->body, {"its connection broke before it answered"});
}

// The whole way: the agent's own look at its disk refuses what the operator hands in.
SYSTEM_TEST(resources, REC_11_the_agents_look_at_its_files_refuses_a_document, local_cluster) {
  co_await cluster.start();
  cluster.add_agent("a1", [](agent_config& told) { told.program.kind = engine_kind::built_in; });
  co_await cluster.api().until_agent("a1", "is connected", is_connected);
  auto const wanted = desired_yaml({{"a1", 1, "sim", "/no/such/model.gguf"}});
  auto const answer = co_await cluster.api().put_desired(wanted);
  EXPECT_EQ(answer.status, 422);
  expect_words(answer.body, {"agents[0].desired_model.path", "there is no model file '/no/such/model.gguf'"});
  EXPECT_EQ((co_await cluster.api().desired()).document.find("a1"), std::string::npos);
}

// --- a file that changes under its path ---

void put_file(std::string const& path, std::string const& content) {
  write_whole_file(path + ".new", content);
  std::filesystem::rename(path + ".new", path);
}

SYSTEM_TEST(model_files, REC_15_a_file_that_changes_is_said_and_never_swapped_in_silence, local_cluster) {
  auto const path = cluster.directory("model.gguf");
  put_file(path, "the first model");
  auto const wanted = desired_yaml({{"a1", 1, "sim", path}});
  co_await cluster.start(wanted);
  cluster.add_agent("a1", [](agent_config& told) {
    told.checks = {.model_every = milliseconds(20), .apart = milliseconds(5)};
    told.engine.refused_retry = milliseconds(50);
  });
  co_await cluster.api().until_slots(1);
  co_await cluster.api().until("agents", "know their file's digest", [](boost::json::array const& agents) {
    auto const& row = agents.at(0).as_object();
    return row.contains("file") && text_of(row.at("file").as_object(), "digest").starts_with("sha256:");
  });
  put_file(path, "another model, of another size");
  co_await cluster.api().until_agent("a1", "says that its file changed", [](agent_row const& row) {
    return row.status == "ready" && row.reason.find("is not the one that was loaded") != std::string::npos;
  });
  co_await cluster.api().expect_serving(); // what was loaded serves on

  auto const row = co_await cluster.api().agent("a1");
  ::kill(static_cast<pid_t>(row->engine_pid), SIGKILL);
  co_await cluster.api().until_agent("a1", "is parked", [](agent_row const& now) {
    return now.status == "failed" && now.reason.find("is not the one that was loaded") != std::string::npos;
  });
  co_await cluster.api().until_slots(0);
  put_file(path, "the first model"); // another inode and time, the same content
  co_await cluster.api().until_slots(1);
  co_await cluster.api().expect_serving();
  co_await cluster.api().until_agent("a1", "is well again", [](agent_row const& now) { return now.reason.empty(); });
}

// Other content is another engine, and loads what is there.
SYSTEM_TEST(model_files, REC_15_other_desired_content_loads_the_new_file, local_cluster) {
  auto const path = cluster.directory("model.gguf");
  put_file(path, "the first model");
  auto const wanted = desired_yaml({{"a1", 1, "sim", path}});
  co_await cluster.start(wanted);
  cluster.add_agent(
      "a1", [](agent_config& told) { told.checks = {.model_every = milliseconds(20), .apart = milliseconds(5)}; });
  co_await cluster.api().until_slots(1);
  put_file(path, "another model, of another size");
  co_await cluster.api().until_agent("a1", "says so", [](agent_row const& row) { return !row.reason.empty(); });
  auto const more_slots = desired_yaml({{"a1", 2, "sim", path}});
  co_await cluster.api().apply(more_slots);
  co_await cluster.api().until_idle(2);
  co_await cluster.api().until_agent("a1", "is well", [](agent_row const& row) { return row.reason.empty(); });
  co_await cluster.api().expect_serving();
}

// --- the machine ---

SYSTEM_TEST(sync, a_machine_that_changed_is_told, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  constexpr auto gibibyte = std::uint64_t{1} << 30U;
  auto const memory = std::make_shared<std::uint64_t>(8 * gibibyte);
  cluster.add_agent("a1", [memory](agent_config& told) {
    told.checks = {.machine_every = milliseconds(20), .apart = milliseconds(5)};
    told.machine = [memory] { return machine_facts{.hostname = "h", .memory_bytes = *memory, .gpus = {}}; };
  });
  auto const has = [](std::uint64_t bytes) {
    return [bytes](boost::json::array const& agents) {
      auto const& machine = agents.at(0).as_object().at("capabilities").as_object();
      return machine.at("memory_bytes").to_number<std::uint64_t>() == bytes;
    };
  };
  co_await cluster.api().until_slots(1);
  co_await cluster.api().until("agents", "have 8 GiB", has(8 * gibibyte));
  *memory = 4 * gibibyte;
  co_await cluster.api().until("agents", "have 4 GiB", has(4 * gibibyte));
}

// --- the fence ---

std::string answer_of(std::string status, std::string more, std::string body) {
  return "HTTP/1.1 " + std::move(status) + "\r\n" + std::move(more) + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// An agent whose engine has another generation for the first `refusals` requests, and then answers.
task<> refuse_some(std::string address, int refusals) {
  auto slot = co_await open_slot(std::move(address), "a1", slot_headers("5", "1", "sim"));
  for (int i = 0; i <= refusals; ++i) {
    auto const request = co_await slot.line.read_some();
    if (request.empty()) co_return;
    EXPECT_NE(request.find("X-Paddler-Version: 1\r\n"), std::string::npos) << request;
    auto reply = i < refusals ? answer_of("409 Conflict", "X-Paddler-Refused: version\r\n", "{}")
                              : answer_of("200 OK", "Content-Type: application/json\r\n", R"({"ok":true})");
    co_await slot.line.send(std::move(reply));
  }
  co_await slot.line.read_to_end();
}

SYSTEM_TEST(fence, LDR_03_a_request_under_an_old_generation_is_routed_again_and_no_attempt_is_counted, local_cluster) {
  constexpr int refusals = 7; // more than the attempts that a request has
  cluster.config.policy.link.heartbeat = test_limit;
  co_await cluster.start(want_agents(1, 1));
  auto link = co_await fake_link::open(cluster.api().management(), "a1", hello_of("a1", 5));
  auto const welcome = co_await link.listen();
  require(welcome.has_value(), "the link is welcome");
  task_group agent(co_await asio::this_coro::executor, "agent that refuses");
  agent.spawn("slot", refuse_some(cluster.api().management(), refusals));
  http_headers json_type;
  json_type.emplace_back("Content-Type", "application/json");
  auto const answer = co_await ask(cluster.api().inference(), "POST", "/v1/chat/completions", json_type,
                                   R"({"model":"sim","messages":[{"role":"user","content":"hello"}]})");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.body, R"({"ok":true})");
  agent.cancel();
  co_await agent.join();
}

// --- configuration files ---

std::string slots_of(std::string const& agent, int slots) {
  return "agents:\n  - id: " + agent + "\n    slots: " + std::to_string(slots) + "\n";
}

task<> until_document(cluster_api api, std::string what, std::function<bool(std::string const&)> is_so) {
  std::string seen;
  for (auto const deadline = mono_now() + patience; mono_now() < deadline;) {
    seen = (co_await api.desired()).document;
    if (is_so(seen)) co_return;
    co_await pause_between_looks();
  }
  give_up_test("desired state never " + what + ": " + seen);
}

auto says(std::string part) {
  return [part](std::string const& document) { return document.find(part) != std::string::npos; };
}

auto says_nothing_of(std::string part) {
  return [part](std::string const& document) { return document.find(part) == std::string::npos; };
}

std::string agent_json(std::string const& id, int slots) {
  return R"({"id":")" + id + R"(","slots":)" + std::to_string(slots) + "}";
}

SYSTEM_TEST(desired_files, DUR_09_a_folder_is_followed_file_by_file, local_cluster) {
  auto const folder = cluster.directory("conf.d");
  std::filesystem::create_directory(folder);
  write_whole_file(folder + "/10-a.yaml", slots_of("a", 1));
  write_whole_file(folder + "/20-b.json", R"({"agents":[{"id":"b","slots":2},{"id":"a","slots":9}]})");
  write_whole_file(folder + "/notes.txt", "agents: nonsense");
  write_whole_file(folder + "/.hidden.yaml", slots_of("hidden", 1));
  std::filesystem::create_directory(folder + "/sub.yaml");
  cluster.config.desired_files = {folder + "/"};
  co_await cluster.start();
  co_await until_document(cluster.api(), "has both files", says(agent_json("b", 2)));
  auto const document = (co_await cluster.api().desired()).document;
  EXPECT_NE(document.find(agent_json("a", 1)), std::string::npos) << "the first path wins: " << document;
  EXPECT_EQ(document.find("hidden"), std::string::npos);

  put_file(folder + "/10-a.yaml", slots_of("a", 3));
  co_await until_document(cluster.api(), "has the replaced file", says(agent_json("a", 3)));
  write_whole_file(folder + "/30-c.yml", slots_of("c", 4));
  co_await until_document(cluster.api(), "has the new file", says(agent_json("c", 4)));
  std::filesystem::remove(folder + "/10-a.yaml");
  co_await until_document(cluster.api(), "has released the removed file", says(agent_json("a", 9)));
  write_whole_file(folder + "/20-b.json", "{\"agents\":[");
  bool const told = co_await eventually(patience, [] { return was_logged("desired.file_refused", "20-b.json"); });
  EXPECT_TRUE(told);
  EXPECT_TRUE(says(agent_json("b", 2))((co_await cluster.api().desired()).document)) << "a bad file changes nothing";

  // A folder that is gone took nothing back: a mount that failed is not a wish.
  std::filesystem::rename(folder, folder + ".away");
  std::filesystem::rename(folder + ".away", folder);
  write_whole_file(folder + "/20-b.json", R"({"agents":[{"id":"b","slots":5}]})");
  co_await until_document(cluster.api(), "follows again", says(agent_json("b", 5)));
  EXPECT_TRUE(says(agent_json("c", 4))((co_await cluster.api().desired()).document));
}

// Filled as Kubernetes fills a mounted map: links through `..data`, which is swapped as a whole.
SYSTEM_TEST(desired_files, DUR_09_a_folder_of_links_that_are_swapped_as_a_whole, local_cluster) {
  auto const folder = cluster.directory("map");
  for (char const* version : {"/..v1", "/..v2"}) std::filesystem::create_directories(folder + version);
  write_whole_file(folder + "/..v1/d.yaml", slots_of("a", 1));
  write_whole_file(folder + "/..v2/d.yaml", slots_of("a", 2));
  std::filesystem::create_symlink("..v1", folder + "/..data");
  std::filesystem::create_symlink("..data/d.yaml", folder + "/d.yaml");
  cluster.config.desired_files = {folder};
  co_await cluster.start();
  co_await until_document(cluster.api(), "has the first version", says(agent_json("a", 1)));
  std::filesystem::create_symlink("..v2", folder + "/..data_tmp");
  std::filesystem::rename(folder + "/..data_tmp", folder + "/..data");
  co_await until_document(cluster.api(), "has the second version", says(agent_json("a", 2)));
}

SYSTEM_TEST(desired_files, DUR_09_a_file_that_went_while_no_balancer_ran_is_released, local_cluster) {
  auto const folder = cluster.directory("conf.d");
  std::filesystem::create_directory(folder);
  write_whole_file(folder + "/a.yaml", slots_of("a", 1));
  write_whole_file(folder + "/b.yaml", slots_of("b", 1));
  auto const named = cluster.directory("named.yaml");
  write_whole_file(named, slots_of("c", 1));
  cluster.config.desired_files = {folder, named};
  co_await cluster.start();
  co_await until_document(cluster.api(), "has all", [](std::string const& document) {
    return says(agent_json("a", 1))(document) && says(agent_json("b", 1))(document) &&
           says(agent_json("c", 1))(document);
  });
  co_await cluster.stop_balancer();
  std::filesystem::remove(folder + "/a.yaml");
  std::filesystem::remove(named);
  co_await cluster.start();
  co_await until_document(cluster.api(), "has released it", says_nothing_of(agent_json("a", 1)));
  auto const document = (co_await cluster.api().desired()).document;
  EXPECT_TRUE(says(agent_json("b", 1))(document)) << document;
  EXPECT_TRUE(says(agent_json("c", 1))(document)) << "a named file that goes takes nothing back: " << document;
}

SYSTEM_TEST(desired_files, a_folder_with_too_many_files_changes_nothing, local_cluster) {
  auto const folder = cluster.directory("conf.d");
  std::filesystem::create_directory(folder);
  for (int i = 0; i < 65; ++i) write_whole_file(folder + "/" + std::to_string(i) + ".yaml", slots_of("a", 1));
  cluster.config.desired_files = {folder};
  co_await cluster.start();
  bool const told = co_await eventually(patience, [] { return was_logged("desired.folder_refused", "more than 64"); });
  EXPECT_TRUE(told);
  EXPECT_TRUE(says_nothing_of(agent_json("a", 1))((co_await cluster.api().desired()).document));
  std::filesystem::remove(folder + "/0.yaml");
  co_await until_document(cluster.api(), "has the others", says(agent_json("a", 1)));
}

} // namespace
} // namespace paddler_test
