// apply, diff, plan, validate, rollback: what they are told.
#include "cli/instants.hpp"
#include "cli/settling.hpp"
#include "cli/shared_flags.hpp"
#include "runtime/clock.hpp"

#include <limits>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr duration shortest_wait = 100ms;

void add_apply(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<apply_command>();
  flag_set flags;
  add_document(flags, given->file);
  add_if_revision(flags, given->if_revision);
  flags.add_optional_value({.name = "--wait",
                            .value = "DURATION",
                            .help = "Until the agents that it concerns hold it and serve it; exit code 8 after the "
                                    "duration (5m)"},
                           [given](std::string const& text) -> result<void> {
                             given->wait = default_settling_limit;
                             if (text.empty()) return {};
                             return set_duration(*given->wait, shortest_wait)(text);
                           });
  flags.add_optional_value({.name = "--dry-run",
                            .value = "WHERE",
                            .help = "Change nothing: check it here (client), or have the balancer say what it would "
                                    "change (server)",
                            .default_text = "server",
                            .choices = {"client", "server"}},
                           [given](std::string const& text) -> result<void> {
                             given->dry = dry_run::server;
                             return text.empty() ? result<void>() : set_word(given->dry, {"client", "server"})(text);
                           });
  flags.add_switch({.name = "--error-unchanged", .help = "Exit code 3 if the document changes nothing"},
                   given->error_unchanged);
  add_management(flags, given->management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->file.empty()) return no_document("apply");
    if (given->dry && given->wait)
      return fail(error_code::invalid_input, "--dry-run and --wait exclude each other",
                  "Nothing is changed by a dry run, so there is nothing to wait for.");
    return *given;
  };
  commands.push_back(
      {{.name = "apply",
        .group = "Change",
        .summary = "Hand in a desired state: which agents serve which models",
        .usage = "-f FILE [flags]",
        .text = "Replaces what the management API said before. The balancer checks the whole document first and "
                "changes nothing where something is wrong; every mistake is listed with its line (exit code 7). "
                "Applying the same document again does nothing. What another source decides is told as a warning.",
        .examples = "paddler get desired > cluster.yaml    # what is wanted now\n"
                    "paddler plan -f cluster.yaml          # what it would do\n"
                    "paddler apply -f cluster.yaml --wait\n"
                    "paddler apply -f cluster.yaml --if-revision 41\n"
                    "generate-state | paddler apply -f -"},
       std::move(flags),
       finish});
}

result<command> finish_diff(diff_command wanted) {
  if (!wanted.file.empty() && !wanted.from.empty())
    return fail(error_code::invalid_input, "-f and \"" + wanted.from + "\" exclude each other",
                "Compare a document with what is wanted (-f FILE), or two instants (FROM TO).");
  if (wanted.file.empty() && wanted.from.empty())
    return fail(error_code::invalid_input, "compare what?",
                "A document: paddler diff -f FILE\nTwo revisions: paddler diff 40 41\n"
                "What is wanted and what runs: paddler diff desired current");
  for (auto* const instant : {&wanted.from, &wanted.to}) {
    if (instant->empty()) continue;
    auto parsed = parse_instant(*instant, wall_now());
    if (!parsed) return std::unexpected(parsed.error());
    *instant = *std::move(parsed);
  }
  return wanted;
}

void add_diff(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<diff_command>();
  std::vector<std::string_view> const layers{"desired", "applicable", "current", "api", "file", "discovery"};
  flag_set flags;
  flags.add({.name = "FROM",
             .help = "An instant: a revision (41), a time, how long ago (10m), a layer (desired, applicable, current, "
                     "api, file, discovery), or a layer then (api@3)",
             .choices = layers},
            set_text(given->from));
  flags.add({.name = "TO", .help = "Another one", .default_text = "desired", .choices = layers}, set_text(given->to));
  add_document(flags, given->file);
  flags.add({.name = "--path",
             .value = "PATH",
             .help = "Only there, as in agents/a1 or models/chat.parameters",
             .completed = completed_by::paths},
            set_text(given->path));
  add_document_output(flags, given->output, "lines for people");
  add_management(flags, given->management);
  commands.push_back({{.name = "diff",
                       .group = "Change",
                       .summary = "Show what a document would change, or what differs between two instants",
                       .usage = "-f FILE | FROM [TO] [flags]",
                       .text = "With -f: what applying the document would change in effect. Else: what differs "
                               "between two moments or layers of the state.\n\nExit code 0: no difference, 1: there "
                               "is one, 2: an error.",
                       .examples = "paddler diff -f cluster.yaml\n"
                                   "paddler diff 40 41\n"
                                   "paddler diff 10m                # since ten minutes ago\n"
                                   "paddler diff desired current    # what is wanted, and what runs\n"
                                   "paddler diff api@3 api --path agents/a1"},
                      std::move(flags),
                      [given](environment const&) { return finish_diff(*given); }});
}

void add_plan(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<plan_command>();
  flag_set flags;
  add_document(flags, given->file);
  add_if_revision(flags, given->if_revision);
  add_document_output(flags, given->output, "lines for people");
  add_management(flags, given->management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->file.empty()) return no_document("plan");
    return *given;
  };
  commands.push_back({{.name = "plan",
                       .group = "Change",
                       .summary = "Show what a document would do if it were applied",
                       .usage = "-f FILE [flags]",
                       .text = "What would change, which fields another source decides, and, agent by agent, what it "
                               "will do and how long that takes. Ends with the command that applies exactly this, "
                               "and refuses where something changed meanwhile.\n\nExit code 0: it changes nothing, "
                               "1: it changes something, 2: an error.",
                       .examples = "paddler plan -f cluster.yaml\n"
                                   "paddler apply -f cluster.yaml --if-revision 41    # as it says"},
                      std::move(flags),
                      finish});
}

void add_validate(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<validate_command>();
  flag_set flags;
  add_document(flags, given->file);
  flags.add_switch({.name = "--offline", .help = "Without a balancer: by what the document tells of itself"},
                   given->offline);
  add_management(flags, given->management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->file.empty()) return no_document("validate");
    return *given;
  };
  commands.push_back({{.name = "validate",
                       .group = "Change",
                       .summary = "Check a document; nothing is changed",
                       .usage = "-f FILE [flags]",
                       .text = "Lists every mistake as FILE:LINE: PATH: MESSAGE (HINT); exit code 7. The balancer "
                               "knows what the other sources say; --offline warns of what only they can mend.",
                       .examples = "paddler validate -f cluster.yaml\n"
                                   "paddler validate -f cluster.yaml --offline    # in a pre-commit hook"},
                      std::move(flags),
                      finish});
}

void add_rollback(std::vector<declared_command>& commands) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();

  struct rollback_values {
    rollback_command command;
    std::optional<std::uint64_t> to;
  };

  auto const given = std::make_shared<rollback_values>();
  flag_set flags;
  flags.add({.name = "REVISION", .help = "Where to go back to", .completed = completed_by::revisions},
            set_number(given->to, 0, most));
  flags.add_switch({.name = "-y,--yes", .help = "Do not ask"}, given->command.yes);
  add_if_revision(flags, given->command.if_revision);
  flags.add_switch({.name = "--dry-run", .help = "Only show what it would change"}, given->command.dry);
  add_management(flags, given->command.management);
  auto const finish = [given](environment const&) -> result<command> {
    if (!given->to)
      return fail(error_code::invalid_input, "go back to which revision?",
                  "See: paddler history. As in: paddler rollback 40");
    given->command.to = *given->to;
    return given->command;
  };
  commands.push_back({{.name = "rollback",
                       .group = "Change",
                       .summary = "Go back to what the API said at a revision",
                       .usage = "REVISION [flags]",
                       .text = "Shows what it changes and asks; where standard input is no terminal it wants --yes. "
                               "It is a change like any other, with a revision of its own, and can be rolled back. "
                               "What another source decides remains, and is told.",
                       .examples = "paddler history\n"
                                   "paddler rollback 40 --dry-run\n"
                                   "paddler rollback 40 --yes"},
                      std::move(flags),
                      finish});
}

void add_drain(std::vector<declared_command>& commands) {
  struct drain_values {
    drain_command command;
    std::optional<duration> deadline;
    bool no_wait = false;
  };

  auto const given = std::make_shared<drain_values>();
  flag_set flags;
  flags.add({.name = "AGENT", .help = "Whose machine is to become empty", .completed = completed_by::agents},
            set_text(given->command.agent));
  flags.add({.name = "--deadline",
             .value = "DURATION",
             .help = "How long what runs there may stay; then it moves to other agents",
             .default_text = "5m"},
            [given](std::string const& text) -> result<void> {
              given->deadline.emplace();
              return set_duration(*given->deadline)(text);
            });
  flags.add_switch({.name = "--no-wait", .help = "Do not wait until nothing runs there"}, given->no_wait);
  add_management(flags, given->command.management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->command.agent.empty())
      return fail(error_code::invalid_input, "drain which agent?",
                  "As in: paddler drain gpu-1. There are: paddler get agents");
    if (given->deadline) given->command.seconds = std::chrono::ceil<std::chrono::seconds>(*given->deadline).count();
    given->command.wait = !given->no_wait;
    return given->command;
  };
  commands.push_back(
      {{.name = "drain",
        .group = "Change",
        .summary = "Make an agent empty: nothing new goes there, what runs ends or moves",
        .usage = "AGENT [flags]",
        .text = "Sets `drain` and `drain_seconds` of the agent in desired state, and waits until nothing "
                "runs there. At the deadline, what can go on elsewhere does, one request after the "
                "other, each when a slot is idle for it; what cannot stays to its end. Its engine stays "
                "loaded. Undo it with paddler undrain.",
        .examples = "paddler drain gpu-1\n"
                    "paddler drain gpu-1 --deadline 30s"},
       std::move(flags),
       finish});
}

void add_undrain(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<drain_command>();
  given->drain = false;
  flag_set flags;
  flags.add({.name = "AGENT", .help = "Who is wanted again", .completed = completed_by::agents},
            set_text(given->agent));
  add_management(flags, given->management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->agent.empty())
      return fail(error_code::invalid_input, "undrain which agent?",
                  "As in: paddler undrain gpu-1. There are: paddler get agents");
    return *given;
  };
  commands.push_back({{.name = "undrain",
                       .group = "Change",
                       .summary = "Send requests to a drained agent again",
                       .usage = "AGENT [flags]",
                       .text = "Takes back what paddler drain said in desired state.",
                       .examples = "paddler undrain gpu-1"},
                      std::move(flags),
                      finish});
}

} // namespace

void add_changing_commands(std::vector<declared_command>& commands) {
  add_apply(commands);
  add_plan(commands);
  add_diff(commands);
  add_validate(commands);
  add_rollback(commands);
  add_drain(commands);
  add_undrain(commands);
}

} // namespace paddler
