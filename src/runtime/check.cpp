#include "runtime/check.hpp"

#include "runtime/log.hpp"

#include <cstdlib>

namespace paddler {

void fail_process(char const* what, std::source_location where) {
  log_event(log_level::critical, "process.bug", what, {{"file", where.file_name()}, {"line", where.line()}});
  std::abort();
}

} // namespace paddler
