// Single fields of desired state: their values, who claims them, and what differs between two instants.
#pragma once
#include "base/ids.hpp"
#include "model/desired.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paddler {

// Nothing but "it is there" for an entry itself; words of an enumeration are text.
using field_value = std::variant<std::monostate, std::int64_t, double, std::string>;
using field_map = std::map<std::string, field_value, std::less<>>;

struct field_change {
  std::string path;
  std::optional<field_value> before; // none: it was not set
  std::optional<field_value> after;  // none: it is not set any more
  friend bool operator==(field_change const&, field_change const&) = default;
};

// One source's word on a field.
struct field_claim {
  source_id source;
  field_value value;
  revision since; // when the source said so first
  friend bool operator==(field_claim const&, field_claim const&) = default;
};

// Who decides a field, and who else set it.
struct field_provenance {
  std::string path;
  std::optional<field_claim> owner; // none: part of a model reference that lost as a whole
  std::vector<field_claim> others;  // in order of priority; the same value or another
  friend bool operator==(field_provenance const&, field_provenance const&) = default;

  // Whether one of the others wants another value.
  [[nodiscard]] bool in_conflict() const;
};

// What a source is told when another one decides a field that it set otherwise.
struct lost_field {
  std::string path;
  field_claim lost;
  field_claim winner;
  friend bool operator==(lost_field const&, lost_field const&) = default;
};

BOOST_DESCRIBE_STRUCT(field_change, (), (path, before, after))
BOOST_DESCRIBE_STRUCT(field_claim, (), (source, value, since))
BOOST_DESCRIBE_STRUCT(field_provenance, (), (path, owner, others))
BOOST_DESCRIBE_STRUCT(lost_field, (), (path, lost, winner))

} // namespace paddler
