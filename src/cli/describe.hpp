// paddler describe: one page about one agent, model or revision; of a request: cli/describe_request.hpp.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "model/applicable.hpp"
#include "model/fields.hpp"
#include "model/history.hpp"
#include "model/views.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paddler {

exit_code run_describe(describe_command const& wanted, console& terminal);

struct agent_page {
  agent_view agent;
  std::vector<field_provenance> fields;       // of its entry, and of the models[] entry that it serves
  std::optional<applicable_state> applicable; // none: it never had any
  std::optional<applicable_state> served;     // that its engine runs; none: nothing is ready, or it is not known
  std::vector<reconciliation_view> actions;   // the newest ones about it, the oldest first
  std::vector<std::string> events;            // a line each
};

// Pure.
std::string text_of(agent_page const& page, wall_time now, console const& terminal);
std::string text_of(revision_view const& made, std::string const& document, wall_time now, console const& terminal);

// Pure: what is being done about the agent, and what comes then, as two sentences.
struct course {
  std::string now;
  std::string next;
};

course course_of(agent_page const& page, wall_time now);

} // namespace paddler
