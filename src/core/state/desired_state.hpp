// Desired state with its revisions, and what follows from it for each agent.
//
// State is the fold of log records: `check` says whether a change may be made and gives the record to persist, `apply`
// folds a record in. Replaying the same records gives the same state, generations included.
#pragma once
#include "base/result.hpp"
#include "core/state/provenance.hpp"
#include "model/applicable.hpp"
#include "model/record.hpp"

#include <map>
#include <optional>
#include <vector>

namespace paddler {

// One source's wish to replace its document.
struct desired_change {
  source_id source;
  desired_document document;
  std::optional<revision> if_match; // refuse unless this is the current revision
  change_origin origin;
};

// What folding a record in brought about.
struct desired_news {
  std::vector<agent_id> agents;   // whose applicable state changed
  std::vector<lost_field> losses; // that are new: each is told to its loser once
};

class desired_state {
public:
  // The record that would make this change; nothing where the source already says exactly this; an error where the
  // change is invalid (every reason at once) or lost a race.
  [[nodiscard]] result<std::optional<log_record>> check(desired_change const& change, wall_time now) const;

  // Folds one record in. Its number must be the next one.
  desired_news apply(log_record const& record);

  [[nodiscard]] revision current() const { return current_; }

  [[nodiscard]] desired_document const& effective() const { return effective_; }

  [[nodiscard]] desired_layers const& layers() const { return layers_; }

  [[nodiscard]] applicable_state applicable(agent_id const& agent) const;

  [[nodiscard]] std::map<agent_id, applicable_state> const& applicable_states() const { return applicable_; }

  // Who decides which field, and who lost it.
  [[nodiscard]] field_claims const& claims() const { return claims_; }

  // The names under which models are wanted, sorted.
  [[nodiscard]] std::vector<std::string> served_names() const;

private:
  std::vector<agent_id> resolve_all();

  revision current_;
  desired_layers layers_;
  desired_document effective_;
  field_claims claims_;
  std::vector<lost_field> losses_;
  std::map<agent_id, applicable_state> applicable_;
};

} // namespace paddler
