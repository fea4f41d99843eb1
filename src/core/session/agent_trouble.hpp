// How an agent is, in one word and, where it does not serve what it should, in a sentence.
#pragma once
#include "core/session/agent_table.hpp"
#include "model/current.hpp"

#include <string>

namespace paddler {

// `unknown` where nothing that it said is to be believed.
engine_status status_of(agent_record const& agent);

// Why it does not serve what it accepted, as it says, or what is amiss though it does; empty where all is well.
std::string trouble_of(agent_report const& report);

} // namespace paddler
