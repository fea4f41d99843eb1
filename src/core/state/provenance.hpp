// Who decides each field of desired state, since when, and who lost it (design.md 3.2).
//
// The same rule as merge_layers(), told field by field: of the sources that set a field the one of the highest priority
// owns it. A model reference of another `source` kind than the owner's takes no part; each of its fields lost.
#pragma once
#include "model/fields.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// The claims on one entry, agents/ID or models/ID.
class entry_claims {
public:
  // What a source says of the entry now, as flat fields; nothing: it released the entry. Fields that it says again keep
  // their revision.
  void replace(source_id const& source, field_map const& fields, revision at);

  // As `replace`, with the revision of each field; fields without one are of revision 0.
  void restore(source_id const& source, field_map const& fields, std::map<std::string, revision> const& since);

  [[nodiscard]] std::vector<field_provenance> explain() const; // in order of path
  [[nodiscard]] std::vector<lost_field> losses() const;        // in order of path, then of priority
  [[nodiscard]] std::vector<std::pair<std::string, revision>> since(source_id const& source) const;

  [[nodiscard]] bool empty() const { return sources_.empty(); }

private:
  struct claim {
    field_value value;
    revision since;
  };

  using claims_of_source = std::map<std::string, claim, std::less<>>;

  [[nodiscard]] bool takes_part(source_id const& source, std::string_view path) const;
  [[nodiscard]] field_provenance provenance_of(std::string const& path) const;

  std::map<source_id, claims_of_source> sources_; // in order of priority
};

class field_claims {
public:
  // A source set the entry at path `entry` anew, see entry_claims. Gives the losses that begin with it.
  std::vector<lost_field> replace(source_id const& source, std::string const& entry, field_map const& fields,
                                  revision at);

  void restore(source_id const& source, std::string const& entry, field_map const& fields,
               std::map<std::string, revision> const& since);

  // When `source` said the fields of an entry first.
  [[nodiscard]] std::vector<std::pair<std::string, revision>> since(source_id const& source,
                                                                    std::string const& entry) const;

  // Every field that a path covers, entry by entry; an empty path covers all.
  [[nodiscard]] std::vector<field_provenance> explain(std::string_view path) const;

  // The fields on which sources disagree.
  [[nodiscard]] std::vector<field_provenance> conflicts() const;

  // Every (field, source) that lost to another value.
  [[nodiscard]] std::vector<lost_field> losses() const;

  // Those of one entry.
  [[nodiscard]] std::vector<lost_field> losses(std::string_view entry) const;

private:
  void note_dispute(std::string const& entry, bool is_one);

  std::map<std::string, entry_claims, std::less<>> entries_; // by entry_path()
  std::set<std::string, std::less<>> disputed_;              // those with a field on which sources disagree
};

} // namespace paddler
