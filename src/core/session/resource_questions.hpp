// The third stage of validating a change of desired state (design.md 3.3): who is to be asked whether it fits, and what
// the answers say of the document that was handed in. Pure; the shell asks (balancer/admission.hpp).
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/session/agent_table.hpp"
#include "core/state/desired_state.hpp"
#include "core/state/preview.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_questions_a_change = 512; // agents; the rest is not asked

// For whoever asks.
struct admission_limits {
  duration answer_within = std::chrono::seconds(2);
  std::size_t open_questions = 4'096; // of all changes together; what goes beyond is not asked
};

// One agent that is to be asked.
struct resource_question {
  link_id link;
  agent_id agent;
  applicable_state state; // as it would be
};

// An agent that cannot say no.
struct unasked_agent {
  agent_id agent;
  std::string why; // as in "it is not connected"
};

// A temperature fits wherever the old one did: only what takes other files or memory than before needs a look.
bool takes_other_resources(applicable_state const& before, applicable_state const& after);

struct resource_questions {
  std::vector<resource_question> ask;
  std::vector<unasked_agent> unasked;
};

// The agents that would run a model on other files or in other memory than is wanted of them now.
resource_questions questions_about(desired_state const& state, agent_table const& agents, desired_change const& change);

// What an agent found wrong with its state (paths as in `model.slots`), as places in the document: as in
// `agents[0].slots`, and as in `agents/ID.slots` where it does not speak of that entry.
std::vector<field_error> errors_in_document(desired_document const& document, agent_id const& agent,
                                            applicable_state const& state, std::vector<field_error> const& found);

// For whoever handed the document in: which agents could not be asked, and why. At most `max_listed_warnings` lines.
inline constexpr std::size_t max_listed_warnings = 20;
std::vector<std::string> warnings_of(std::vector<unasked_agent> const& unasked);

} // namespace paddler
