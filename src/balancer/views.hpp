// The rows that people see, joined from the core's state. Pure.
#pragma once
#include "balancer/request_filter.hpp"
#include "core/balancer_core.hpp"
#include "model/views.hpp"

#include <span>
#include <string>
#include <vector>

namespace paddler {

// Why an agent does not serve what is wanted of it; empty where it does.
std::string reason_of(agent_record const& agent, applicable_state const& wanted);

agent_view view_agent(agent_record const& agent, balancer_core const& core);
std::vector<agent_view> view_agents(balancer_core const& core);

// Those behind `after` in order of their ids, at most `limit`.
std::vector<agent_view> view_agents(balancer_core const& core, agent_id const& after, std::size_t limit);
std::vector<model_view> view_models(balancer_core const& core);
std::vector<slot_view> view_slots(balancer_core const& core);

// Every policy that there is, in the order of the document.
std::vector<policy_view> view_policies(balancer_core const& core);

// Those that are alive, in the order of their arrival, then the newest that ended.
std::vector<request_view> view_requests(balancer_core const& core, request_filter const& wanted = {});

// Its way; with `routes`, why it went it.
std::vector<request_step_view> view_steps(request_record const& request);
std::vector<request_attempt_view> view_attempts(request_record const& request);
request_page page_of(request_record const& request, std::span<route_note const> routes = {});

// The newest ones that the log keeps, the oldest of them first.
std::vector<reconciliation_view> view_reconciliations(balancer_core const& core);

} // namespace paddler
