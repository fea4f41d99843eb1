// get, watch, describe, events: what they are told.
#include "base/text.hpp"
#include "cli/instants.hpp"
#include "cli/kinds.hpp"
#include "cli/shared_flags.hpp"
#include "runtime/clock.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace paddler {
namespace {

constexpr std::array<std::string_view, 3> sources{"api", "file", "discovery"};
constexpr std::array<std::string_view, 6> watchable{"agents",   "models",          "slots",
                                                    "requests", "reconciliations", "policies"};
constexpr std::array<std::string_view, 5> describable{"agents", "models", "requests", "revisions", "policies"};

std::vector<std::string_view> plurals() {
  std::vector<std::string_view> out;
  for (auto const& each : all_kinds()) out.push_back(each.plural);
  return out;
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

// The flags of documents: --at, --source, and the formats that a document has.
result<void> check_document_flags(get_command const& wanted) {
  bool const is_desired = wanted.kind == view_kind::desired;
  if (is_desired && !wanted.name.empty()) {
    return fail(error_code::invalid_input, "desired state is one document and has no \"" + wanted.name + "\"",
                "Leave the name out: paddler get desired");
  }
  if (!is_desired && !wanted.source.empty()) {
    return fail(error_code::invalid_input, "--source belongs to desired state",
                "As in: paddler get desired --source api");
  }
  if (!is_desired && wanted.kind != view_kind::applicable && !wanted.at.empty()) {
    return fail(error_code::invalid_input, "--at belongs to desired and applicable state",
                "As in: paddler get desired --at 41, or paddler get applicable --at 10m");
  }
  auto const& output = wanted.output;
  if (is_desired && output && *output != output_format::yaml && *output != output_format::json) {
    return fail(error_code::invalid_input, "desired state is a document, not a table", "Use -o yaml or -o json.");
  }
  return {};
}

result<void> check_request_flags(get_command const& wanted) {
  if (wanted.requests == request_choice{}) return {};
  if (wanted.kind != view_kind::requests)
    return fail(error_code::invalid_input, "--failed, --model, --agent and --limit belong to requests",
                "As in: paddler get requests --failed");
  if (wanted.watch && wanted.requests.limit > 0)
    return fail(error_code::invalid_input, "--limit and --watch exclude each other",
                "Watching shows each row that changes; leave --limit out.");
  return {};
}

// "agents", "agents NAME" and "agents/NAME".
result<command> finish_get(get_values given) {
  auto& wanted = given.command;
  auto const word = std::string(wanted.watch ? "watch" : "get");
  auto const kinds = plurals();
  if (given.kind.empty())
    return fail(error_code::invalid_input, word + " what?",
                "One of " + one_of(wanted.watch ? std::span<std::string_view const>(watchable) : kinds) +
                    ", as in: paddler " + word + " agents");
  split_kind_and_name(given.kind, wanted.name);
  auto const kind = parse_kind(given.kind, kinds);
  if (!kind) return std::unexpected(kind.error());
  wanted.kind = *kind;
  if (wanted.watch && std::ranges::find(watchable, words_of(*kind).plural) == watchable.end())
    return fail(error_code::invalid_input, std::string(words_of(*kind).plural) + " cannot be watched row by row",
                "Watch " + one_of(watchable) + "; or what happens: paddler events");
  for (auto const& fits : {check_document_flags(wanted), check_request_flags(wanted)})
    if (!fits) return std::unexpected(fits.error());
  if (!wanted.at.empty()) {
    bool const applicable = *kind == view_kind::applicable;
    auto at = parse_instant(wanted.at, wall_now(), applicable ? state_layer::applicable : state_layer::desired);
    if (!at) return fail(at.error().code, "--at: " + at.error().message, at.error().hint);
    wanted.at = *std::move(at);
  }
  return wanted;
}

void add_get_flags(flag_set& flags, get_values& given, std::vector<std::string_view> kinds, std::string help) {
  flags.add({.name = "KIND", .help = std::move(help), .choices = std::move(kinds)}, set_text(given.kind));
  flags.add({.name = "NAME", .help = "Only this one; also KIND/NAME", .completed = completed_by::names},
            set_text(given.command.name));
  add_list_output(flags, given.command.output);
  auto& which = given.command.requests;
  flags.add_switch({.name = "--failed", .help = "Requests that failed"}, which.failed);
  flags.add({.name = "--model", .value = "NAME", .help = "Requests for this model", .completed = completed_by::models},
            set_text(which.model));
  flags.add({.name = "--agent",
             .value = "NAME",
             .help = "Requests whose newest attempt is on this agent",
             .completed = completed_by::agents},
            set_name(which.agent));
}

void add_get(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<get_values>();
  flag_set flags;
  add_get_flags(flags, *given, plurals(),
                "agents (ag), models (mo), slots (sl), requests (rq), reconciliations (rec), desired, applicable, "
                "conflicts, revisions (rev), or policies (po)");
  flags.add({.name = "--limit", .value = "N", .help = "At most so many requests: those alive first, then the newest"},
            set_number(given->command.requests.limit, 1, std::numeric_limits<std::uint64_t>::max()));
  flags.add_switch({.name = "-w,--watch", .help = "Go on with each row that changes; -o json: a line for each"},
                   given->command.watch);
  flags.add({.name = "--at",
             .value = "INSTANT",
             .help = "Desired or applicable state as it was: a revision (41), a time, or how long ago (10m)",
             .completed = completed_by::revisions},
            set_text(given->command.at));
  flags.add({.name = "--source",
             .value = "SOURCE",
             .help = "Desired state of one source only: api, file or discovery",
             .choices = {sources.begin(), sources.end()}},
            set_source(given->command.source));
  add_management(flags, given->command.management);
  commands.push_back(
      {{.name = "get",
        .group = "Look",
        .summary = "Show agents, models, slots, requests, and the three states",
        .usage = "KIND [NAME] [flags]",
        .text = "Tables go to standard output, everything else to standard error. With -o json a list is an object "
                "with \"items\" and \"revision\".\n\n'get desired' prints the document that 'apply' takes: what all "
                "sources say together. 'get applicable' shows what each agent is to run by it, 'get conflicts' who "
                "wanted something else. 'get policies' shows by what requests are served, and who decides it.\n\n'get "
                "reconciliations' shows what was done to bring agents to what "
                "is wanted; -o wide says what difference caused each action and what observation closed it.",
        .examples = "paddler get agents\n"
                    "paddler get agents/local -o json\n"
                    "paddler get requests --failed --limit 20\n"
                    "paddler get desired > cluster.yaml\n"
                    "paddler get desired --at 10m    # as it was ten minutes ago"},
       std::move(flags),
       [given](environment const&) { return finish_get(*given); }});
}

void add_watch(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<get_values>();
  given->command.watch = true;
  flag_set flags;
  add_get_flags(flags, *given, {watchable.begin(), watchable.end()},
                "agents (ag), models (mo), slots (sl), requests (rq), reconciliations (rec) or policies (po)");
  add_management(flags, given->command.management);
  commands.push_back({{.name = "watch",
                       .group = "Look",
                       .summary = "Show rows, and each of them again when it changes",
                       .usage = "KIND [NAME] [flags]",
                       .text = "The same as 'get KIND -w'. Ctrl-C ends it. Where the balancer goes away it is asked "
                               "again until it is back.",
                       .examples = "paddler watch agents\n"
                                   "paddler watch requests -o json | jq .status"},
                      std::move(flags),
                      [given](environment const&) { return finish_get(*given); }});
}

result<command> finish_describe(describe_command wanted, std::string kind) {
  split_kind_and_name(kind, wanted.name);
  if (kind.empty()) return fail(error_code::invalid_input, "describe what?", "As in: paddler describe agent NAME");
  auto const found = parse_kind(kind, describable);
  if (!found) return std::unexpected(found.error());
  wanted.kind = *found;
  auto const singular = std::string(words_of(*found).singular);
  if (wanted.name.empty())
    return fail(error_code::invalid_input, "describe which " + singular + "?",
                "As in: paddler describe " + singular + " NAME. There are: paddler get " +
                    std::string(words_of(*found).plural));
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (*found == view_kind::revisions && !parse_whole_number(wanted.name, 1, most))
    return fail(error_code::invalid_input, "\"" + wanted.name + "\" is no revision",
                "Revisions are numbers from 1; see: paddler history");
  return wanted;
}

void add_describe(std::vector<declared_command>& commands) {
  struct describe_values {
    describe_command command;
    std::string kind;
  };

  auto const given = std::make_shared<describe_values>();
  flag_set flags;
  flags.add({.name = "KIND",
             .help = "agent, model, request, revision or policy",
             .choices = {"agent", "model", "request", "revision", "policy"}},
            set_text(given->kind));
  flags.add({.name = "NAME", .help = "Which one; also KIND/NAME", .completed = completed_by::names},
            set_text(given->command.name));
  add_management(flags, given->command.management);
  commands.push_back(
      {{.name = "describe",
        .group = "Look",
        .summary = "One page about one agent, model, request, revision or policy",
        .usage = "KIND NAME [flags]",
        .text =
            "Of an agent: desired, applicable and current state side by side with who decides each field, why it "
            "is not ready, what is being done now and what comes next, what was done last and why, its last events.\n\n"
            "Of a request, by the id that its client got as X-Request-Id: how it stands or ended, each step with the "
            "time since its arrival, which agents had it and how each attempt ended, and why a stream that lost its "
            "engine did not go on elsewhere.\n\nOf a policy, or of a group of them: what it means, what it is, and who "
            "wanted what.",
        .examples = "paddler describe agent gpu-1\n"
                    "paddler describe request req_01957d2e-6f2c-7c4e-9b1a-0123456789ab\n"
                    "paddler describe models/default-chat\n"
                    "paddler describe revision 41\n"
                    "paddler describe policies/routing"},
       std::move(flags),
       [given](environment const&) { return finish_describe(given->command, given->kind); }});
}

void add_why(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<why_command>();
  flag_set flags;
  flags.add(
      {.name = "REQUEST", .help = "Its id, as its client got it in X-Request-Id", .completed = completed_by::requests},
      set_text(given->request));
  add_management(flags, given->management);
  auto const finish = [given](environment const&) -> result<command> {
    if (given->request.empty())
      return fail(error_code::invalid_input, "why which request?",
                  "As in: paddler why ID. There are: paddler get requests");
    return *given;
  };
  commands.push_back({{.name = "why",
                       .group = "Look",
                       .summary = "Why a request went to the agents that it went to",
                       .usage = "REQUEST [flags]",
                       .text = "For each attempt: the engines that were looked at, what each was worth as a time "
                               "(reading what it has not read of the prompt, how busy it is, one token, being away "
                               "from the session), what left others out, and which won. The least wins.",
                       .examples = "paddler why req_01957d2e-6f2c-7c4e-9b1a-0123456789ab"},
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
  flags.add({.name = "--from",
             .value = "REVISION",
             .help = "Begin behind the change that made this revision",
             .completed = completed_by::revisions},
            set_number(given->command.from, 0, most));
  flags.add({.name = "--kinds",
             .value = "KIND,...",
             .help = "Only these: agent, config, health, reconcile",
             .choices = {"agent", "config", "health", "reconcile"}},
            set_text(given->command.kinds));
  flags.add({.name = "--count", .value = "N", .help = "End after so many events"},
            set_number(given->command.count, 1, most));
  flags.add_word({.name = "-o,--output",
                  .value = "FORMAT",
                  .help = "table (a line for people), or json (an object on each line)",
                  .default_text = "table"},
                 given->output, {"table", "wide", "json"});
  add_management(flags, given->command.management);
  auto const finish = [given](environment const&) -> result<command> {
    given->command.json = given->output == output_format::json;
    return given->command;
  };
  commands.push_back({{.name = "events",
                       .group = "Look",
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

void add_viewing_commands(std::vector<declared_command>& commands) {
  add_get(commands);
  add_describe(commands);
  add_why(commands);
  add_watch(commands);
  add_events(commands);
}

} // namespace paddler
