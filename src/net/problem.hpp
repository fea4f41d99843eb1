// Error documents of RFC 9457 (application/problem+json). Pure.
#pragma once
#include "base/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace paddler {

inline constexpr std::string_view problem_content_type = "application/problem+json";

// `instance` is the request's id. `errors` lists everything found wrong in a document.
std::string problem_json(unsigned status, std::string_view title, std::string_view detail, std::string_view instance,
                         std::span<field_error const> errors = {}, std::string_view hint = {});

// The HTTP status that an error of ours is told with.
unsigned http_status_of(error_code code);

} // namespace paddler
