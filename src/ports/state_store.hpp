// Where the event log lives: the balancer's durable memory (design.md section 4).
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "model/record.hpp"

#include <span>
#include <vector>

namespace paddler {

// What a balancer starts from.
struct stored_state {
  epoch leader;                // of this opening: higher than that of every opening before it, durably
  std::vector<log_record> log; // every record, in order; revisions 1, 2, 3, ...
};

// The functions block: call them on one blocking_executor with one thread, in turn. Errors are `storage` (the medium
// failed, the content is damaged, of a newer version, or foreign), `conflict` (another process has it open); the words
// say what to do. After an error of blocking_append the store is broken: it refuses everything until it is opened anew
// (promise P12).
class state_store {
public:
  virtual ~state_store() = default;

  // Opens or makes the state, takes it for this process alone, and begins an epoch. What cannot be read is never
  // replaced.
  virtual result<stored_state> blocking_open() = 0;

  // All of the records or none; durable on return. Their revisions continue the log without a gap.
  virtual result<void> blocking_append(std::span<log_record const> records) = 0;

  virtual void blocking_close() = 0;
};

} // namespace paddler
