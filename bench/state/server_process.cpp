#include "bench/state/server_process.hpp"

#include "runtime/process.hpp"
#include "runtime/race.hpp"
#include "wire/json_codec.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace paddler {
namespace {

constexpr auto start_limit = std::chrono::seconds(120); // a log of many records is folded before it listens

std::uint64_t kibibytes_of(std::string const& status, std::string_view name) {
  auto const at = status.find(name);
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + name.size(), nullptr, 10);
}

std::string text_of(std::filesystem::path const& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

child_command command_of(std::string program, std::vector<std::string> arguments) {
  child_command out;
  out.program = std::move(program);
  out.arguments = {"paddler"};
  out.arguments.insert(out.arguments.end(), arguments.begin(), arguments.end());
  out.limits.open_files = raise_open_file_limit();
  for (char const* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"})
    if (char const* value = std::getenv(name); value != nullptr)
      out.environment.push_back(std::string(name) + "=" + value);
  return out;
}

} // namespace

// The scheduler counts nanoseconds, for each thread; /proc/PID/stat only ticks of 10 ms.
process_usage usage_of(std::int64_t pid) {
  auto const folder = std::filesystem::path("/proc") / std::to_string(pid);
  process_usage out;
  std::error_code ec;
  for (std::filesystem::directory_iterator task(folder / "task", ec), end; !ec && task != end; task.increment(ec))
    out.cpu += duration(std::strtoll(text_of(task->path() / "schedstat").c_str(), nullptr, 10));
  auto const status = text_of(folder / "status");
  out.resident_bytes = kibibytes_of(status, "VmRSS:") * 1024;
  out.peak_bytes = kibibytes_of(status, "VmHWM:") * 1024;
  return out;
}

task<host_and_port> server_process::start(std::string program, std::vector<std::string> arguments) {
  address_.clear();
  auto child = child_process::spawn(executor_, command_of(program, std::move(arguments)),
                                    [this](std::string_view line) { take(line); });
  if (!child) throw std::runtime_error(describe(child.error()));
  child_ = std::move(*child);
  ended_ = false;
  tasks_.spawn("output", child_->read_output());
  tasks_.spawn("end", watch(child_));
  while (address_.empty() && !ended_) {
    auto const woken = co_await with_deadline(start_limit, said_.wait());
    if (!woken || !*woken) break;
  }
  auto address = parse_host_and_port(address_, 0);
  if (!address) throw std::runtime_error(program + " did not say where it listens; run it by hand to see why");
  co_return *std::move(address);
}

// Of its log only the warnings are shown.
void server_process::take(std::string_view line) {
  auto const entry = parse_json(line);
  auto const* const event = entry ? entry->find("event") : nullptr;
  auto const* const level = entry ? entry->find("level") : nullptr;
  if (event == nullptr || level == nullptr) return;
  if (level->text != "info") std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  auto const* const address = entry->find("management");
  if (event->text != "balancer.listening" || address == nullptr) return;
  address_ = address->text;
  said_.notify_all();
}

task<> server_process::watch(std::shared_ptr<child_process> child) {
  co_await child->wait();
  ended_ = true;
  said_.notify_all();
}

task<> server_process::kill() {
  if (child_) child_->kill();
  while (!ended_) co_await said_.wait_uncancellable();
  co_await tasks_.join();
  child_.reset();
}

} // namespace paddler
