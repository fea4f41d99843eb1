// Who decides each field of desired state, since when, and who lost it (design.md 3.2).
//
// The same rule as merge_layers(), told field by field: of the sources that set a field the one of the highest priority
// owns it. A model reference of another `source` kind than the owner's takes no part; each of its fields lost.
#pragma once
#include "model/fields.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// What each source says, field by field, and since when.
class field_claims {
public:
  // A source replaced its document (an empty one releases all its fields). Fields that it says again keep their
  // revision.
  void replace(source_id const& source, desired_document const& document, revision at);

  // Every field that a path covers, in order; an empty path covers all.
  [[nodiscard]] std::vector<field_provenance> explain(std::string_view path) const;

  // The fields on which sources disagree.
  [[nodiscard]] std::vector<field_provenance> conflicts() const;

  // Every (field, source) that lost to another value, in order of path.
  [[nodiscard]] std::vector<lost_field> losses() const;

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

} // namespace paddler
