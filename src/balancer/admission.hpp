// The door for changes of desired state: before one is made, the agents that it matters to are asked whether they could
// run what it wants of them (core/session/resource_questions.hpp).
//
// An agent that is not connected, or does not answer in time, cannot refuse: the change is made, with a warning. What
// agents find wrong later is told as ever (nack). Who waits for answers holds nothing up: neither other changes nor the
// agents' links.
#pragma once
#include "balancer/core_service.hpp"
#include "balancer/link_registry.hpp"
#include "core/change_plan.hpp"
#include "core/session/resource_questions.hpp"
#include "model/history.hpp"
#include "runtime/wakeup.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

struct examined_change {
  std::vector<field_error> errors;   // that agents found, as places in the document
  memory_needs needs;                // of those that found nothing wrong and know
  std::vector<std::string> warnings; // what could not be checked
};

struct admitted_change {
  change_outcome made;
  std::vector<std::string> warnings; // what could not be checked
};

// Lives on one executor; what it is given must outlive it.
class admission {
public:
  admission(asio::any_io_executor const& executor, core_service& core, link_registry& links,
            admission_limits const& limits);

  // The third stage alone: nothing is changed. Where an earlier stage would refuse the change nobody is asked.
  task<examined_change> examine(desired_change change);

  // As core_service::submit(), with the third stage of validation before it. `invalid_input` with the places that
  // agents found wrong, all of them.
  task<result<admitted_change>> submit(desired_change change);

private:
  using question_key = std::pair<link_id, std::uint64_t>;

  // Of one change.
  struct inquiry {
    std::map<question_key, std::optional<link_answer>> answers;
    std::vector<std::pair<question_key, resource_question>> asked;
    std::vector<unasked_agent> unasked;
  };

  [[nodiscard]] bool may_be_made(desired_change const& change) const;
  void ask(inquiry& about, resource_questions questions);
  void take(link_id link, link_answer const& answer);
  [[nodiscard]] bool is_settled(inquiry const& about) const;
  task<> wait_until_settled(inquiry& about);
  void settle(inquiry& about, desired_document const& document, examined_change& out);

  core_service& core_;
  link_registry& links_;
  admission_limits const limits_;
  std::uint64_t questions_ = 0; // asked so far: the number of the newest
  std::map<question_key, inquiry*> open_;
  wakeup answered_;
};

} // namespace paddler
