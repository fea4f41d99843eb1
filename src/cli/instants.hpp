// Desired, applicable or current state at a moment, as people write it: LAYER, LAYER@REVISION, LAYER@TIME, or REVISION
// or TIME alone. TIME is as in RFC 3339, or how long ago: "10m".
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/history.hpp"

#include <string>
#include <string_view>

namespace paddler {

// As the management API takes it, with a time where the text says how long ago; `layer` where it names none. The
// error's message completes "FLAG: ".
result<std::string> parse_instant(std::string_view text, wall_time now, state_layer layer = state_layer::desired);

} // namespace paddler
