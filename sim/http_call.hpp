// One request of somebody outside the cluster, on a connection of its own.
#pragma once
#include "base/ids.hpp"
#include "runtime/task.hpp"
#include "sim/cluster.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace paddler_sim {

struct asked {
  char const* place = inference_place;
  std::string method = "GET";
  std::string target;
  std::string body;
  std::string_view type = "application/json";
  std::optional<revision> if_match;
  std::string idempotency_key;                    // empty: none
  std::string seconds_of_patience;                // as official clients say it; empty: nothing is said
  std::function<void(std::string_view)> on_piece; // sees the body as it comes
};

struct outcome {
  bool sent = false; // false: it cannot have had an effect
  int status = 0;    // 0: no answer came
  bool whole = false;
  revision etag;
  std::string retry_after;
  std::string body;
};

// In the process whose turn it is. A minute of silence is the end.
task<outcome> call(asked what);

} // namespace paddler_sim
