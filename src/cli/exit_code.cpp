#include "cli/exit_code.hpp"

namespace paddler {

exit_code exit_code_for(error_code code) {
  switch (code) {
  case error_code::invalid_input:
  case error_code::too_large: return exit_code::invalid;
  case error_code::gone:
  case error_code::not_found: return exit_code::not_found;
  case error_code::conflict: return exit_code::conflict;
  case error_code::unavailable: return exit_code::unreachable;
  case error_code::timeout: return exit_code::timed_out;
  case error_code::cancelled: return exit_code::interrupted;
  default: return exit_code::failure;
  }
}

} // namespace paddler
