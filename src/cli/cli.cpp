#include "cli/cli.hpp"

#include "cli/api_client.hpp"
#include "cli/apply.hpp"
#include "cli/chat.hpp"
#include "cli/command_line.hpp"
#include "cli/completion.hpp"
#include "cli/describe.hpp"
#include "cli/diff.hpp"
#include "cli/drain.hpp"
#include "cli/dump.hpp"
#include "cli/events.hpp"
#include "cli/explain.hpp"
#include "cli/get.hpp"
#include "cli/history.hpp"
#include "cli/plan.hpp"
#include "cli/replay.hpp"
#include "cli/rollback.hpp"
#include "cli/serve.hpp"
#include "cli/validate.hpp"
#include "cli/why.hpp"
#include "wire/json_codec.hpp"

#include <ostream>

namespace paddler {
namespace {

exit_code run_version(version_command const& wanted, console& terminal) {
  terminal.out << "paddler " PADDLER_VERSION "\n" << std::flush;
  if (!wanted.server) return exit_code::success;
  auto const answer = blocking_call_api(management_server(*wanted.server), {.target = "/management/v1/version"});
  if (!answer) {
    terminal.print_error(answer.error());
    return exit_code_for(answer.error().code);
  }
  auto const parsed = parse_json(answer->body);
  terminal.out << "balancer " << (parsed ? text_of(item_of(*parsed, "version")) : "unknown") << "\n" << std::flush;
  return exit_code::success;
}

// Carries a command out.
struct runner {
  environment const& surroundings;
  console& terminal;

  exit_code operator()(help_command const& wanted) const {
    terminal.out << wanted.text << std::flush;
    return exit_code::success;
  }

  exit_code operator()(version_command const& wanted) const { return run_version(wanted, terminal); }

  exit_code operator()(up_command& wanted) const { return run_up(std::move(wanted), surroundings, terminal); }

  exit_code operator()(balancer_command& wanted) const { return run_balancer(std::move(wanted), terminal); }

  exit_code operator()(agent_command& wanted) const { return run_agent(std::move(wanted), surroundings, terminal); }

  exit_code operator()(get_command const& wanted) const { return run_get(wanted, terminal); }

  exit_code operator()(apply_command const& wanted) const { return run_apply(wanted, terminal); }

  exit_code operator()(events_command const& wanted) const { return run_events(wanted, terminal); }

  exit_code operator()(describe_command const& wanted) const { return run_describe(wanted, terminal); }

  exit_code operator()(drain_command const& wanted) const { return run_drain(wanted, terminal); }

  exit_code operator()(why_command const& wanted) const { return run_why(wanted, terminal); }

  exit_code operator()(diff_command const& wanted) const { return run_diff(wanted, terminal); }

  exit_code operator()(plan_command const& wanted) const { return run_plan(wanted, terminal); }

  exit_code operator()(validate_command const& wanted) const { return run_validate(wanted, terminal); }

  exit_code operator()(explain_command const& wanted) const { return run_explain(wanted, terminal); }

  exit_code operator()(history_command const& wanted) const { return run_history(wanted, terminal); }

  exit_code operator()(rollback_command const& wanted) const { return run_rollback(wanted, terminal); }

  exit_code operator()(dump_command const& wanted) const { return run_dump(wanted, terminal); }

  exit_code operator()(replay_command const& wanted) const { return run_replay(wanted, terminal); }

  exit_code operator()(chat_command const& wanted) const { return run_chat(wanted, terminal); }

  exit_code operator()(completion_command const& wanted) const { return run_completion(wanted, terminal); }

  exit_code operator()(complete_command const& wanted) const { return run_complete(wanted, terminal); }
};

} // namespace

int run_command_line(int argc, char const* const* argv, char const* const* variables) {
  environment const surroundings(variables);
  auto terminal = process_console(surroundings);
  auto wanted = parse_command_line({argv + 1, argv + argc}, surroundings);
  if (!wanted) {
    terminal.print_error(wanted.error());
    return static_cast<int>(exit_code::usage);
  }
  return static_cast<int>(std::visit(runner{surroundings, terminal}, *wanted));
}

} // namespace paddler
