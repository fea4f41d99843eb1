#include "harness/paddler_process.hpp"

#include "base/result.hpp"
#include "harness/process_facts.hpp"
#include "harness/system_test.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace paddler_test {
namespace {

namespace json = boost::json;

// Sanitizers and the search for programs stay as they are; everything else of the environment is the test's own.
std::vector<std::string> environment_of(process_launch const& launch) {
  auto out = launch.variables;
  auto const add = [&out, &launch](std::string const& name, std::string const& value) {
    auto const names_it = [&name](std::string const& each) { return each.starts_with(name + "="); };
    if (std::ranges::none_of(launch.variables, names_it)) out.push_back(name + "=" + value);
  };
  for (char const* name : {"HOME", "TMPDIR", "XDG_RUNTIME_DIR"}) add(name, launch.home);
  for (char const* name : {"PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH"})
    if (char const* value = std::getenv(name); value != nullptr) add(name, value);
  return out;
}

child_command command_of(process_launch launch) {
  child_command out;
  out.environment = environment_of(launch);
  out.program = PADDLER_BINARY;
  out.arguments = {"paddler"};
  if (launch.redirected) {
    auto const& to = *launch.redirected;
    constexpr auto script = R"(cd "$1" || exit; input=$2 errors=$3; shift 3; exec "$@" <"$input" 2>"$errors")";
    out.program = "/bin/sh";
    out.arguments = {"sh", "-c", script, "sh", to.folder, to.input, to.errors, PADDLER_BINARY};
  }
  out.arguments.insert(out.arguments.end(), launch.arguments.begin(), launch.arguments.end());
  return out;
}

} // namespace

paddler_process::paddler_process(asio::any_io_executor const& executor, process_launch launch)
    : ended_(executor), tasks_(executor, "process of the test") {
  auto const command = command_of(std::move(launch));
  auto child = child_process::spawn(executor, command, [this](std::string_view line) {
    output_ += line;
    output_ += '\n';
  });
  require(child.has_value(), child ? "" : describe(child.error()));
  child_ = std::move(*child);
  tasks_.spawn("output", child_->read_output());
  tasks_.spawn("watch", watch());
}

task<> paddler_process::watch() {
  exit_ = co_await child_->wait();
  ended_.notify_all();
}

std::string paddler_process::logged(std::string_view event, std::string_view field) const {
  std::string_view rest = output_;
  while (!rest.empty()) {
    auto const line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    boost::system::error_code ec;
    auto const value = json::parse({line.data(), line.size()}, ec);
    if (ec || !value.is_object()) continue;
    auto const& object = value.as_object();
    auto const* name = object.if_contains("event");
    auto const* found = object.if_contains({field.data(), field.size()});
    if (name != nullptr && found != nullptr && name->is_string() && found->is_string() && name->as_string() == event)
      return std::string(found->as_string());
  }
  return {};
}

void paddler_process::signal(int number) const {
  if (!has_ended()) send_signal(pid(), number);
}

task<process_exit> paddler_process::wait_end(duration limit) {
  bool const ended = co_await eventually(limit, [this] { return has_ended(); });
  require(ended, "process " + std::to_string(pid()) + " did not end in time");
  co_await tasks_.join();
  co_return *exit_;
}

task<> paddler_process::kill() {
  if (!has_ended()) child_->kill();
  while (!has_ended()) co_await ended_.wait_uncancellable();
  co_await tasks_.join();
}

} // namespace paddler_test
