// Bad words on the command line of the built program, bad variables, and documents that cannot be: an exit code that
// scripts know, one message that names the thing and the mend, nothing printed as if it were data, nothing changed.
#include "harness/doors.hpp"
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <filesystem>

namespace paddler_test {
namespace {

constexpr int usage = 2; // docs/cli.md
constexpr int not_found = 4;
constexpr int conflict = 5;
constexpr int unreachable = 6;
constexpr int invalid = 7;

std::vector<bad_command> const bad_flags = {
    {.what = "a command with a slip", .line = "aply -f x", .said = {"\"aply\"", "did you mean \"apply\"?", "--help"}},
    {.what = "a command that is none", .line = "frobnicate", .said = {"no command \"frobnicate\"", "paddler --help"}},
    {.what = "help for what is none", .line = "help frobnicate", .said = {"no command \"frobnicate\""}},
    {.what = "a flag before the command", .line = "--slots 3", .said = {"no flag \"--slots\"", "paddler --help"}},
    // up
    {.what = "an unknown flag", .line = "up --quick", .said = {"'paddler up' has no flag \"--quick\"", "--help"}},
    {.what = "a flag with a slip", .line = "up --modle x", .said = {"\"--modle\"", "did you mean \"--model\"?"}},
    {.what = "a word too much", .line = "up model.gguf", .said = {"what is \"model.gguf\" for?", "paddler up --help"}},
    {.what = "a model left out", .line = "up --model", .said = {"--model needs a value", "FLAG=VALUE"}},
    {.what = "an empty model", .line = "up --model \"\"", .said = {"--model: is empty", "paddler up --help"}},
    {.what = "slots in words", .line = "up --slots four", .said = {"--slots: \"four\" is not a whole number from 1"}},
    {.what = "no slots", .line = "up --slots 0", .said = {"--slots: \"0\"", "from 1 to 256"}},
    {.what = "too many slots", .line = "up --slots 257", .said = {"--slots: \"257\"", "from 1 to 256"}},
    {.what = "a short context", .line = "up --context 1", .said = {"--context: \"1\"", "from 16 to 16777216"}},
    {.what = "no threads", .line = "up --threads 0", .said = {"--threads: \"0\"", "from 1 to 1024"}},
    {.what = "an empty engine", .line = "up --engine-binary \"\"", .said = {"--engine-binary: is empty", "--help"}},
    {.what = "a simulation with a slip",
     .line = "up --simulate=lod-time=1s",
     .said = {"--simulate", "lod-time", "load-time"}},
    {.what = "a simulation without a number",
     .line = "up --simulate=load-time=soon",
     .said = {"--simulate", "load-time", "soon"}},
    {.what = "two engines",
     .line = "up --simulate --engine-binary /bin/true",
     .said = {"--simulate and --engine-binary exclude each other", "leave one of them out"}},
    {.what = "a name with a star", .line = "up --name a*b", .said = {"--name: \"a*b\" cannot be a name", "letters"}},
    {.what = "a port alone",
     .line = "up --inference-addr 8061",
     .said = {"--inference-addr", "HOST:PORT", "127.0.0.1"}},
    {.what = "a port beyond all ports",
     .line = "up --management-addr 127.0.0.1:65536",
     .said = {"--management-addr", "no port from 0 to 65535"}},
    {.what = "a host name to listen on",
     .line = "up --inference-addr example.org:80",
     .said = {"--inference-addr", "no IP address", "localhost"}},
    {.what = "an open port",
     .line = "up --inference-addr 0.0.0.0:0",
     .said = {"--inference-addr 0.0.0.0:0", "reachable from other machines", "--insecure"}},
    {.what = "an empty state directory", .line = "up --state-dir \"\"", .said = {"--state-dir: is empty", "--help"}},
    {.what = "a log level with a slip",
     .line = "up --log-level infos",
     .said = {"--log-level", "did you mean \"info\"?"}},
    // balancer
    {.what = "a flag of the agent's",
     .line = "balancer --slots 3",
     .said = {"'paddler balancer' has no flag \"--slots\""}},
    {.what = "a queue in words",
     .line = "balancer --max-queue all",
     .said = {"--max-queue: \"all\"", "from 0 to 1000000"}},
    {.what = "a time without its unit", .line = "balancer --queue-timeout 10", .said = {"--queue-timeout", "30s"}},
    {.what = "a negative time", .line = "balancer --queue-timeout=-1s", .said = {"--queue-timeout: \"-1s\"", "30s"}},
    {.what = "a hasty comment", .line = "balancer --keep-alive 1ms", .said = {"--keep-alive", "at least 100ms"}},
    {.what = "a desired state left out", .line = "balancer --desired", .said = {"--desired needs a value"}},
    {.what = "an open management port",
     .line = "balancer --management-addr [::]:0",
     .said = {"--management-addr [::]:0", "neither TLS nor keys", "--insecure"}},
    // agent
    {.what = "a balancer with TLS", .line = "agent --balancer https://b:1", .said = {"--balancer", "TLS", "http://"}},
    {.what = "a balancer without its port", .line = "agent --balancer b:", .said = {"--balancer: \"b:\"", "8060"}},
    {.what = "a list with nothing last",
     .line = "agent --balancer a:1,",
     .said = {"--balancer: \"\" is not an address"}},
    {.what = "a flag of the balancer's",
     .line = "agent --desired x",
     .said = {"'paddler agent' has no flag \"--desired\""}},
    // get
    {.what = "get alone", .line = "get", .said = {"get what?", "agents", "paddler get agents"}},
    {.what = "a kind with a slip", .line = "get agnets", .said = {"\"agnets\"", "did you mean \"agents\"?"}},
    {.what = "a format with a slip", .line = "get agents -o jso", .said = {"--output", "did you mean \"json\"?"}},
    {.what = "a document as a table", .line = "get desired -o wide", .said = {"desired state", "-o yaml or -o json"}},
    {.what = "a source of no document", .line = "get agents --source api", .said = {"--source", "get desired"}},
    {.what = "an address that is none", .line = "get agents --management ://", .said = {"--management", "HOST:PORT"}},
    // apply, chat, version
    {.what = "apply alone", .line = "apply", .said = {"no document was named", "-f FILE"}},
    {.what = "a revision in words",
     .line = "apply -f x --if-revision new",
     .said = {"--if-revision: \"new\"", "0 or more"}},
    {.what = "port 0 to connect to",
     .line = "chat --inference localhost:0 hi",
     .said = {"--inference", "from 1 to 65535"}},
    {.what = "a flag in a message",
     .line = "chat what is --slots ?",
     .said = {"'paddler chat' has no flag \"--slots\""}},
    {.what = "version of what", .line = "version now", .said = {"what is \"now\" for?", "paddler version --help"}},
};

std::vector<bad_command> const bad_variables = {
    {.what = "a log level",
     .line = "up",
     .said = {"environment variable PADDLER_LOG_LEVEL", "\"loud\" is not trace, debug"},
     .variables = {"PADDLER_LOG_LEVEL=loud"}},
    {.what = "a management API with TLS",
     .line = "get agents",
     .said = {"environment variable PADDLER_MANAGEMENT", "https://b", "TLS", "http://HOST:PORT"},
     .variables = {"PADDLER_MANAGEMENT=https://b"}},
    {.what = "a balancer of an agent",
     .line = "agent --simulate",
     .said = {"environment variable PADDLER_MANAGEMENT", "\"b:x\" has no port"},
     .variables = {"PADDLER_MANAGEMENT=b:x"}},
    {.what = "an OpenAI API",
     .line = "chat hi",
     .said = {"environment variable PADDLER_INFERENCE", "\"ftp://b\" is not an http address", "http://"},
     .variables = {"PADDLER_INFERENCE=ftp://b"}},
    {.what = "a demo model that is not there",
     .line = "up",
     .code = not_found,
     .said = {"environment variable PADDLER_DEMO_MODEL", "there is no file /no/demo.gguf", "GGUF"},
     .variables = {"PADDLER_DEMO_MODEL=/no/demo.gguf"}},
    {.what = "no place for sockets",
     .line = "up --simulate",
     .code = not_found,
     .said = {"environment variable XDG_RUNTIME_DIR", "/no/such/folder", "may write to"},
     .variables = {"XDG_RUNTIME_DIR=/no/such/folder"}},
    {.what = "no place for state", .line = "balancer", .said = {"no HOME", "--state-dir DIR"}, .variables = {"HOME="}},
};

SYSTEM_TEST(doors, bad_words_on_the_command_line, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  co_await run_bad_commands(cluster, bad_flags);
  co_await run_bad_commands(cluster, bad_variables);
  co_await expect_unharmed(cluster.api(), before, 1);
}

// What a command is given or asks for, at a cluster that runs.
std::vector<bad_command> const bad_documents = {
    {.what = "no such file",
     .line = "apply -f nowhere.yaml --management @management",
     .code = not_found,
     .said = {"-f: there is no file nowhere.yaml", "YAML or JSON", "standard input"}},
    {.what = "a folder",
     .line = "apply -f . --management @management",
     .code = invalid,
     .said = {"-f: . is a folder", "give the path"}},
    {.what = "a file that may not be read",
     .line = "apply -f secret.yaml --management @management",
     .code = 1,
     .said = {"-f: could not open secret.yaml", "permission denied"}},
    {.what = "nothing", .line = "apply -f - --management @management", .code = invalid, .said = {"empty"}},
    {.what = "not YAML",
     .line = "apply -f open.yaml --management @management",
     .code = invalid,
     .said = {"open.yaml:", "`[` is not closed", "nothing was changed"}},
    {.what = "not JSON",
     .line = "apply -f half.json --management @management",
     .code = invalid,
     .said = {"half.json:", "JSON", "nothing was changed"}},
    {.what = "unknown keys and wrong types",
     .line = "apply -f mistakes.yaml --management @management",
     .code = invalid,
     .said = {"mistakes.yaml:3: agents[0].slotz: unknown key", "did you mean \"slots\"?", "mistakes.yaml:4: models",
              "expected a list", "nothing was changed"}},
    {.what = "a number that cannot be",
     .line = "apply -f - --management @management",
     .code = invalid,
     .said = {"standard input: agents[0].slots: is 1000", "from 1 to 256", "nothing was changed"},
     .input = "agents:\n  - id: a1\n    slots: 1000\n"},
    {.what = "a bad chat template",
     .line = "apply -f - --management @management",
     .code = invalid,
     .said = {"standard input:", "chat_template", "nothing was changed"},
     .input = "models:\n  - id: sim\n    chat_template: [not, text]\n"},
    {.what = "a bomb",
     .line = "apply -f - --management @management",
     .code = invalid,
     .said = {"standard input:", "alias", "nothing was changed"},
     .input = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nmodels: *c\n"},
    {.what = "a document of five megabytes",
     .line = "apply -f large.yaml --management @management",
     .code = invalid,
     .said = {"-f: large.yaml is larger than the limit of 4194304 bytes"}},
    {.what = "an old revision",
     .line = "apply -f - --if-revision 0 --management @management",
     .code = conflict,
     .said = {"at revision 1, not at 0", "nothing was changed", "paddler get desired", "merge"},
     .input = "agents: []\n"},
};

std::vector<bad_command> const bad_questions = {
    {.what = "an agent that is none",
     .line = "get agents/nobody --management @management",
     .code = not_found,
     .said = {"there is no agent \"nobody\"", "paddler get agents"}},
    {.what = "a model that is none",
     .line = "chat --model sum --inference @inference hi",
     .code = not_found,
     .said = {"sum", "did you mean", "sim"}},
    {.what = "nothing to say",
     .line = "chat --inference @inference",
     .code = usage,
     .said = {"nothing", "paddler chat"}},
    {.what = "the port of the other API",
     .line = "get agents --management @inference",
     .code = not_found,
     .said = {"nothing at /management/v1/agents", "OpenAI's API", "management API has another", "--management-addr"}},
    {.what = "the other port of the other API",
     .line = "chat --inference @management hi",
     .code = not_found,
     .said = {"nothing at /v1/models", "this port serves the management API", "--inference-addr"}},
    {.what = "nobody there to ask",
     .line = "get agents --management 127.0.0.1:1",
     .code = unreachable,
     .said = {"no balancer answers at 127.0.0.1:1", "paddler up", "--management HOST:PORT", "PADDLER_MANAGEMENT"}},
    {.what = "nobody there to talk to",
     .line = "chat --inference 127.0.0.1:1 hi",
     .code = unreachable,
     .said = {"no balancer answers at 127.0.0.1:1", "paddler up", "--inference HOST:PORT", "PADDLER_INFERENCE"}},
    {.what = "nobody there to change",
     .line = "apply -f - --management 127.0.0.1:1",
     .code = unreachable,
     .said = {"no balancer answers", "paddler up"},
     .input = "agents: []\n"},
};

std::string const five_megabytes = "# " + std::string(std::size_t{5} << 20, 'x') + "\n";

void write_bad_documents(temporary_directory const& into) {
  static_cast<void>(into.write("open.yaml", "agents: [\n"));
  static_cast<void>(into.write("half.json", "{\"agents\":[{\"id\":"));
  static_cast<void>(into.write("mistakes.yaml", "agents:\n  - id: a1\n    slotz: 3\nmodels: 7\n"));
  static_cast<void>(into.write("large.yaml", five_megabytes));
  std::filesystem::permissions(into.write("secret.yaml", "agents: []\n"), std::filesystem::perms::none);
}

SYSTEM_TEST(doors, bad_documents_and_questions_to_a_cluster, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 1));
  cluster.start_agent("a1");
  co_await cluster.api().until_slots(1);
  auto const before = co_await cluster.api().desired();
  require(make_children_obey_file_rights(), "root can give up its rights on files");
  write_bad_documents(cluster.directory());
  co_await run_bad_commands(cluster, bad_documents);
  co_await run_bad_commands(cluster, bad_questions);
  co_await expect_unharmed(cluster.api(), before, 1);

  command_call good;
  good.arguments = {"apply", "-f", "-", "--management", cluster.api().management()};
  good.input = want_agents(1, 2);
  auto const applied = co_await cluster.run(std::move(good));
  EXPECT_EQ(applied.code, 0) << applied.errors;
  co_await cluster.api().until_slots(2);
}

} // namespace
} // namespace paddler_test
