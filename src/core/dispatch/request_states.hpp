// The states of a request and the ways between them (design.md section 5). Nothing else moves a request.
#pragma once
#include "model/request.hpp"

#include <array>

namespace paddler {

struct state_edge {
  request_state from;
  request_state to;
};

// A terminal state has no way out. An attempt that is lost before the client has a byte leads back to the queue, and
// after that to `resuming`; from there the client's next byte leads on.
inline constexpr std::array state_edges{
    state_edge{request_state::queued, request_state::routed},
    state_edge{request_state::queued, request_state::failed},
    state_edge{request_state::routed, request_state::processing},
    state_edge{request_state::routed, request_state::streaming}, // the engine answers before it has the whole body
    state_edge{request_state::routed, request_state::queued},
    state_edge{request_state::routed, request_state::completed},
    state_edge{request_state::routed, request_state::failed},
    state_edge{request_state::processing, request_state::streaming},
    state_edge{request_state::processing, request_state::queued},
    state_edge{request_state::processing, request_state::completed},
    state_edge{request_state::processing, request_state::failed},
    state_edge{request_state::streaming, request_state::resuming},
    state_edge{request_state::streaming, request_state::completed},
    state_edge{request_state::streaming, request_state::failed},
    state_edge{request_state::resuming, request_state::streaming},
    state_edge{request_state::resuming, request_state::completed}, // nothing of the answer was missing
    state_edge{request_state::resuming, request_state::failed},
};

constexpr bool is_edge(request_state from, request_state to) {
  for (auto const& edge : state_edges)
    if (edge.from == from && edge.to == to) return true;
  return false;
}

} // namespace paddler
