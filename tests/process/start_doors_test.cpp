// What the built program refuses to start with: models, engines, ports, state directories and databases that cannot be.
// Each costs an exit code and one message that names the thing and the mend; what lies on the disk stays as it was, and
// the same command with the mend serves.
#include "base/text.hpp"
#include "harness/doors.hpp"
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>

namespace paddler_test {
namespace {

namespace fs = std::filesystem;

constexpr int failure = 1; // docs/cli.md
constexpr int not_found = 4;
constexpr int invalid = 7;

// GGUF's magic, version, number of tensors and of metadata entries; nothing of what they announce.
std::string gguf_head(char version) {
  return std::string("GGUF") + version + std::string(3, '\0') + '\1' + std::string(7, '\0') + '\1' +
         std::string(7, '\0');
}

// --- models and engines ---

std::vector<bad_command> const bad_models = {
    {.what = "no such file",
     .line = "up --model nowhere.gguf --state-dir state",
     .code = not_found,
     .said = {"--model: there is no file nowhere.gguf", "GGUF"}},
    {.what = "a file in place of a folder",
     .line = "up --model notes.txt/model.gguf --state-dir state",
     .code = not_found,
     .said = {"--model: there is no file notes.txt/model.gguf", "GGUF"}},
    {.what = "a link to nowhere",
     .line = "up --model dangling.gguf --state-dir state",
     .code = not_found,
     .said = {"--model: there is no file dangling.gguf"}},
    {.what = "a folder",
     .line = "up --model folder --state-dir state",
     .code = invalid,
     .said = {"--model: folder is a folder", "GGUF"}},
    {.what = "a device",
     .line = "up --model /dev/null --state-dir state",
     .code = invalid,
     .said = {"--model: /dev/null is not a regular file", "GGUF"}},
    {.what = "a file that may not be read",
     .line = "up --model secret.gguf --state-dir state",
     .code = failure,
     .said = {"--model:", "secret.gguf' may not be read", "permission"}},
    {.what = "an empty file",
     .line = "up --model empty.gguf --state-dir state",
     .code = invalid,
     .said = {"--model:", "empty.gguf' is empty", "download"}},
    {.what = "a text",
     .line = "up --model notes.txt --state-dir state",
     .code = invalid,
     .said = {"--model:", "notes.txt' is not a GGUF file", "GGUF format"}},
    {.what = "a GGUF file of the future",
     .line = "up --model future.gguf --state-dir state",
     .code = invalid,
     .said = {"--model:", "future.gguf'", "version 99"}},
    {.what = "a GGUF file that was cut off",
     .line = "up --model cut.gguf --state-dir state",
     .code = invalid,
     .said = {"--model:", "cut.gguf' is cut short", "again"}},
    {.what = "an agent's model",
     .line = "agent --model notes.txt",
     .code = invalid,
     .said = {"--model:", "notes.txt' is not a GGUF file"}},
    {.what = "no such engine",
     .line = "up --engine-binary nowhere --state-dir state",
     .code = not_found,
     .said = {"--engine-binary: there is no file nowhere", "llama-server"}},
    {.what = "a folder as engine",
     .line = "agent --engine-binary folder",
     .code = invalid,
     .said = {"--engine-binary: folder is a folder", "llama-server"}},
    {.what = "an engine that cannot be run",
     .line = "agent --engine-binary notes.txt",
     .code = invalid,
     .said = {"--engine-binary: notes.txt cannot be run: permission denied", "llama-server"}},
};

void write_bad_models(temporary_directory const& into) {
  static_cast<void>(into.write("notes.txt", "no model, but a shopping list\n"));
  static_cast<void>(into.write("empty.gguf", ""));
  static_cast<void>(into.write("future.gguf", gguf_head(99)));
  static_cast<void>(into.write("cut.gguf", gguf_head(3).substr(0, 12)));
  fs::permissions(into.write("secret.gguf", gguf_head(3)), fs::perms::none);
  fs::create_directory(into.path("folder"));
  fs::create_symlink("nowhere", into.path("dangling.gguf"));
}

SYSTEM_TEST(doors, models_that_are_none_are_refused_before_anything_starts, process_cluster) {
  require(make_children_obey_file_rights(), "root can give up its rights on files");
  write_bad_models(cluster.directory());
  co_await run_bad_commands(cluster, bad_models);
  EXPECT_FALSE(fs::exists(cluster.state_directory())) << "it was refused before it left anything behind";
  std::vector<std::string> const mended = {"--simulate"};
  co_await cluster.start_up(mended);
  co_await cluster.api().until_slots(4);
  co_await cluster.api().expect_serving("at last?", "simulated");
}

// --- ports ---

SYSTEM_TEST(doors, a_port_in_use_is_named_and_nobody_is_harmed, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  auto const inference = cluster.api().inference();
  auto const management = cluster.api().management();
  std::string const free = "127.0.0.1:0";
  std::vector<bad_command> const rows = {
      {.what = "the OpenAI API of another",
       .line = "up --simulate --state-dir other --inference-addr @inference --management-addr " + free,
       .code = failure,
       .said = {"--inference-addr: could not listen on " + inference, "in use", "choose another port"}},
      {.what = "the management API of another",
       .line = "balancer --state-dir other --inference-addr " + free + " --management-addr @management",
       .code = failure,
       .said = {"--management-addr: could not listen on " + management, "in use", "choose another port"}},
      {.what = "another machine's address",
       .line = "balancer --insecure --state-dir other --inference-addr 192.0.2.1:1 --management-addr " + free,
       .code = failure,
       .said = {"--inference-addr: could not listen on 192.0.2.1:1", "no such address", "127.0.0.1"}},
      {.what = "the state of another",
       .line = "balancer --state-dir state --inference-addr " + free + " --management-addr " + free,
       .code = failure,
       .said = {"state/state.db.lock", "is in use by", std::to_string(cluster.balancer().pid()),
                "a state directory of its own"}},
  };
  co_await run_bad_commands(cluster, rows);
  EXPECT_FALSE(fs::exists(cluster.directory().path("other")));
  co_await expect_unharmed(cluster.api(), before, 1);
}

// --- state ---

std::string balancer_with(std::string const& state) {
  return "balancer --inference-addr 127.0.0.1:0 --management-addr 127.0.0.1:0 --state-dir " + state;
}

std::vector<bad_command> const bad_state_directories = {
    {.what = "a file",
     .line = balancer_with("notes.txt"),
     .code = failure,
     .said = {"the state directory: 'notes.txt' is not a folder", "--state-dir"}},
    {.what = "a folder below a file",
     .line = balancer_with("notes.txt/state"),
     .code = failure,
     .said = {"the state directory:", "'notes.txt/state'", "not a directory", "--state-dir"}},
    {.what = "a folder below one that may not be written",
     .line = balancer_with("locked/state"),
     .code = failure,
     .said = {"the state directory:", "'locked/state'", "permission denied", "--state-dir"}},
    {.what = "a folder that may not be written",
     .line = balancer_with("locked"),
     .code = failure,
     .said = {"could not lock locked/state.db", "permission denied", "may write to it"}},
    {.what = "a loop of links",
     .line = balancer_with("loop"),
     .code = failure,
     .said = {"the state directory:", "'loop'", "--state-dir"}},
};

SYSTEM_TEST(doors, state_directories_that_cannot_be, process_cluster) {
  require(make_children_obey_file_rights(), "root can give up its rights on files");
  auto const notes = cluster.directory().write("notes.txt", "not state\n");
  fs::create_directory(cluster.directory().path("locked"));
  fs::permissions(cluster.directory().path("locked"), fs::perms::owner_read | fs::perms::owner_exec);
  fs::create_directory_symlink("loop", cluster.directory().path("loop"));
  co_await run_bad_commands(cluster, bad_state_directories);
  EXPECT_EQ(read_whole_file(notes), "not state\n");
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
}

// The first SQLite page of a state database begins with a header; these are places in it (SQLite's file format, 1.3).
constexpr std::size_t version_at = 63;
constexpr std::size_t application_at = 68;

struct bad_database {
  char const* what;
  std::string (*make)(std::string sound);
  words said;
};

std::vector<bad_database> const bad_databases = {
    {"empty", [](std::string) { return std::string(); }, {"is empty", "restore it from a backup"}},
    {"a text", [](std::string) { return std::string(200, 'x'); }, {"is not a database", "restore it from a backup"}},
    {"newer",
     [](std::string sound) { return sound.replace(version_at, 1, "\x63"); },
     {"was written by a newer paddler (schema 99, this one knows", "run the newer paddler"}},
    {"another program's",
     [](std::string sound) { return sound.replace(application_at, 4, "abcd"); },
     {"is another program's database", "restore it from a backup"}},
    {"cut off",
     [](std::string sound) { return sound.substr(0, sound.size() / 2); },
     {"damaged", "restore it from a backup"}},
    {"changed by hand",
     [](std::string sound) { return sound.replace(sound.find("anonymous"), 1, "A"); },
     {"the event log is damaged: revision 1 was changed", "restore the state database from a backup"}},
};

SYSTEM_TEST(doors, DUR_08_databases_that_cannot_be_are_refused_and_left_as_they_are, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  auto const before = co_await cluster.api().desired();
  cluster.balancer().signal(SIGTERM);
  co_await cluster.balancer().wait_end(patience);
  auto const file = cluster.state_directory() + "/state.db";
  auto const sound = read_whole_file(file);
  for (auto const& row : bad_databases) {
    auto const bytes = row.make(sound);
    EXPECT_NE(bytes, sound) << row.what;
    write_whole_file(file, bytes);
    bad_command command{.what = row.what, .line = balancer_with(cluster.state_directory()), .code = failure};
    command.said = row.said;
    command.said.push_back(file);
    std::vector<bad_command> const rows = {command};
    co_await run_bad_commands(cluster, rows);
    EXPECT_EQ(read_whole_file(file), bytes) << row.what;
  }
  fs::remove(file);
  fs::create_directory(file);
  std::vector<bad_command> const folder = {{.what = "a folder",
                                            .line = balancer_with(cluster.state_directory()),
                                            .code = failure,
                                            .said = {file, "is not a regular file", "restore it from a backup"}}};
  co_await run_bad_commands(cluster, folder);
  fs::remove(file);

  write_whole_file(file, sound); // the mend that the messages name
  co_await cluster.start_balancer();
  auto const after = co_await cluster.api().desired();
  EXPECT_EQ(after, before);
}

SYSTEM_TEST(doors, DUR_14_a_second_balancer_is_turned_away_and_the_first_unharmed, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 2));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(2);
  for (int round = 1; round <= 3; ++round) {
    auto const before = co_await cluster.api().desired();
    std::vector<bad_command> const second = {
        {.what = "a second balancer",
         .line = balancer_with(cluster.state_directory()),
         .code = failure,
         .said = {"state.db.lock", "is in use by", std::to_string(cluster.balancer().pid())}}};
    co_await run_bad_commands(cluster, second);
    co_await expect_unharmed(cluster.api(), before, 2);
    auto const next = desired_yaml({{.id = "a1", .slots = 2}, {.id = "elsewhere", .slots = round}});
    co_await cluster.api().apply(next);
  }
  co_await cluster.balancer().kill(); // its lock goes with it, however it ends
  co_await cluster.start_balancer();
  co_await cluster.api().until_slots(2);
}

// --- desired state in a file ---

// The program starts with it, says so, and keeps what was in force; the mend is taken without a start.
struct bad_desired_file {
  char const* what;
  std::string content;
  words said;
};

std::vector<bad_desired_file> const bad_desired_files = {
    {"an open list", "agents: [\n", {"not valid YAML", "line 2", "`[` is not closed"}},
    {"an unknown key", "agents:\n  - id: a1\n    slotz: 3\n", {"line 3: agents[0].slotz: unknown key", "slots"}},
    {"a wrong type", "agents: 7\n", {"agents: expected a list, got the number 7"}},
    {"a value that cannot be", "agents:\n  - id: a1\n    slots: 0\n", {"agents[0].slots: is 0", "from 1 to 256"}},
    {"two documents", "agents: []\n---\nagents: []\n", {"document"}},
    {"text in a strange encoding", "agents: [\xff\xfe]\n", {"UTF-8"}},
};

bool has_said(std::string const& output, words const& said) {
  auto const lower = to_lower(output);
  return std::ranges::all_of(said, [&](auto const& word) { return lower.find(to_lower(word)) != std::string::npos; });
}

SYSTEM_TEST(doors, a_desired_file_that_is_bad_at_the_start_changes_nothing, process_cluster) {
  auto const file = cluster.directory().path("desired.yaml");
  write_whole_file(file, want_agents(1, 2));
  std::vector<std::string> const flags = {"--desired", file};
  co_await cluster.start_balancer(flags);
  auto const taken = [](boost::json::array const& agents) { return !agents.empty(); };
  co_await cluster.api().until("agents", "are those of the file", taken);
  auto const before = co_await cluster.api().desired();
  for (auto const& row : bad_desired_files) {
    SCOPED_TRACE(row.what);
    co_await cluster.balancer().kill();
    write_whole_file(file, row.content);
    co_await cluster.start_balancer(flags);
    auto& balancer = cluster.balancer();
    words said = row.said;
    said.insert(said.end(), {file, "was not taken", "what was in force stays", "mend the file"});
    bool const told = co_await eventually(patience, [&] { return has_said(balancer.output(), said); });
    EXPECT_TRUE(told) << balancer.output();
    auto const after = co_await cluster.api().desired();
    EXPECT_EQ(after, before);
  }
  write_whole_file(file, want_agents(2, 3));
  co_await cluster.api().until("agents", "are those of the mended file",
                               [](boost::json::array const& agents) { return agents.size() == 2; });
}

std::vector<bad_desired_file> const missing_desired_files = {
    {"nowhere.yaml", "", {"there is no file", "nowhere.yaml"}},
    {"folder", "", {"folder", "no configuration file"}},
    {"dangling.yaml", "", {"there is no file", "dangling.yaml"}},
    {"secret.yaml", "", {"secret.yaml", "permission"}},
    {"huge.yaml", "", {"huge.yaml", "larger"}},
};

void write_missing_desired_files(temporary_directory const& into) {
  fs::create_directory(into.path("folder"));
  fs::create_symlink("nowhere", into.path("dangling.yaml"));
  fs::permissions(into.write("secret.yaml", want_agents(1, 1)), fs::perms::none);
  fs::resize_file(into.write("huge.yaml", "#"), 100'000'000);
}

SYSTEM_TEST(doors, DUR_09_a_desired_file_that_is_not_there_is_said_and_taken_when_it_comes, process_cluster) {
  require(make_children_obey_file_rights(), "root can give up its rights on files");
  write_missing_desired_files(cluster.directory());
  for (auto const& row : missing_desired_files) {
    SCOPED_TRACE(row.what);
    auto const file = cluster.directory().path(row.what);
    std::vector<std::string> const flags = {"--desired", file};
    co_await cluster.start_balancer(flags);
    auto& balancer = cluster.balancer();
    bool const told = co_await eventually(patience, [&] { return has_said(balancer.output(), row.said); });
    EXPECT_TRUE(told) << balancer.output();
    fs::remove(file);
    write_whole_file(file, want_agents(1, 1));
    co_await cluster.api().until("agents", "are those of the file",
                                 [](boost::json::array const& agents) { return agents.size() == 1; });
    co_await cluster.balancer().kill();
    fs::remove_all(cluster.state_directory());
  }
}

} // namespace
} // namespace paddler_test
