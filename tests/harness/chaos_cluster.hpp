// A local cluster whose clients and agents reach the balancer through relays under the test's control. What api() asks
// goes past them.
#pragma once
#include "harness/chaos_proxy.hpp"
#include "harness/local_cluster.hpp"

#include <functional>
#include <string>

namespace paddler_test {

class chaos_cluster : public local_cluster {
public:
  explicit chaos_cluster(asio::any_io_executor executor);

  chaos_proxy clients; // before the inference API
  chaos_proxy agents;  // before links and slot connections of agents

  task<> start(std::string desired = {});

  // It dials the relay, at once when a connection is lost.
  void add_agent(std::string id, std::function<void(agent_config&)> const& change = {});

  // Where clients dial.
  [[nodiscard]] std::string const& inference() const { return clients.address(); }

  task<> stop();
};

} // namespace paddler_test
