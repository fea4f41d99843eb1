// history, explain, dump, replay: what they are told.
#include "cli/shared_flags.hpp"

#include <limits>

namespace paddler {
namespace {

constexpr std::uint64_t most_listed = 1'000'000;

flag path_flag(std::string help) { return {.name = "PATH", .help = std::move(help), .completed = completed_by::paths}; }

void add_history(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<history_command>();
  flag_set flags;
  flags.add(path_flag("Only what changed it, as in agents/a1.slots"), set_text(given->path));
  flags.add({.name = "--limit",
             .value = "N",
             .help = "So many at most",
             .default_text = std::to_string(default_history_limit)},
            set_number(given->limit, 1, most_listed));
  flags.add({.name = "--since", .value = "DURATION", .help = "Only those of the last 2h, 30m, ..."},
            [given](std::string const& text) { return set_duration(given->since.emplace())(text); });
  add_table_output(flags, given->output);
  add_management(flags, given->management);
  commands.push_back({{.name = "history",
                       .group = "Look",
                       .summary = "Show the changes of desired state: who, when, from where, what",
                       .usage = "[PATH] [flags]",
                       .text = "The newest first. -o wide says, too, how many agents each one concerned, and what its "
                               "source said though another one decides it.",
                       .examples = "paddler history\n"
                                   "paddler history agents/a1.slots\n"
                                   "paddler history --since 2h -o wide\n"
                                   "paddler describe revision 41    # all about one of them"},
                      std::move(flags),
                      as_given(given)});
}

void add_explain(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<explain_command>();
  flag_set flags;
  flags.add(path_flag("As in agents/a1, agents/a1.slots or models/chat; left out: all"), set_text(given->path));
  add_table_output(flags, given->output);
  add_management(flags, given->management);
  commands.push_back({{.name = "explain",
                       .group = "Look",
                       .summary = "Show who decides a field, since when, and who wanted something else",
                       .usage = "[PATH] [flags]",
                       .text = "The API's word counts before a file's, that before what agents say of themselves.",
                       .examples = "paddler explain agents/a1.slots\n"
                                   "paddler explain models/chat\n"
                                   "paddler get conflicts    # only where sources disagree"},
                      std::move(flags),
                      as_given(given)});
}

void add_dump(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<dump_command>();
  flag_set flags;
  flags.add({.name = "-o,--output",
             .value = "FILE",
             .help = "Where to; a file for you only",
             .default_text = "standard output",
             .completed = completed_by::files},
            set_text(given->file));
  flags.add_switch({.name = "--force", .help = "Replace the file where there is one"}, given->force);
  add_management(flags, given->management);
  commands.push_back({{.name = "dump",
                       .group = "Other",
                       .summary = "Write everything that a balancer knows into one file",
                       .usage = "[-o FILE] [flags]",
                       .text = "State, history, events, what was done to agents: JSON, without secrets. 'replay' "
                               "decides it again elsewhere.",
                       .examples = "paddler dump -o cluster.json\n"
                                   "paddler dump | jq '.agents[].id'"},
                      std::move(flags),
                      as_given(given)});
}

void add_replay(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<replay_command>();
  flag_set flags;
  flags.add({.name = "FILE", .help = "What 'paddler dump' wrote", .completed = completed_by::files},
            set_text(given->file));
  auto const finish = [given](environment const&) -> result<command> {
    if (!given->file.empty()) return *given;
    return fail(error_code::invalid_input, "no dump was named", "paddler replay FILE; make one: paddler dump -o FILE");
  };
  commands.push_back({{.name = "replay",
                       .group = "Other",
                       .summary = "Decide the changes in a dump again, and compare",
                       .usage = "FILE",
                       .text = "Needs no balancer. Prints each decision: what it changed in effect, whose applicable "
                               "state, what was lost; and whether it is what the balancer told, delivered and came "
                               "to.\n\nExit code 0: all are equal, 1: there are differences.",
                       .examples = "paddler dump -o cluster.json\n"
                                   "paddler replay cluster.json"},
                      std::move(flags),
                      finish});
}

} // namespace

void add_history_commands(std::vector<declared_command>& commands) {
  add_history(commands);
  add_explain(commands);
  add_dump(commands);
  add_replay(commands);
}

} // namespace paddler
