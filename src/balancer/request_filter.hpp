// Which requests somebody asks for: the query of GET /management/v1/requests. Pure.
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "model/request.hpp"
#include "net/http_types.hpp"

#include <cstddef>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

struct request_filter {
  std::optional<request_state> state;
  std::optional<std::string> model;
  std::optional<agent_id> agent; // of the newest attempt
  std::size_t limit = std::numeric_limits<std::size_t>::max();
};

// Or all that is wrong with it.
std::expected<request_filter, std::vector<field_error>> read_filter(http_head const& head);

// But for the limit.
bool fits(request_record const& request, request_filter const& wanted);

} // namespace paddler
