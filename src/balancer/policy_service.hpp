// /management/v1/policies: the policies that requests are served by, and what the API says of them. Whoever changes
// them here leaves what the API says of agents and models as it is.
#pragma once
#include "balancer/admission.hpp"
#include "balancer/core_service.hpp"
#include "net/router.hpp"
#include "runtime/blocking.hpp"
#include "wire/document_node.hpp"

#include <vector>

namespace paddler {

// How what was sent changes what the API says.
enum class policy_edit { replace, patch };

// Lives on one executor; what it is given must outlive it.
class policy_service {
public:
  policy_service(core_service& core, admission& door, blocking_executor& parsers)
      : core_(core), door_(door), parsers_(parsers) {}

  std::vector<route> routes();

private:
  task<> get(http_exchange& exchange);
  task<> put(http_exchange& exchange);
  task<> patch(http_exchange& exchange);
  task<> release(http_exchange& exchange);
  task<> change(http_exchange& exchange, policy_edit how, document_node given);
  task<> change_to_body(http_exchange& exchange, policy_edit how);

  core_service& core_;
  admission& door_;
  blocking_executor& parsers_;
};

} // namespace paddler
