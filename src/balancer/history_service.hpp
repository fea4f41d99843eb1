// Desired state through time, and changes before they are made: the part of the management API that looks back and
// ahead. What costs as much as all of desired state is folded on a thread, never on the loop.
#pragma once
#include "balancer/admission.hpp"
#include "balancer/core_service.hpp"
#include "core/change_plan.hpp"
#include "net/router.hpp"

#include <optional>
#include <string>
#include <vector>

namespace paddler {

// Lives on one executor; what it is given must outlive it.
class history_service {
public:
  history_service(core_service& core, admission& door, blocking_executor& pool, std::size_t document_limit)
      : core_(core), door_(door), pool_(pool), max_document_bytes_(document_limit) {}

  std::vector<route> routes();

private:
  task<> get_desired(http_exchange& exchange);
  task<> get_applicable(http_exchange& exchange);
  task<> list_revisions(http_exchange& exchange);
  task<> get_revision(http_exchange& exchange);
  task<> get_diff(http_exchange& exchange);
  task<> roll_back(http_exchange& exchange);
  task<> plan(http_exchange& exchange);
  task<> validate(http_exchange& exchange);

  // `text` as people write it, with a revision, a time or neither.
  [[nodiscard]] result<layer_instant> instant_of(std::string_view text) const;

  // What GET /desired asks for: desired state, or one source's word.
  [[nodiscard]] result<layer_instant> desired_instant(http_head const& head) const;
  task<result<desired_document>> document_at(layer_instant instant);

  // The past up to an instant; all of it where the instant names none.
  [[nodiscard]] result<history_slice> slice_of(std::optional<revision> at) const;
  [[nodiscard]] result<layer_instant> start_of_diff(http_head const& head, layer_instant const& to) const;
  task<result<field_map>> fields_of(layer_instant instant);

  // What the API said at a revision, to be said again.
  struct way_back {
    revision to;
    desired_change change;
  };

  task<result<way_back>> find_way_back(http_exchange& exchange);
  task<result<std::vector<field_change>>> remaining_difference(revision wanted);

  // What a document would do, once agents had their say.
  struct look_ahead {
    foreseen_change foreseen;
    memory_needs needs;
    std::vector<std::string> warnings; // what could not be checked
  };

  task<result<look_ahead>> foresee_change(http_exchange& exchange);

  core_service& core_;
  admission& door_;
  blocking_executor& pool_;
  std::size_t const max_document_bytes_;
};

} // namespace paddler
