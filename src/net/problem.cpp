#include "net/problem.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace paddler {

namespace json = boost::json;

std::string problem_json(unsigned status, std::string_view title, std::string_view detail, std::string_view instance,
                         std::span<field_error const> errors, std::string_view hint) {
  json::object problem;
  problem["type"] = "about:blank";
  problem["title"] = title;
  problem["status"] = status;
  if (!detail.empty()) problem["detail"] = detail;
  if (!hint.empty()) problem["hint"] = hint;
  if (!instance.empty()) problem["instance"] = instance;
  if (!errors.empty()) {
    auto& list = problem["errors"].emplace_array();
    for (auto const& each : errors) {
      json::object entry{{"path", each.path}, {"message", each.message}};
      if (each.line > 0) entry["line"] = each.line;
      if (!each.hint.empty()) entry["hint"] = each.hint;
      list.push_back(std::move(entry));
    }
  }
  return json::serialize(problem);
}

unsigned http_status_of(error_code code) {
  switch (code) {
  case error_code::invalid_input: return 400;
  case error_code::not_found: return 404;
  case error_code::conflict: return 409;
  case error_code::too_large: return 413;
  case error_code::unavailable: return 503;
  case error_code::gone: return 410;
  case error_code::full: return 507;
  case error_code::timeout: return 408;
  case error_code::cancelled:
  case error_code::closed: return 499;
  case error_code::protocol: return 400;
  case error_code::storage:
  case error_code::internal: return 500;
  }
  return 500;
}

} // namespace paddler
