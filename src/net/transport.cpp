#include "net/transport.hpp"

#include "runtime/wakeup.hpp"

namespace paddler {

task<> transport::wait_peer_closed() {
  bool gone = false;
  wakeup changed(executor());
  peer_watch const watch(*this, [&] {
    gone = true;
    changed.notify_all();
  });
  while (!gone && co_await changed.wait()) {
  }
}

} // namespace paddler
