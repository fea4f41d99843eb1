#include "cli/command_line.hpp"
#include "cli/exit_code.hpp"

#include <gmock/gmock.h>

#include <sstream>

namespace paddler {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::vector<std::string> words_of(std::string const& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

result<command> parse(std::string const& line, std::map<std::string, std::string> variables = {{"HOME", "/h"}}) {
  return parse_command_line(words_of(line), environment(std::move(variables)));
}

template <class T> T parsed(std::string const& line, std::map<std::string, std::string> variables = {{"HOME", "/h"}}) {
  auto const out = parse(line, std::move(variables));
  EXPECT_TRUE(out) << line << ": " << (out ? "" : describe(out.error()));
  EXPECT_TRUE(out && std::holds_alternative<T>(*out)) << line;
  return out && std::holds_alternative<T>(*out) ? std::get<T>(*out) : T{};
}

std::string complaint(std::string const& line, std::map<std::string, std::string> variables = {{"HOME", "/h"}}) {
  auto const out = parse(line, std::move(variables));
  EXPECT_FALSE(out) << line;
  return out ? "" : describe(out.error());
}

TEST(command_line, up_has_defaults_for_everything) {
  auto const up = parsed<up_command>("up");
  EXPECT_EQ(up.balancer.inference_address, "127.0.0.1:8061");
  EXPECT_EQ(up.balancer.management_address, "127.0.0.1:8060");
  EXPECT_EQ(up.balancer.state_directory, "/h/.local/state/paddler");
  EXPECT_EQ(up.agent.id.value, "local");
  EXPECT_EQ(up.model_file, "");
  EXPECT_FALSE(up.agent.discovered->slots);
  EXPECT_EQ(up.agent.program.kind, engine_kind::built_in);
}

TEST(command_line, up_takes_its_flags) {
  auto const up = parsed<up_command>(
      "up --model a.gguf --slots 8 --context 2048 --name box --state-dir /s --inference-addr 127.0.0.1:0 "
      "--management-addr [::1]:0 --desired d.yaml --desired conf.d --engine-binary /bin/e --threads 2 --log-level "
      "debug "
      "--max-queue 3 --queue-timeout 5s --routing session");
  EXPECT_EQ(up.model_file, "a.gguf");
  EXPECT_EQ(up.agent.discovered->slots, 8);
  EXPECT_EQ(up.agent.discovered->max_context_length, 2048);
  EXPECT_EQ(up.agent.id.value, "box");
  EXPECT_EQ(up.agent.program.kind, engine_kind::llama_server);
  EXPECT_EQ(up.agent.program.path, "/bin/e");
  EXPECT_EQ(up.agent.engine_threads, 2);
  EXPECT_EQ(up.balancer.state_directory, "/s");
  EXPECT_EQ(up.balancer.inference_address, "127.0.0.1:0");
  EXPECT_EQ(up.balancer.management_address, "[::1]:0");
  EXPECT_EQ(up.balancer.desired_files, (std::vector<std::string>{"d.yaml", "conf.d"}));
  EXPECT_EQ(up.balancer.policy.dispatch.max_queued, 3);
  EXPECT_EQ(up.balancer.policy.dispatch.queue_timeout, 5s);
  EXPECT_EQ(up.balancer.policy.dispatch.routing.strategy, routing_strategy::session);
  EXPECT_EQ(up.log.level, log_level::debug);
}

TEST(command_line, agent_takes_its_flags) {
  auto const given =
      parsed<agent_command>("agent --balancer 10.0.0.5,b:1 --name gpu-1 --model m.gguf --simulate=load-time=1s");
  EXPECT_THAT(given.agent.balancers, testing::ElementsAre("10.0.0.5:8060", "b:1"));
  EXPECT_EQ(given.agent.id.value, "gpu-1");
  EXPECT_EQ(given.model_file, "m.gguf");
  EXPECT_EQ(given.agent.program.kind, engine_kind::simulated);
  EXPECT_EQ(given.agent.program.simulation.load_time, 1s);
  EXPECT_EQ(parsed<agent_command>("agent --simulate").agent.program.kind, engine_kind::simulated);
  EXPECT_THAT(parsed<agent_command>("agent").agent.balancers, testing::ElementsAre("127.0.0.1:8060"));
}

TEST(command_line, get_knows_long_and_short_kinds) {
  struct row {
    char const* line;
    view_kind kind;
    char const* name;
  };

  for (auto const& [line, kind, name] :
       {row{"get agents", view_kind::agents, ""}, row{"get ag", view_kind::agents, ""},
        row{"get agent local", view_kind::agents, "local"}, row{"get mo", view_kind::models, ""},
        row{"get sl", view_kind::slots, ""}, row{"get rq req_1", view_kind::requests, "req_1"},
        row{"get slots/local/0", view_kind::slots, "local/0"}, row{"get desired", view_kind::desired, ""},
        row{"get rc", view_kind::reconciliations, ""}, row{"get rec", view_kind::reconciliations, ""},
        row{"get applicable a1", view_kind::applicable, "a1"}, row{"get conflicts", view_kind::conflicts, ""},
        row{"get rev/41", view_kind::revisions, "41"},
        row{"get po/queue.max_requests", view_kind::policies, "queue.max_requests"}}) {
    auto const get = parsed<get_command>(line);
    EXPECT_EQ(get.kind, kind) << line;
    EXPECT_EQ(get.name, name) << line;
  }
}

TEST(command_line, watch_is_get_that_goes_on) {
  auto const watch = parsed<get_command>("watch ag a1 -o json");
  EXPECT_TRUE(watch.watch);
  EXPECT_EQ(watch.kind, view_kind::agents);
  EXPECT_EQ(watch.name, "a1");
  EXPECT_TRUE(parsed<get_command>("get rq -w").watch);
  EXPECT_FALSE(parsed<get_command>("get rq").watch);
}

TEST(command_line, requests_are_chosen_by_flags) {
  EXPECT_EQ(parsed<get_command>("get rq --failed --model m --agent a1 --limit 20").requests,
            (request_choice{.failed = true, .model = "m", .agent = "a1", .limit = 20}));
  EXPECT_EQ(parsed<get_command>("watch rq --failed").requests, (request_choice{.failed = true}));
  EXPECT_EQ(parsed<get_command>("get rq").requests, request_choice{});
  EXPECT_EQ(parsed<describe_command>("describe rq r1").kind, view_kind::requests);
  EXPECT_EQ(parsed<describe_command>("describe request/r1").name, "r1");
  EXPECT_EQ(parsed<why_command>("why r1").request, "r1");
}

TEST(command_line, commands_of_state_take_their_flags) {
  EXPECT_EQ(parsed<get_command>("get desired --at 41 --source api").at, "desired@41");
  EXPECT_EQ(parsed<get_command>("get applicable --at 41").at, "applicable@41");
  auto const diff = parsed<diff_command>("diff api@3 current --path agents/a1 -o json");
  EXPECT_EQ(diff.from, "api@3");
  EXPECT_EQ(diff.to, "current");
  EXPECT_EQ(diff.path, "agents/a1");
  EXPECT_EQ(diff.output, output_format::json);
  EXPECT_EQ(parsed<diff_command>("diff -f c.yaml").file, "c.yaml");
  EXPECT_EQ(parsed<plan_command>("plan -f c.yaml --if-revision 41").if_revision, 41);
  auto const history = parsed<history_command>("history agents/a1 --limit 5 --since 2h -o wide");
  EXPECT_EQ(history.path, "agents/a1");
  EXPECT_EQ(history.limit, 5);
  EXPECT_EQ(history.since, 2h);
  EXPECT_EQ(parsed<history_command>("history").limit, 20);
  auto const drain = parsed<drain_command>("drain gpu-1 --deadline 1500ms --no-wait");
  EXPECT_EQ(drain.agent, "gpu-1");
  EXPECT_EQ(drain.seconds, 2) << "no less than was asked";
  EXPECT_FALSE(drain.wait);
  EXPECT_TRUE(parsed<drain_command>("drain gpu-1").drain);
  EXPECT_FALSE(parsed<drain_command>("undrain gpu-1").drain);
  auto const rollback = parsed<rollback_command>("rollback 40 -y --if-revision 41");
  EXPECT_EQ(rollback.to, 40);
  EXPECT_TRUE(rollback.yes);
  EXPECT_TRUE(parsed<rollback_command>("rollback 40 --dry-run").dry);
  EXPECT_TRUE(parsed<validate_command>("validate -f c.yaml --offline").offline);
  EXPECT_EQ(parsed<explain_command>("explain agents/a1.slots").path, "agents/a1.slots");
  EXPECT_TRUE(parsed<dump_command>("dump -o d.json --force").force);
  EXPECT_EQ(parsed<replay_command>("replay d.json").file, "d.json");
  EXPECT_EQ(parsed<completion_command>("completion zsh").of, shell::zsh);
  EXPECT_EQ(parsed<describe_command>("describe agents/a1").name, "a1");
  EXPECT_EQ(parsed<describe_command>("describe rev 41").kind, view_kind::revisions);
}

TEST(command_line, apply_waits_and_tries) {
  EXPECT_FALSE(parsed<apply_command>("apply -f x").wait);
  EXPECT_EQ(parsed<apply_command>("apply -f x --wait").wait, 5min);
  EXPECT_EQ(parsed<apply_command>("apply -f x --wait=30s").wait, 30s);
  EXPECT_EQ(parsed<apply_command>("apply --wait 30s -f x").wait, 30s);
  EXPECT_EQ(parsed<apply_command>("apply -f x --dry-run").dry, dry_run::server);
  EXPECT_EQ(parsed<apply_command>("apply -f x --dry-run=client").dry, dry_run::client);
}

TEST(command_line, scripts_of_shells_hand_over_their_line_as_it_is) {
  EXPECT_THAT(parsed<complete_command>("__complete get --help").words, testing::ElementsAre("get", "--help"));
}

TEST(command_line, get_knows_its_formats) {
  EXPECT_EQ(parsed<get_command>("get agents -o wide").output, output_format::wide);
  EXPECT_EQ(parsed<get_command>("get agents -ojson").output, output_format::json);
  EXPECT_EQ(parsed<get_command>("get --output=yaml agents").output, output_format::yaml);
  EXPECT_FALSE(parsed<get_command>("get agents").output);
}

TEST(command_line, apply_and_chat_take_their_flags) {
  auto const apply = parsed<apply_command>("apply -f - --if-revision 41 --management localhost:1");
  EXPECT_EQ(apply.file, "-");
  EXPECT_EQ(apply.if_revision, 41);
  EXPECT_EQ(to_string(apply.management), "localhost:1");
  auto const chat = parsed<chat_command>("chat --model m what is a slot?");
  EXPECT_EQ(chat.model, "m");
  EXPECT_EQ(chat.message, "what is a slot?");
  EXPECT_EQ(parsed<chat_command>("chat").message, "");
  EXPECT_EQ(parsed<chat_command>("chat get up").message, "get up");
  EXPECT_EQ(parsed<chat_command>("chat -- --help").message, "--help");
}

TEST(command_line, a_flag_wins_over_its_variable_and_that_over_the_default) {
  std::map<std::string, std::string> const variables{{"PADDLER_MANAGEMENT", "http://b:1"},
                                                     {"PADDLER_INFERENCE", "c:2"}};
  EXPECT_EQ(to_string(parsed<get_command>("get agents", variables).management), "b:1");
  EXPECT_EQ(to_string(parsed<chat_command>("chat hi", variables).inference), "c:2");
  EXPECT_EQ(to_string(parsed<get_command>("get agents --management d:3", variables).management), "d:3");
  EXPECT_EQ(to_string(parsed<get_command>("get agents").management), "127.0.0.1:8060");
}

TEST(command_line, state_directory_follows_the_xdg_specification) {
  auto const directory = [](std::map<std::string, std::string> variables) {
    return parsed<balancer_command>("balancer", std::move(variables)).balancer.state_directory;
  };
  EXPECT_EQ(directory({{"HOME", "/h"}, {"XDG_STATE_HOME", "/x"}}), "/x/paddler");
  EXPECT_EQ(directory({{"HOME", "/h"}, {"XDG_STATE_HOME", "relative"}}), "/h/.local/state/paddler");
  EXPECT_EQ(directory({{"STATE_DIRECTORY", "/var/lib/paddler:/other"}, {"XDG_STATE_HOME", "/x"}}), "/var/lib/paddler");
  EXPECT_EQ(directory({{"PADDLER_STATE_DIR", "/p"}, {"XDG_STATE_HOME", "/x"}}), "/p");
}

TEST(command_line, insecure_opens_other_addresses) {
  EXPECT_EQ(parsed<balancer_command>("balancer --inference-addr 0.0.0.0:80 --insecure").balancer.inference_address,
            "0.0.0.0:80");
}

TEST(command_line, a_balancer_has_names) {
  EXPECT_THAT(parsed<balancer_command>("balancer --host-name a.test --host-name b.test").balancer.host_names,
              testing::ElementsAre("a.test", "b.test"));
}

TEST(command_line, help_is_there_for_everything) {
  for (auto const* const line : {"", "--help", "-h", "help"}) {
    EXPECT_THAT(parsed<help_command>(line).text, HasSubstr("The first five minutes")) << line;
  }
  for (std::string const name : {"up",       "balancer", "agent", "get",     "describe", "watch",      "events",
                                 "history",  "explain",  "dump",  "replay",  "apply",    "plan",       "diff",
                                 "validate", "rollback", "drain", "undrain", "chat",     "completion", "version"}) {
    auto const help = parsed<help_command>(name + " --help").text;
    EXPECT_EQ(help, parsed<help_command>("help " + name).text);
    EXPECT_THAT(help, HasSubstr("Usage: paddler " + name));
    EXPECT_THAT(help, HasSubstr("\nExamples\n  "));
    EXPECT_THAT(parsed<help_command>("").text, HasSubstr("\n  " + name + " "));
    std::istringstream lines(help);
    for (std::string text; std::getline(lines, text);) EXPECT_LE(text.size(), 80) << text;
  }
}

TEST(command_line, help_shows_defaults_and_variables) {
  auto const help = parsed<help_command>("balancer --help").text;
  EXPECT_THAT(help, HasSubstr("(default: 127.0.0.1:8061)"));
  EXPECT_THAT(help, HasSubstr("(default: 1m)"));
  EXPECT_THAT(help, HasSubstr("[PADDLER_STATE_DIR]"));
}

TEST(command_line, version_is_a_flag_and_a_command) {
  parsed<version_command>("--version");
  EXPECT_FALSE(parsed<version_command>("version").server);
}

// Each: what was typed, and words that the answer must hold.
TEST(command_line, says_what_is_wrong_and_how_to_mend_it) {
  struct row {
    char const* line;
    std::vector<char const*> words;
  };

  for (auto const& [line, words] : std::vector<row>{
           {"aply -f x", {"no command \"aply\"", "Did you mean \"apply\"?", "paddler --help"}},
           {"frobnicate", {"no command \"frobnicate\"", "paddler --help"}},
           {"--slots 3", {"no flag \"--slots\""}},
           {"up --slot 3", {"no flag \"--slot\"", "Did you mean \"--slots\"?", "paddler up --help"}},
           {"up --modle=x.gguf", {"no flag \"--modle=x.gguf\"", "Did you mean \"--model\"?"}},
           {"up extra", {"what is \"extra\" for?", "paddler up --help"}},
           {"up --slots", {"--slots needs a value"}},
           {"up --slots abc", {"--slots: \"abc\" is not a whole number from 1 to 256"}},
           {"up --slots 0", {"--slots: \"0\" is not a whole number from 1 to 256"}},
           {"up --slots 257", {"--slots: \"257\""}},
           {"up --slots 1.5", {"--slots: \"1.5\""}},
           {"up --slots=-1", {"--slots: \"-1\""}},
           {"up --slots 99999999999999999999", {"--slots: \"99999999999999999999\""}},
           {"up --context 15", {"--context: \"15\" is not a whole number from 16 to 16777216"}},
           {"up --threads 0", {"--threads: \"0\" is not a whole number from 1 to 1024"}},
           {"up --name a*b", {"--name: \"a*b\" cannot be a name", "letters, digits"}},
           {"up --inference-addr 8061", {"--inference-addr: \"8061\" is not HOST:PORT", "127.0.0.1:8061"}},
           {"up --inference-addr :8061", {"names no host", "0.0.0.0:8061 with --insecure"}},
           {"up --management-addr 127.0.0.1:70000", {"--management-addr", "no port from 0 to 65535"}},
           {"balancer --inference-addr 0.0.0.0:80",
            {"--inference-addr 0.0.0.0:80", "reachable from other machines", "--insecure"}},
           {"balancer --management-addr [::]:80", {"--management-addr [::]:80", "neither TLS nor keys"}},
           {"balancer --max-queue x", {"--max-queue: \"x\" is not a whole number from 0 to 1000000"}},
           {"why", {"why which request?", "paddler get requests"}},
           {"balancer --routing best", {"--routing", "best", "prefix", "round_robin"}},
           {"balancer --queue-timeout 10", {"--queue-timeout: \"10\" is not a duration", "30s"}},
           {"balancer --keep-alive 1ms", {"--keep-alive: \"1ms\" is too short; at least 100ms"}},
           {"balancer --log-level loud", {"--log-level: \"loud\" is not trace, debug"}},
           {"balancer --log-level Debug", {"Did you mean \"debug\"?"}},
           {"agent --balancer https://b:1", {"--balancer: \"https://b:1\" wants TLS", "http://"}},
           {"agent --balancer b:x", {"--balancer: \"b:x\" has no port"}},
           {"agent --balancer a:1,", {"--balancer: \"\" is not an address"}},
           {"agent --simulate=lod-time=1s", {"--simulate", "lod-time", "load-time"}},
           {"agent --simulate --engine-binary /x", {"--simulate and --engine-binary exclude each other"}},
           {"get",
            {"get what?", "agents, models, slots, requests, desired, reconciliations, applicable, conflicts, revisions "
                          "or policies"}},
           {"get agnets", {"\"agnets\" is not agents, models", "Did you mean \"agents\"?"}},
           {"get agents a b", {"what is \"b\" for?"}},
           {"get agents -o tabl",
            {"--output", "\"tabl\" is not table, wide, json, yaml or name", "Did you mean \"table\"?"}},
           {"get desired x", {"desired state is one document"}},
           {"get desired -o table", {"-o yaml or -o json"}},
           {"get desired --source apo", {"--source: \"apo\" is not api, file or discovery", "Did you mean \"api\"?"}},
           {"get agents --source api", {"--source belongs to desired state"}},
           {"apply", {"no document was named", "-f FILE"}},
           {"apply -f x --if-revision new", {"--if-revision: \"new\" is not a whole number of 0 or more"}},
           {"apply --management http://:1", {"--management: \"http://:1\" is not an address"}},
           {"chat --inference x:0", {"--inference: \"x:0\" has no port"}},
           {"version now", {"what is \"now\" for?"}},
           {"get agents --at 41", {"--at belongs to desired and applicable state"}},
           {"get desired --at yesterday", {"--at: \"yesterday\" is not desired, applicable", "how long ago (10m)"}},
           {"get applicable --at current@3", {"--at: current state has no past", "paddler diff desired current"}},
           {"get desired -w", {"desired cannot be watched", "paddler events"}},
           {"watch",
            {"watch what?", "agents, models, slots, requests, reconciliations or policies", "paddler watch agents"}},
           {"watch conflicts", {"conflicts cannot be watched"}},
           {"describe", {"describe what?"}},
           {"describe agent", {"describe which agent?", "paddler get agents"}},
           {"describe slot x", {"\"slots\" is not agents, models, requests, revisions or policies"}},
           {"get agents --failed", {"--failed, --model, --agent and --limit belong to requests"}},
           {"get slots --model m", {"belong to requests", "paddler get requests --failed"}},
           {"get requests --limit 0", {"--limit: \"0\" is not a whole number of 1 or more"}},
           {"get requests --agent /", {"--agent: \"/\" cannot be a name"}},
           {"get requests -w --limit 3", {"--limit and --watch exclude each other"}},
           {"watch requests --limit 3", {"has no flag \"--limit\""}},
           {"describe revision x", {"\"x\" is no revision", "paddler history"}},
           {"apply -f x --dry-run=servr", {"--dry-run: \"servr\" is not client or server", "\"server\""}},
           {"apply -f x --wait=1", {"--wait: \"1\" is not a duration"}},
           {"apply -f x --wait --dry-run", {"--dry-run and --wait exclude each other"}},
           {"diff", {"compare what?", "paddler diff -f FILE", "paddler diff 40 41"}},
           {"diff -f x 41", {"-f and \"41\" exclude each other"}},
           {"diff desierd", {"\"desierd\" is not desired", "Did you mean \"desired\"?"}},
           {"diff 41 next", {"\"next\" is not desired, applicable"}},
           {"diff 40 41 -o table", {"\"table\" is not json or yaml"}},
           {"plan", {"no document was named", "paddler plan -f FILE"}},
           {"validate", {"no document was named", "paddler validate -f FILE"}},
           {"rollback", {"go back to which revision?", "paddler history"}},
           {"drain", {"drain which agent?", "paddler get agents"}},
           {"drain gpu-1 --deadline soon", {"--deadline", "soon"}},
           {"undrain", {"undrain which agent?"}},
           {"rollback yesterday", {"REVISION: \"yesterday\" is not a whole number"}},
           {"history --limit 0", {"--limit: \"0\""}},
           {"history --since yesterday", {"--since: \"yesterday\" is not a duration"}},
           {"explain a b", {"what is \"b\" for?"}},
           {"replay", {"no dump was named", "paddler dump -o FILE"}},
           {"completion", {"for which shell?", "paddler completion bash"}},
           {"completion tcsh", {"\"tcsh\" is not bash, zsh or fish"}},
       }) {
    auto const said = complaint(line);
    for (auto const* const word : words) EXPECT_THAT(said, HasSubstr(word)) << line;
  }
}

TEST(command_line, names_the_variable_that_is_wrong) {
  EXPECT_THAT(complaint("get agents", {{"PADDLER_MANAGEMENT", "https://b"}}),
              testing::AllOf(HasSubstr("environment variable PADDLER_MANAGEMENT"), HasSubstr("TLS")));
}

TEST(command_line, wants_a_place_for_state) {
  EXPECT_THAT(complaint("balancer", {{"NOTHING", "1"}}), HasSubstr("--state-dir"));
}

TEST(exit_code_for, tells_scripts_what_happened) {
  EXPECT_EQ(exit_code_for(error_code::invalid_input), exit_code::invalid);
  EXPECT_EQ(exit_code_for(error_code::not_found), exit_code::not_found);
  EXPECT_EQ(exit_code_for(error_code::conflict), exit_code::conflict);
  EXPECT_EQ(exit_code_for(error_code::unavailable), exit_code::unreachable);
  EXPECT_EQ(exit_code_for(error_code::timeout), exit_code::timed_out);
  EXPECT_EQ(exit_code_for(error_code::internal), exit_code::failure);
  EXPECT_EQ(static_cast<int>(exit_code::interrupted), 130);
}

} // namespace
} // namespace paddler
