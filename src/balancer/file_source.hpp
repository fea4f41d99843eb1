// One configuration file as a source of desired state: read at the start, and again whenever it changes.
#pragma once
#include "balancer/core_service.hpp"
#include "runtime/blocking.hpp"
#include "runtime/watched_file.hpp"

#include <memory>
#include <string>

namespace paddler {

// A file that is missing, cut off or wrong changes nothing: what it said before stays, and the log says what is the
// matter.
class file_source {
public:
  // `core` and `pool` must outlive it. `path` names the source.
  file_source(core_service& core, blocking_executor& pool, std::string path, std::unique_ptr<watched_file> file,
              std::size_t max_bytes);

  // Reads the file once. The error says why its content was not taken.
  task<result<change_outcome>> load();

  // Watches until cancelled; load() was called before.
  task<> watch();

private:
  core_service& core_;
  blocking_executor& pool_;
  std::string path_;
  std::unique_ptr<watched_file> file_;
  std::size_t max_bytes_;
};

} // namespace paddler
