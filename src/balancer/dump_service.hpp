// GET /management/v1/dump: everything that the balancer knows, at one moment, as one JSON document: for people, and for
// `paddler replay`, which decides all of it once more and compares.
#pragma once
#include "balancer/core_service.hpp"
#include "net/router.hpp"
#include "wire/document_node.hpp"

#include <vector>

namespace paddler {

// What the core holds. Nothing secret is in it: prompts, outputs and keys never reach the core. The log's records are
// those behind `base`, the snapshot of all changes before them.
document_node dump_document(balancer_core const& core, wall_time taken);

// Lives on one executor; what it is given must outlive it.
class dump_service {
public:
  dump_service(core_service& core, blocking_executor& pool) : core_(core), pool_(pool) {}

  std::vector<route> routes();

private:
  task<> serve(http_exchange& exchange);

  core_service& core_;
  blocking_executor& pool_;
};

} // namespace paddler
