// The management API's answers that are no rows of the model's. `revision` is that of desired state when each was made.
#pragma once
#include "cli/api_answer.hpp"
#include "model/dump.hpp"
#include "model/history.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace paddler {

// What became of a change. `remaining` is a rollback's: what is in effect otherwise than at the revision that it goes
// back to, since another source decides it.
struct change_answer {
  std::uint64_t revision = 0;
  bool changed = true;
  std::vector<lost_field> losses;
  std::vector<field_change> remaining;
  std::vector<std::string> warnings;
};

struct diff_answer {
  std::string from;
  std::string to;
  std::vector<field_change> items;
  std::uint64_t revision = 0;
};

// The newest first.
struct revisions_answer {
  std::vector<revision_view> items;
  std::uint64_t oldest = 0; // that is kept
  std::uint64_t revision = 0;
};

struct provenance_answer {
  std::vector<field_provenance> items;
  std::uint64_t revision = 0;
};

struct applicable_answer {
  std::vector<agent_applicable> items;
  std::uint64_t revision = 0;
};

// What a document that is valid, or planned, should be told about.
struct warnings_answer {
  std::vector<std::string> warnings;
};

BOOST_DESCRIBE_STRUCT(change_answer, (), (revision, changed, losses, remaining, warnings))
BOOST_DESCRIBE_STRUCT(diff_answer, (), (from, to, items, revision))
BOOST_DESCRIBE_STRUCT(revisions_answer, (), (items, oldest, revision))
BOOST_DESCRIBE_STRUCT(provenance_answer, (), (items, revision))
BOOST_DESCRIBE_STRUCT(applicable_answer, (), (items, revision))
BOOST_DESCRIBE_STRUCT(warnings_answer, (), (warnings))

} // namespace paddler
