// The links of agents: WebSockets on the management port, and the messages on them.
#pragma once
#include "balancer/core_service.hpp"
#include "net/http_server.hpp"
#include "net/websocket.hpp"
#include "runtime/wakeup.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

// Lives on one executor.
class link_registry {
public:
  explicit link_registry(core_service& core) : core_(core) {}

  // Serves `GET /management/v1/agents/{agent}/link` until the link ends.
  task<> serve(http_exchange& exchange, agent_id agent);

  void send(link_id link, balancer_message const& message);
  void close(link_id link, std::string const& reason);
  void close_all(std::string const& reason);

  [[nodiscard]] std::size_t size() const { return links_.size(); }

private:
  struct open_link {
    open_link(websocket& its_socket, asio::any_io_executor const& executor) : socket(&its_socket), closing(executor) {}

    websocket* socket;
    wakeup closing;
    std::optional<std::string> close_reason; // set: to be closed
  };

  task<> read(link_id link, websocket& socket, agent_id agent);
  std::string encoded(balancer_message const& message);
  static task<> wait_for_close(std::shared_ptr<open_link> link);
  void take(link_id link, agent_id const& agent, agent_message message);

  core_service& core_;
  std::uint64_t links_opened_ = 0;
  std::map<link_id, std::shared_ptr<open_link>> links_;
  std::optional<link_apply> applied_; // the newest state that was sent, to whomever
  std::string applied_text_;          // the same as it travels
};

} // namespace paddler
