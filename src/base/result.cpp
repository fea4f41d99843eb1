#include "base/result.hpp"

namespace paddler {

std::string_view to_string(error_code code) {
  switch (code) {
  case error_code::invalid_input: return "invalid_input";
  case error_code::not_found: return "not_found";
  case error_code::conflict: return "conflict";
  case error_code::too_large: return "too_large";
  case error_code::unavailable: return "unavailable";
  case error_code::gone: return "gone";
  case error_code::full: return "full";
  case error_code::timeout: return "timeout";
  case error_code::cancelled: return "cancelled";
  case error_code::closed: return "closed";
  case error_code::protocol: return "protocol";
  case error_code::storage: return "storage";
  case error_code::internal: return "internal";
  }
  return "internal";
}

std::string describe(error const& e) {
  std::string out = e.message;
  for (auto const& field : e.fields) {
    out += "\n  ";
    if (field.line > 0) out += "line " + std::to_string(field.line) + ": ";
    if (!field.path.empty()) out += field.path + ": ";
    out += field.message;
    if (!field.hint.empty()) out += " (" + field.hint + ")";
  }
  if (!e.hint.empty()) out += "\n" + e.hint;
  return out;
}

} // namespace paddler
