// Keeps a second process away from a state database (DUR-14).
#pragma once
#include "base/result.hpp"
#include "runtime/owned_descriptor.hpp"

#include <string>
#include <utility>

namespace paddler {

// Held while it lives; the kernel releases it when the process dies, however it dies. Lies in a file beside the
// database, not in it, so that people may still look at the database with other tools.
class store_lock {
public:
  // Errors: `conflict` where another one is held, with the process that holds it; `storage`.
  static result<store_lock> blocking_acquire(std::string const& path);

private:
  explicit store_lock(owned_descriptor file) : file_(std::move(file)) {}

  owned_descriptor file_;
};

} // namespace paddler
