// The links of agents: WebSockets on the management port, and the messages on them.
#pragma once
#include "balancer/core_service.hpp"
#include "net/http_server.hpp"
#include "net/websocket.hpp"
#include "runtime/wakeup.hpp"
#include "wire/link_compressor.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

// Called on the loop's thread, for those who ask agents something.
struct link_listeners {
  std::function<void(link_id, link_answer const&)> answered;
  std::function<void(link_id)> ended;
};

// Lives on one executor.
class link_registry {
public:
  explicit link_registry(core_service& core) : core_(core) {}

  link_listeners listeners;

  // Serves `GET /management/v1/agents/{agent}/link` until the link ends.
  task<> serve(http_exchange& exchange, agent_id agent);

  void send(link_id link, balancer_message const& message);
  void close(link_id link, std::string const& reason);
  void close_all(std::string const& reason);

  [[nodiscard]] std::size_t size() const { return links_.size(); }

  [[nodiscard]] bool is_open(link_id link) const { return links_.contains(link); }

  // What travelled over it; nothing where it is not open.
  [[nodiscard]] std::optional<link_view> traffic(link_id link) const;

private:
  struct open_link {
    open_link(websocket& its_socket, asio::any_io_executor const& executor) : socket(&its_socket), closing(executor) {}

    websocket* socket;
    balancer_link_end end;
    wakeup closing;
    std::optional<std::string> close_reason; // set: to be closed
  };

  task<> read(link_id link, std::shared_ptr<open_link> opened, agent_id agent);
  static task<> wait_for_close(std::shared_ptr<open_link> link);
  void take(link_id link, agent_id const& agent, agent_message message);

  core_service& core_;
  std::uint64_t links_opened_ = 0;
  std::map<link_id, std::shared_ptr<open_link>> links_;
};

} // namespace paddler
