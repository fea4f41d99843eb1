#include "harness/chaos_cluster.hpp"

namespace paddler_test {
namespace {

constexpr auto soon = std::chrono::milliseconds(1);

} // namespace

chaos_cluster::chaos_cluster(asio::any_io_executor executor)
    : local_cluster(executor), clients(executor), agents(executor) {}

task<> chaos_cluster::start(std::string desired) {
  co_await local_cluster::start(std::move(desired));
  clients.start(api().inference());
  agents.start(api().management());
}

void chaos_cluster::add_agent(std::string id, std::function<void(agent_config&)> const& change) {
  local_cluster::add_agent(std::move(id), [&](agent_config& told) {
    told.balancers = {agents.address()};
    told.link.backoff_first = told.slots.backoff_first = soon;
    told.link.backoff_limit = told.slots.backoff_limit = soon * 20;
    if (change) change(told);
  });
}

task<> chaos_cluster::stop() {
  co_await clients.stop();
  co_await agents.stop();
  co_await local_cluster::stop();
}

} // namespace paddler_test
