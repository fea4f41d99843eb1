// Desired state with its revisions, and what follows from it for each agent.
//
// State is the fold of log records: `check` says whether a change may be made and gives the record to persist, `apply`
// folds a record in. Replaying the same records gives the same state, generations included; so does going on from a
// snapshot. Either costs the document handed in plus the entries it touches, however many others there are.
#pragma once
#include "base/result.hpp"
#include "core/state/applicable_table.hpp"
#include "core/state/layer_table.hpp"
#include "core/state/provenance.hpp"
#include "model/applicable.hpp"
#include "model/record.hpp"
#include "model/snapshot.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
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
  std::vector<agent_id> agents;      // whose applicable state changed
  std::vector<lost_field> losses;    // that are new: each is told to its loser once
  std::vector<field_change> said;    // what the source says otherwise now
  std::vector<field_change> changes; // what is in effect otherwise now
  entry_changes entries;             // of the source
  bool names_changed = false;        // served_names() may be others now
  bool policies_changed = false;     // policies() are others now
};

class desired_state {
public:
  desired_state() = default;
  explicit desired_state(state_snapshot const& from);

  // The record that would make this change; nothing where the source already says exactly this, in whatever order; an
  // error where the change is invalid (every reason at once) or lost a race.
  [[nodiscard]] result<std::optional<log_record>> check(desired_change const& change, wall_time now) const;

  // Folds one record in. Its number must be the next one.
  desired_news apply(log_record const& record);

  [[nodiscard]] revision current() const { return current_; }

  // Made anew by each call, as are the layers.
  [[nodiscard]] desired_document effective() const { return table_.effective(); }

  [[nodiscard]] desired_layers layers() const { return table_.layers(); }

  [[nodiscard]] std::map<agent_id, agent_spec> const& agents() const { return table_.agents().merged(); }

  [[nodiscard]] std::map<model_id, model_spec> const& models() const { return table_.models().merged(); }

  [[nodiscard]] policies_spec const& policies() const { return table_.policies().merged(); }

  // The revision that last changed them; 0: nobody ever set one.
  [[nodiscard]] generation policies_version() const { return policies_version_; }

  // Valid until the next change.
  [[nodiscard]] applicable_state const& applicable(agent_id const& agent) const;

  // Of the agents that ever had a model.
  [[nodiscard]] std::map<agent_id, applicable_state> const& applicable_states() const { return applicable_.states(); }

  // What every source says, for who works out what a change would do (core/state/preview.hpp).
  [[nodiscard]] layer_table const& table() const { return table_; }

  // The agents whose applicable state may depend on these changes of effective entries.
  [[nodiscard]] std::set<agent_id> affected(entry_changes const& effect) const {
    return applicable_.affected(table_, effect);
  }

  // Who decides which field, and who lost it.
  [[nodiscard]] field_claims const& claims() const { return claims_; }

  // The agents that are to serve each name.
  [[nodiscard]] std::map<std::string, std::set<agent_id>, std::less<>> const& agents_by_name() const {
    return applicable_.served_names();
  }

  // The names under which models are wanted, sorted.
  [[nodiscard]] std::vector<std::string> served_names() const;

  [[nodiscard]] state_snapshot snapshot(wall_time taken) const;

private:
  [[nodiscard]] std::vector<field_error> references(entry_changes const& effect,
                                                    desired_document const& document) const;

  revision current_;
  layer_table table_;
  field_claims claims_;
  applicable_table applicable_;
  generation policies_version_;
};

// The snapshot after these records, which follow those of `base`. For whoever compacts a log.
state_snapshot fold_snapshot(state_snapshot const& base, std::span<log_record const> records, wall_time taken);

} // namespace paddler
