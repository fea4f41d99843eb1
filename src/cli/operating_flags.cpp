// get and apply: what they are told.
#include "base/text.hpp"
#include "cli/command_set.hpp"

#include <array>
#include <limits>

namespace paddler {
namespace {

constexpr std::array<std::string_view, 6> kinds{"agents", "models", "slots", "requests", "desired", "reconciliations"};
constexpr std::array<std::string_view, 3> sources{"api", "file", "discovery"};

// Each kind's other names: short, and of one object.
constexpr std::array<std::array<std::string_view, 2>, 6> other_names{
    {{"ag", "agent"}, {"mo", "model"}, {"sl", "slot"}, {"rq", "request"}, {"de", "state"}, {"rc", "reconciliation"}}};

std::optional<view_kind> kind_named(std::string_view word) {
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (word == kinds[i] || word == other_names[i][0] || word == other_names[i][1]) return static_cast<view_kind>(i);
  }
  return std::nullopt;
}

flag management_flag() {
  return {.name = "--management",
          .value = "URL|HOST:PORT",
          .help = "The balancer's management API",
          .default_text = "127.0.0.1:8060",
          .variable = "PADDLER_MANAGEMENT"};
}

flag_setter set_source(std::string& out) {
  return [&out](std::string const& text) -> result<void> {
    auto const index = parse_word(text, sources);
    if (!index) return std::unexpected(index.error());
    out = text;
    return {};
  };
}

struct get_values {
  get_command command;
  std::string kind;
};

// "agents", "agents NAME" and "agents/NAME".
result<command> finish_get(get_values given) {
  if (given.kind.empty()) {
    return fail(error_code::invalid_input, "get what?", "One of " + one_of(kinds) + ", as in: paddler get agents");
  }
  if (auto const slash = given.kind.find('/'); slash != std::string::npos && given.command.name.empty()) {
    given.command.name = given.kind.substr(slash + 1);
    given.kind.resize(slash);
  }
  auto const kind = kind_named(given.kind);
  if (!kind) return std::unexpected(parse_word(given.kind, kinds).error());
  given.command.kind = *kind;
  if (*kind == view_kind::desired && !given.command.name.empty()) {
    return fail(error_code::invalid_input, "desired state is one document and has no \"" + given.command.name + "\"",
                "Leave the name out: paddler get desired");
  }
  if (*kind != view_kind::desired && !given.command.source.empty()) {
    return fail(error_code::invalid_input, "--source belongs to desired state",
                "As in: paddler get desired --source api");
  }
  auto const& output = given.command.output;
  if (*kind == view_kind::desired && output && *output != output_format::yaml && *output != output_format::json) {
    return fail(error_code::invalid_input, "desired state is a document, not a table", "Use -o yaml or -o json.");
  }
  return given.command;
}

void add_get(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<get_values>();
  flag_set flags;
  flags.add(
      {.name = "KIND", .help = "agents (ag), models (mo), slots (sl), requests (rq), reconciliations (rc), or desired"},
      set_text(given->kind));
  flags.add({.name = "NAME", .help = "Only this one; also KIND/NAME"}, set_text(given->command.name));
  flags.add({.name = "-o,--output",
             .value = "FORMAT",
             .help = "table, wide, json, yaml or name (KIND/NAME each)",
             .default_text = "table"},
            set_word(given->command.output, {"table", "wide", "json", "yaml", "name"}));
  flags.add({.name = "--source", .value = "SOURCE", .help = "Desired state of one source only: api, file or discovery"},
            set_source(given->command.source));
  flags.add(management_flag(), set_server_address(given->command.management, default_management_port));
  commands.push_back(
      {{.name = "get",
        .group = "Operate",
        .summary = "Show agents, models, slots, requests, reconciliations, or the desired state",
        .usage = "KIND [NAME] [flags]",
        .text = "Tables go to standard output, everything else to standard error. With -o json a list is an object "
                "with \"items\" and \"revision\".\n\n'get reconciliations' shows what was done to bring agents to what "
                "is wanted; -o wide says what difference caused each action and what observation closed it.\n\n'get "
                "desired' prints the document that 'apply' takes.",
        .examples = "paddler get agents\n"
                    "paddler get requests -o wide\n"
                    "paddler get agents/local -o json\n"
                    "paddler get desired > cluster.yaml"},
       std::move(flags),
       [given](environment const&) { return finish_get(*given); }});
}

void add_apply(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<apply_command>();
  flag_set flags;
  flags.add({.name = "-f,--file", .value = "FILE", .help = "The document, YAML or JSON; - reads standard input"},
            set_text(given->file));
  flags.add({.name = "--if-revision",
             .value = "N",
             .help = "Only if desired state is still at this revision; exit code 5 if not"},
            set_number(given->if_revision, 0, std::numeric_limits<std::uint64_t>::max()));
  flags.add_switch({.name = "--error-unchanged", .help = "Exit code 3 if the document changes nothing"},
                   given->error_unchanged);
  flags.add(management_flag(), set_server_address(given->management, default_management_port));
  auto const finish = [given](environment const&) -> result<command> {
    if (!given->file.empty()) return *given;
    return fail(error_code::invalid_input, "no document was named",
                "paddler apply -f FILE, or -f - for standard input");
  };
  commands.push_back(
      {{.name = "apply",
        .group = "Operate",
        .summary = "Hand in a desired state: which agents serve which models",
        .usage = "-f FILE [flags]",
        .text = "Replaces what the management API said before. The balancer checks the whole document first and "
                "changes nothing where something is wrong; every mistake is listed with its line (exit code 7). "
                "Applying the same document again does nothing.",
        .examples = "paddler get desired > cluster.yaml    # what is wanted now\n"
                    "paddler apply -f cluster.yaml\n"
                    "paddler apply -f cluster.yaml --if-revision 41\n"
                    "generate-state | paddler apply -f -"},
       std::move(flags),
       finish});
}

void add_events(std::vector<declared_command>& commands) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();

  struct events_values {
    events_command command;
    std::optional<output_format> output;
  };

  auto const given = std::make_shared<events_values>();
  flag_set flags;
  flags.add({.name = "--from", .value = "REVISION", .help = "Begin behind the change that made this revision"},
            set_number(given->command.from, 0, most));
  flags.add({.name = "--kinds", .value = "KIND,...", .help = "Only these: agent, config, health, reconcile"},
            set_text(given->command.kinds));
  flags.add({.name = "--count", .value = "N", .help = "End after so many events"},
            set_number(given->command.count, 1, most));
  flags.add({.name = "-o,--output",
             .value = "FORMAT",
             .help = "table (a line for people), or json (an object on each line)",
             .default_text = "table"},
            set_word(given->output, {"table", "wide", "json"}));
  flags.add(management_flag(), set_server_address(given->command.management, default_management_port));
  auto const finish = [given](environment const&) -> result<command> {
    given->command.json = given->output == output_format::json;
    return given->command;
  };
  commands.push_back({{.name = "events",
                       .group = "Operate",
                       .summary = "Show what happens in the cluster, as it happens",
                       .usage = "[flags]",
                       .text = "Begins with a snapshot, or behind --from. Where the stream is cut it goes on behind "
                               "the last event. Ctrl-C ends it.",
                       .examples = "paddler events\n"
                                   "paddler events --kinds config,health\n"
                                   "paddler events --from 41 -o json | jq .type"},
                      std::move(flags),
                      finish});
}

} // namespace

void add_operating_commands(std::vector<declared_command>& commands) {
  add_get(commands);
  add_apply(commands);
  add_events(commands);
}

} // namespace paddler
