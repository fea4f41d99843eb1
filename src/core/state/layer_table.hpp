// What every source says, entry by entry, and what that comes to. Changes cost what they touch: of thousands of agents
// the one that joined is merged, and no other.
#pragma once
#include "model/desired.hpp"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace paddler {

template <class Spec> using id_of = decltype(Spec::id);

// Entries that are to be set anew; no value: that are taken away.
template <class Spec> using changed_entries = std::map<id_of<Spec>, std::optional<Spec>>;

struct entry_changes {
  changed_entries<agent_spec> agents;
  changed_entries<model_spec> models;
  std::optional<policies_spec> policies; // all of them, as they are to be

  [[nodiscard]] bool empty() const { return agents.empty() && models.empty() && !policies; }

  friend bool operator==(entry_changes const&, entry_changes const&) = default;
};

// One list of the document, agents[] or models[].
template <class Spec> class layered_list {
public:
  using id_type = id_of<Spec>;

  // What of `entries` differs from what the source says now. Their order counts for nothing.
  [[nodiscard]] changed_entries<Spec> difference(source_id const& source, std::vector<Spec> const& entries) const;

  // What would differ in `merged()` if the source said this.
  [[nodiscard]] changed_entries<Spec> effect(source_id const& source, changed_entries<Spec> const& said) const;

  // Makes it so. `effect` is that of `said`.
  void apply(source_id const& source, changed_entries<Spec> const& said, changed_entries<Spec> const& effect);

  [[nodiscard]] std::map<id_type, Spec> const& merged() const { return merged_; }

  [[nodiscard]] Spec const* find(id_type const& id) const; // of merged(); null: not there

  // The sources that say anything, each with the ids of its entries.
  [[nodiscard]] std::map<source_id, std::set<id_type>> const& sources() const { return of_source_; }

  // What a source says of an entry; null: nothing.
  [[nodiscard]] Spec const* find_said(source_id const& source, id_type const& id) const;

private:
  std::map<id_type, std::map<source_id, Spec>> said_; // sources in order of priority
  std::map<source_id, std::set<id_type>> of_source_;
  std::map<id_type, Spec> merged_;
};

extern template class layered_list<agent_spec>;
extern template class layered_list<model_spec>;

// The one entry of policies. A source that sets none of their fields says nothing.
class layered_policies {
public:
  // As those of layered_list; nothing: no difference.
  [[nodiscard]] std::optional<policies_spec> difference(source_id const& source, policies_spec const& policies) const;
  [[nodiscard]] std::optional<policies_spec> effect(source_id const& source,
                                                    std::optional<policies_spec> const& said) const;
  void apply(source_id const& source, std::optional<policies_spec> const& said,
             std::optional<policies_spec> const& effect);

  [[nodiscard]] policies_spec const& merged() const { return merged_; }

  // The sources that set any of them, with what they say.
  [[nodiscard]] std::map<source_id, policies_spec> const& sources() const { return said_; }

  [[nodiscard]] policies_spec const& said(source_id const& source) const;

private:
  std::map<source_id, policies_spec> said_; // in order of priority
  policies_spec merged_;
};

class layer_table {
public:
  [[nodiscard]] entry_changes difference(source_id const& source, desired_document const& document) const;
  [[nodiscard]] entry_changes effect(source_id const& source, entry_changes const& said) const;
  void apply(source_id const& source, entry_changes const& said, entry_changes const& effect);

  [[nodiscard]] layered_list<agent_spec> const& agents() const { return agents_; }

  [[nodiscard]] layered_list<model_spec> const& models() const { return models_; }

  [[nodiscard]] layered_policies const& policies() const { return policies_; }

  // Whole documents, entries in order of id; made anew by each call.
  [[nodiscard]] desired_document effective() const;
  [[nodiscard]] desired_layers layers() const;

  // What one source says; empty: nothing.
  [[nodiscard]] desired_document said(source_id const& source) const;

  // Those that say anything.
  [[nodiscard]] std::set<source_id> sources() const;

private:
  layered_list<agent_spec> agents_;
  layered_list<model_spec> models_;
  layered_policies policies_;
};

} // namespace paddler
