// What the papers of a slot connection say of its engine beside what it serves (docs/protocol.md).
#pragma once

namespace paddler {

// The APIs whose streams an engine can continue where another engine broke off (wire/resume_request.hpp).
struct resumable_apis {
  bool chat = false;
  bool completions = false;
  friend bool operator==(resumable_apis const&, resumable_apis const&) = default;
};

} // namespace paddler
