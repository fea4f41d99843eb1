// One engine, kept as wanted: the shell around engine_machine. It starts the child process, probes it over its Unix
// socket, keeps its last words, and starts it again when it dies or hangs.
//
//   engine_service engine(loop.executor(), pool, settings, [&](engine_condition const& now) { ... });
//   engine.want(spec, drain);                     // at any time, as often as wanted: equal specifications do nothing
//   ... engine.condition().status == engine_status::ready: dial engine.socket_path(), one connection a request ...
//   co_await engine.stop(drain);
//
// The same for the built-in llama.cpp, another llama-server and the simulated engine. A bad model or a bad request ends
// the child and nothing else.
#pragma once
#include "base/random.hpp"
#include "base/result.hpp"
#include "core/engine/engine_command.hpp"
#include "core/engine/engine_machine.hpp"
#include "core/engine/gguf.hpp"
#include "engine/engine_host.hpp"
#include "engine/engine_probe.hpp"
#include "runtime/blocking.hpp"
#include "runtime/task.hpp"
#include "runtime/task_group.hpp"
#include "runtime/wakeup.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

struct engine_settings {
  engine_program program = {};

  // Absolute; made if missing, for this user only. Sockets and templates lie in it, so its path has at most
  // max_runtime_directory_bytes, and no commas, quotes and spaces.
  std::string runtime_directory = {};

  // Tells its files from those of another service in the same folder.
  std::string name = {};

  // Asked before each start of a child, on the pool; its error puts the start off. Empty: nothing is asked.
  std::function<result<void>()> blocking_admit = {};

  // Looks at the model file before a child is started on it; blocking_inspect_model() of hub/local_models.hpp. Empty:
  // the engine finds out itself. Not used with the simulated engine.
  std::function<result<gguf_info>(std::string const& path)> blocking_inspect = {};

  engine_policy policy = {};
  child_limits limits = {};
  std::shared_ptr<engine_host> host = {}; // empty: this machine
};

// What is left of a socket's path for "/engine-NAME-SERIAL.sock".
inline constexpr std::size_t max_runtime_directory_bytes = max_socket_path_bytes - 32;

// Lives on one executor, whose thread must live as long as the process (child_process says why); all functions are
// called from it. Destroy it after stop() returned; `pool` outlives it.
class engine_service {
public:
  // Told after each change, from the loop. It may call any function here.
  using listener = std::function<void(engine_condition const&)>;

  engine_service(asio::any_io_executor executor, blocking_executor& pool, engine_settings settings, listener on_change);
  ~engine_service();
  engine_service(engine_service const&) = delete;
  engine_service& operator=(engine_service const&) = delete;

  // Run this. Whether it is an embedding model is also read off the file. Where something else runs, its requests may
  // go on for up to `drain` first: hand it no new ones once the status is no longer ready.
  void want(engine_spec spec, duration drain);
  void want_nothing(duration drain);

  // Asks for a sign of life now and not only at its time.
  void probe_now() { feed(engine_probe_wanted{}); }

  // Wants nothing, for ever, and returns when the child and all tasks ended. Not cancellable; may be called again with
  // less patience while it runs.
  task<> stop(duration drain);

  [[nodiscard]] engine_condition const& condition() const { return machine_.condition(); }

  // Of the newest child; the next one has another.
  [[nodiscard]] std::string const& socket_path() const { return socket_path_; }

  // 0 where no child runs.
  [[nodiscard]] std::int64_t pid() const { return child_ ? child_->pid() : 0; }

  // What runs, as it was started: with `embedding` and `pooling` as the file asks for.
  [[nodiscard]] engine_spec const& running() const { return running_; }

  // Of a child that was ready: which streams it can continue, and which program it is, as its answers say.
  [[nodiscard]] resumable_apis resumes() const { return resumes_; }

  [[nodiscard]] std::string const& build() const { return build_; }

  // What the file says; nothing where it was not looked at.
  [[nodiscard]] std::optional<gguf_info> const& model() const { return model_; }

private:
  void feed(engine_event event);
  void carry_out(spawn_engine const& effect);
  void carry_out(probe_engine const& effect);
  void carry_out(terminate_engine const& effect);
  void carry_out(kill_engine const& effect);
  void carry_out(arm_engine_timer const& effect);
  void carry_out(engine_condition const& effect);

  task<> start_child(child_serial serial, engine_spec spec);
  task<> watch_child(child_serial serial, std::shared_ptr<engine_child> child);
  task<> probe_child(probe_engine probe);
  task<probe_answer> ask_child(probe_engine probe);
  task<> run_timer();
  task<> wait_for_new_timer();

  asio::any_io_executor executor_;
  blocking_executor& pool_;
  engine_settings settings_;
  listener on_change_;
  engine_machine machine_;
  random_source random_;
  std::deque<engine_event> events_; // those that came while one was worked on
  bool feeding_ = false;

  std::shared_ptr<engine_child> child_;
  child_serial serial_ = 0;  // of the newest child, or of the one that is being prepared
  bool ended_early_ = false; // it is to end, but is not started yet
  engine_spec running_;
  std::optional<gguf_info> model_;
  std::string socket_path_;
  resumable_apis resumes_;
  std::string build_;

  std::optional<mono_time> timer_at_;
  wakeup timer_changed_;
  wakeup changed_;
  bool stopping_ = false;
  task_group group_;
};

} // namespace paddler
