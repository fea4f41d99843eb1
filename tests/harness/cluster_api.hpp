// What operators and tests do with a running cluster, over its management API; and the documents that they write.
#pragma once
#include "harness/chat.hpp"
#include "harness/connection.hpp"
#include "harness/system_test.hpp"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace paddler_test {

// One agents[] entry that wants a model served.
struct wanted_agent {
  std::string id = "a1";
  int slots = 4;
  std::string model = "sim";
  std::string path = "/models/sim.gguf"; // the simulated engine never opens it
};

struct wanted_model {
  std::string id = "sim";
  std::string more; // YAML lines, indented by four spaces
};

std::string desired_yaml(std::vector<wanted_agent> const& agents, std::vector<wanted_model> const& models = {{}});

// Agents a1, a2, ... with so many slots each, all of the model "sim".
std::string want_agents(int count, int slots);

// A row of GET /management/v1/agents.
struct agent_row {
  bool connected = false;
  std::string status;
  std::string reason;
  int slots = 0;
  int slots_busy = 0;
  std::int64_t engine_pid = 0;
  std::uint64_t engine_restarts = 0;
};

// Desired state as GET gives it.
struct desired_answer {
  std::string document;
  std::string etag;
  friend bool operator==(desired_answer const&, desired_answer const&) = default;
};

// Values only; copy it freely. The waits poll within their limit and then throw test_failure with what they saw last.
class cluster_api {
public:
  cluster_api() = default;

  cluster_api(std::string inference, std::string management)
      : inference_(std::move(inference)), management_(std::move(management)) {}

  [[nodiscard]] std::string const& inference() const { return inference_; }

  [[nodiscard]] std::string const& management() const { return management_; }

  task<boost::json::value> get_json(std::string target) const;

  // The rows of agents, models, slots or requests.
  task<boost::json::array> list(std::string kind) const;
  task<std::optional<agent_row>> agent(std::string id) const;
  task<desired_answer> desired() const;
  task<http_answer> put_desired(std::string yaml, std::string if_match = {}) const;

  // Puts it and requires that it is accepted.
  task<> apply(std::string yaml) const;

  // Until so many slots are there, idle or busy.
  task<> until_slots(int count, duration limit = patience) const;
  task<> until_agent(std::string id, std::string what, std::function<bool(agent_row const&)> is_so,
                     duration limit = patience) const;

  // Until the list of this kind is as wanted.
  task<> until(std::string kind, std::string what, std::function<bool(boost::json::array const&)> is_so,
               duration limit = patience) const;

  // Until so many requests are in this state (queued, routed, processing, streaming, completed, failed).
  task<> until_requests(std::string status, std::size_t count, duration limit = patience) const;

  // Until no request is alive and every one of `slots` is idle.
  task<> until_idle(std::size_t slots, duration limit = patience) const;

  // Asks for a chain and expects it, whole.
  task<> expect_serving(std::string question = "still there?", std::string model = "sim") const;

private:
  std::string inference_;
  std::string management_;
};

std::string text_of(boost::json::object const& row, std::string_view key);

} // namespace paddler_test
