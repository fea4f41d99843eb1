// The balancer: front door for inference, management API, agents' links and slot connections, and the state behind
// them.
#pragma once
#include "balancer/memory_watch.hpp"
#include "core/balancer_core.hpp"
#include "core/session/resource_questions.hpp"
#include "ports/state_store.hpp"
#include "runtime/task.hpp"
#include "runtime/watched_file.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

// Declared once, with defaults; the command line fills it in.
struct balancer_config {
  std::string inference_address = "127.0.0.1:8061"; // HOST:PORT; port 0 takes a free one
  std::string management_address = "127.0.0.1:8060";
  std::vector<std::string> host_names; // by which clients and agents may call it, beside its addresses
  std::string state_directory;         // holds the database; empty: state is kept in memory only
  std::function<std::unique_ptr<state_store>()> make_store; // empty: SQLite in that folder
  std::vector<std::string> desired_files;                   // YAML or JSON, and folders of them; watched
  std::function<std::unique_ptr<watched_file>(blocking_executor& pool)> open_desired_file; // empty: of this machine
  balancer_policy policy;
  admission_limits admission = {};
  std::size_t max_body_bytes = std::size_t{16} << 20; // of one inference request
  std::size_t max_document_bytes = std::size_t{4} << 20;
  duration comment_interval = std::chrono::seconds(10); // a waiting stream gets an SSE comment this often
  duration client_silence = std::chrono::seconds(30);   // that a client reads nothing of what is written to it
  duration engine_silence = std::chrono::minutes(10);   // between two pieces of an answer, or before its first
  memory_limits memory = {};
  duration stop_deadline = std::chrono::seconds(4); // for running requests when the balancer stops
};

// Life: construct, `start`, serve until `stop` has returned, destroy. Everything on the executor's one thread.
class balancer {
public:
  balancer(asio::any_io_executor executor, balancer_config config);
  ~balancer();
  balancer(balancer const&) = delete;
  balancer& operator=(balancer const&) = delete;

  // Opens the state database and the listeners. Nothing is served where this fails.
  task<result<void>> start();
  // Refuses new work, tells open streams, waits for them until the deadline, closes everything.
  task<> stop();

  // Where the listeners really are, once started: HOST:PORT.
  [[nodiscard]] std::string inference_address() const;
  [[nodiscard]] std::string management_address() const;

  // What it decided and knows, once started; for those who live in the same process.
  [[nodiscard]] balancer_core const& core() const;

  // Called once if the process must end by itself: the state database can no longer be written.
  std::function<void(error)> on_fatal;

private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

} // namespace paddler
