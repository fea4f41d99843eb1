// The management API on port 8060, under /management/v1: desired state, the tables, and the agents' doors.
#pragma once
#include "balancer/admission.hpp"
#include "balancer/core_service.hpp"
#include "balancer/link_registry.hpp"
#include "balancer/slot_registry.hpp"
#include "model/views.hpp"
#include "net/router.hpp"

namespace paddler {

// Lives on one executor; what it is given must outlive it.
class management_service {
public:
  management_service(core_service& core, admission& door, link_registry& links, slot_registry& slots,
                     blocking_executor& parsers, std::size_t document_limit)
      : core_(core),
        door_(door),
        links_(links),
        slots_(slots),
        parsers_(parsers),
        max_document_bytes_(document_limit) {}

  std::vector<route> routes();

private:
  task<> put_desired(http_exchange& exchange);
  task<> delete_desired(http_exchange& exchange);
  task<> change_desired(http_exchange& exchange, desired_document document);
  task<> answer_when_durable(http_exchange& exchange, std::string body);
  task<> explain_fields(http_exchange& exchange);
  task<> get_conflicts(http_exchange& exchange);
  task<> get_agents(http_exchange& exchange);
  std::vector<agent_view> agents_behind(agent_id const& last) const;
  task<> get_models(http_exchange& exchange);
  task<> get_slots(http_exchange& exchange);
  task<> get_requests(http_exchange& exchange);
  task<> get_request(http_exchange& exchange);
  task<> get_reconciliations(http_exchange& exchange);
  task<> get_version(http_exchange& exchange);
  task<> open_link(http_exchange& exchange);
  task<> open_slot(http_exchange& exchange);

  core_service& core_;
  admission& door_;
  link_registry& links_;
  slot_registry& slots_;
  blocking_executor& parsers_; // a hostile document takes seconds to parse
  std::size_t const max_document_bytes_;
};

// `/healthz` (the process lives) and `/readyz` (it can serve; `?slots=N` asks for N slots), for either port.
std::vector<route> health_routes(core_service& core);

} // namespace paddler
