// paddler plan: what a document would do if it were applied.
#pragma once
#include "cli/api_client.hpp"
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/input_document.hpp"
#include "model/history.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paddler {

// `different` where applying it would change something, `trouble` for every error.
exit_code run_plan(plan_command const& wanted, console& terminal);

// A plan, with what the balancer's answer says beside it.
struct planned_document {
  plan_view plan;
  std::vector<std::string> warnings;
  document_node answer;
};

// Asks for it. Refused where the document is invalid, or desired state is at another revision than `if_revision`.
result<planned_document> blocking_plan(host_and_port const& management, input_document const& document,
                                       std::optional<std::uint64_t> if_revision);

// Pure: what a person reads of a plan; `file` as given on the command line.
std::string text_of_plan(plan_view const& plan, std::string const& file, console const& terminal);

// "load qwen beside the old one, about 12s (measured before)"
std::string text_of_step(planned_step const& step, int slots_busy, bool is_beside);

} // namespace paddler
