// Desired documents that are wrong, through the API and through a watched file: all that is wrong is named, with its
// mend, and what was in force stays in force.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/clock.hpp"

#include <filesystem>

namespace paddler_test {
namespace {

std::vector<bad_input> documents_of_bad_shape() {
  return {
      {"nothing", "", 400, {"empty", "agents: []"}},
      {"blanks only", "  \n\n", 400, {"empty", "cut off"}},
      {"a comment only", "# nothing\n", 400, {"empty"}},
      {"a bracket that is not closed", "agents: [\n", 422, {"YAML", "line"}},
      {"a quote that is not closed", "agents:\n  - id: \"a1", 422, {"YAML", "quote"}},
      {"tabs", "agents:\n\t- id: a1\n", 422, {"tabs", "spaces"}},
      {"a word", "hello\n", 422, {"hello"}},
      {"a list", "- id: a1\n", 422, {}},
      {"an unknown key", "agnets: []\n", 422, {"agnets", "unknown key", "agents"}},
      {"an unknown key inside", "agents:\n  - id: a1\n    slot: 3\n", 422, {"agents[0].slot", "slots", "\"line\":3"}},
      {"text where a number belongs", "agents:\n  - id: a1\n    slots: four\n", 422, {"agents[0].slots", "four"}},
      {"a quoted number", "agents:\n  - id: a1\n    slots: \"4\"\n", 422, {"agents[0].slots", "without quotes"}},
      {"a fraction", "agents:\n  - id: a1\n    slots: 1.5\n", 422, {"agents[0].slots"}},
      {"a number beyond all", "agents:\n  - id: a1\n    slots: 99999999999999999999\n", 422, {"agents[0].slots"}},
      {"a list where an entry belongs", "agents:\n  - [a1]\n", 422, {"agents[0]"}},
      {"a key twice", "agents: []\nagents: []\n", 422, {"agents", "twice"}},
      {"an anchor", "agents: &a []\n", 422, {"anchors", "remove"}},
      {"an alias bomb", "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nagents: []\n", 422, {}},
      {"a tag", "agents: !!python/object []\n", 422, {"tag"}},
      {"a merge key", "agents:\n  - <<: {id: a1}\n", 422, {"merge"}},
      {"two documents", "agents: []\n---\nagents: []\n", 422, {"document"}},
      {"bad UTF-8", "agents:\n  - id: a\xff\n", 400, {"UTF-8"}},
      {"UTF-16", std::string("a\0g\0e\0n\0t\0s\0", 12), 400, {"UTF-8"}},
      {"a picture", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16), 400, {}},
      {"nested a thousand deep", "agents: " + std::string(1000, '[') + std::string(1000, ']') + "\n", 413, {"nested"}},
      {"five megabytes", "# " + std::string(5'000'000, 'x') + "\nagents: []\n", 413, {"too large"}},
  };
}

std::string agent_with(std::string const& lines) { return "agents:\n  - id: a1\n" + lines; }

std::vector<bad_input> documents_of_bad_content() {
  std::string const local = "    desired_model: {source: local, path: /m.gguf}\n";
  return {
      {"no id", "agents:\n  - slots: 1\n", 422, {"agents[0].id", "missing"}},
      {"an id that is no name", "agents:\n  - id: \"a b\"\n", 422, {"agents[0].id", "a b", "letters"}},
      {"one id twice", "agents:\n  - id: a1\n  - id: a1\n", 422, {"agents[1].id", "twice"}},
      {"no slots", agent_with("    slots: 0\n"), 422, {"agents[0].slots", "is 0", "1 to 256"}},
      {"too many slots", agent_with("    slots: 257\n"), 422, {"agents[0].slots", "1 to 256"}},
      {"a context of one token",
       agent_with("    max_context_length: 1\n"),
       422,
       {"agents[0].max_context_length", "16"}},
      {"an unknown source",
       agent_with("    desired_model: {source: hugingface}\n"),
       422,
       {"desired_model.source", "huggingface"}},
      {"no source", agent_with("    desired_model: {path: /m.gguf}\n"), 422, {"desired_model.source", "missing"}},
      {"a local model without a path",
       agent_with("    desired_model: {source: local}\n"),
       422,
       {"desired_model.path", "missing"}},
      {"a path that is not absolute",
       agent_with("    desired_model: {source: local, path: m.gguf}\n"),
       422,
       {"m.gguf", "absolute"}},
      {"a field of another source",
       agent_with("    desired_model: {source: local, path: /m.gguf, url: x}\n"),
       422,
       {"desired_model.url", "does not belong"}},
      {"a model that is not there",
       agent_with(local + "    model: chet\n") + "models:\n  - id: chat\n",
       422,
       {"agents[0].model", "chet", "did you mean 'chat'"}},
      {"a model left open",
       agent_with(local) + "models:\n  - id: m1\n  - id: m2\n",
       422,
       {"agents[0].model", "m1", "m2"}},
      {"too hot",
       "models:\n  - id: m\n    parameters: {temperature: 11}\n",
       422,
       {"models[0].parameters.temperature", "is 11", "0 to 10"}},
      {"hot", "models:\n  - id: m\n    parameters: {temperature: hot}\n", 422, {"temperature", "hot"}},
      {"not a number", "models:\n  - id: m\n    parameters: {temperature: .nan}\n", 422, {"temperature"}},
      {"a misspelt parameter",
       "models:\n  - id: m\n    parameters: {temprature: 1}\n",
       422,
       {"temprature", "did you mean", "temperature"}},
      {"a huge template",
       "models:\n  - id: m\n    chat_template: \"" + std::string(300'000, 't') + "\"\n",
       422,
       {"chat_template", "limit"}},
      {"everything at once",
       "agents:\n  - id: a1\n    slots: 0\n  - id: a1\n    slots: 999\n",
       422,
       {"agents[0].slots", "agents[1].id", "agents[1].slots"}},
  };
}

std::vector<bad_input> bad_json() {
  return {
      {"half a document", R"({"agents":[{"id":"a1")", 422, {"JSON", "cut off"}},
      {"single quotes", "{'agents':[]}", 422, {"double quotes"}},
      {"a comment", "{\"agents\":[] // all\n}", 422, {"comments"}},
      {"a trailing comma", R"({"agents":[],})", 422, {"comma"}},
      {"YAML", "agents: []\n", 422, {"JSON"}},
      {"a list", "[]", 422, {}},
      {"text for a number", R"({"agents":[{"id":"a1","slots":"4"}]})", 422, {"agents[0].slots"}},
      {"an unknown key", R"({"agents":[{"id":"a1","slotz":4}]})", 422, {"slotz", "slots"}},
      {"a number beyond all", R"({"agents":[{"id":"a1","slots":1e999}]})", 422, {"agents[0].slots"}},
      {"a zero byte", std::string("{\"agents\":[]\0}", 14), 400, {}},
  };
}

SYSTEM_TEST(doors, REC_11_bad_documents, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  std::string const target = "/management/v1/desired";
  http_headers yaml;
  yaml.emplace_back("Content-Type", "application/yaml");
  co_await send_bad_bodies(cluster.api().management(), "PUT", target, yaml, documents_of_bad_shape());
  co_await send_bad_bodies(cluster.api().management(), "PUT", target, yaml, documents_of_bad_content());
  http_headers json;
  json.emplace_back("Content-Type", "application/json");
  co_await send_bad_bodies(cluster.api().management(), "PUT", target, json, bad_json());
  co_await expect_unharmed(cluster.api(), before, 1);
}

SYSTEM_TEST(doors, bad_conditions_and_queries, local_cluster) {
  co_await cluster.start(want_agents(1, 1));
  auto const before = co_await cluster.api().desired();
  auto const good = want_agents(1, 2);

  struct row {
    char const* if_match;
    int status;
    words said;
  };

  std::vector<row> const rows = {{"12", 400, {"If-Match", "ETag"}},
                                 {"\"twelve\"", 400, {"If-Match", "ETag"}},
                                 {"\"\"", 400, {"If-Match"}},
                                 {"\"999999\"", 412, {"revision"}},
                                 {"\"0\"", 412, {"revision"}}};
  for (auto const& row : rows) {
    SCOPED_TRACE(row.if_match);
    auto const answer = co_await cluster.api().put_desired(good, row.if_match);
    EXPECT_EQ(answer.status, row.status) << answer.body;
    expect_words(answer.body, row.said);
  }
  auto const source = co_await ask(cluster.api().management(), "GET", "/management/v1/desired?source=apo");
  EXPECT_EQ(source.status, 400);
  expect_words(source.body, {"apo", "api", "file", "discovery"});
  for (auto const* target : {"/readyz?slots=many", "/readyz?slots=-1", "/readyz?slots="}) {
    auto const ready = co_await ask(cluster.api().inference(), "GET", target);
    EXPECT_EQ(ready.status, 400) << target;
    expect_words(ready.body, {"slots", "whole number"});
  }
  auto const requests =
      co_await ask(cluster.api().management(), "GET", "/management/v1/requests?state=faild&agent=&limit=0");
  EXPECT_EQ(requests.status, 400);
  expect_words(requests.body, {"3 places", "faild", "did you mean", "cannot be an agent's name", "limit=20"});
  auto const request = co_await ask(cluster.api().management(), "GET", "/management/v1/requests/it's");
  EXPECT_EQ(request.status, 404);
  expect_words(request.body, {"no request 'it's'", "REQUESTS", "WHERE id = 'it''s';"});
  co_await expect_unharmed(cluster.api(), before, 0);
}

struct bad_file {
  char const* what;
  std::string content;
  char const* said;
};

std::vector<bad_file> bad_files() {
  return {{"garbage",
           "\x7f"
           "ELF\x01\x01",
           "control character"},
          {"half a document", "agents:\n  - id: a1\n    slots: [", "line"},
          {"nothing", "", "empty"},
          {"an unknown key", "agnets: []\n", "agnets"},
          {"a wrong value", "agents:\n  - id: a1\n    slots: 1000\n", "slots"},
          {"a huge file", std::string(5'000'000, '#'), "larger"}};
}

SYSTEM_TEST(doors, DUR_09_a_watched_file_that_becomes_bad_changes_nothing, local_cluster) {
  auto const path = cluster.directory("desired.yaml");
  write_whole_file(path, want_agents(1, 1));
  cluster.config.desired_files = {path};
  co_await cluster.start();
  cluster.add_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  for (auto const& bad : bad_files()) {
    SCOPED_TRACE(bad.what);
    write_whole_file(path, bad.content);
    bool const told = co_await eventually(patience, [&bad] { return was_logged("desired.file_refused", bad.said); });
    EXPECT_TRUE(told) << "the log does not say: " << bad.said;
    co_await expect_unharmed(cluster.api(), before, 1);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  co_await expect_unharmed(cluster.api(), before, 1);
  std::filesystem::remove(path);
  co_await expect_unharmed(cluster.api(), before, 1);

  // And once it is good again it is followed.
  write_whole_file(path, want_agents(1, 2));
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving();
}

// Written over in place, in two halves, again and again: whatever the reader finds, it takes all of a document or none.
SYSTEM_TEST(doors, DUR_09_a_file_that_is_written_while_it_is_read_is_taken_whole_or_not_at_all, local_cluster) {
  std::string const one =
      R"({"agents":[{"id":"a1","slots":1},{"id":"a2","slots":1},{"id":"a3","slots":1}],"models":[]})";
  std::string const two =
      R"({"agents":[{"id":"a1","slots":2},{"id":"a2","slots":2},{"id":"a3","slots":2}],"models":[]})";
  auto const path = cluster.directory("desired.json");
  write_whole_file(path, one);
  cluster.config.desired_files = {path};
  co_await cluster.start();
  co_await cluster.api().until("agents", "are there", [](auto const& agents) { return agents.size() == 3; });
  for (int round = 0; round < 60; ++round) {
    auto const& next = round % 2 == 0 ? two : one;
    write_whole_file(path, next.substr(0, next.size() / 2));
    co_await pause_between_looks();
    write_whole_file(path, next);
    auto const shown = co_await cluster.api().desired();
    EXPECT_TRUE(shown.document == one || shown.document == two) << shown.document;
  }
  write_whole_file(path, two);
  bool const followed = co_await eventually(patience, [&] { return was_logged("desired.file_loaded", path); });
  EXPECT_TRUE(followed);
  auto const& last = two;
  for (auto const deadline = mono_now() + patience; mono_now() < deadline;) {
    auto const shown = co_await cluster.api().desired();
    if (shown.document == last) co_return;
    co_await pause_between_looks();
  }
  ADD_FAILURE() << "the last document is not in force";
}

// Replaced as editors and configuration tools do it: by rename, and through a link.
SYSTEM_TEST(doors, DUR_09_a_watched_file_is_followed_however_it_is_replaced, local_cluster) {
  auto const path = cluster.directory("desired.yaml");
  write_whole_file(path, want_agents(1, 1));
  cluster.config.desired_files = {path};
  co_await cluster.start();
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(1);
  write_whole_file(path + ".new", want_agents(1, 2));
  std::filesystem::rename(path + ".new", path);
  co_await cluster.api().until_idle(2);
  write_whole_file(cluster.directory("v2.yaml"), want_agents(1, 3));
  std::filesystem::create_symlink(cluster.directory("v2.yaml"), path + ".link");
  std::filesystem::rename(path + ".link", path);
  co_await cluster.api().until_idle(3);
}

} // namespace
} // namespace paddler_test
