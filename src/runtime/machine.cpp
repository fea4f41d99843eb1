#include "runtime/machine.hpp"

#include "base/text.hpp"
#include "runtime/files.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

namespace paddler {
namespace {

constexpr std::size_t max_fact_bytes = 64 * 1024;

std::string hostname() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return std::max(1, CPU_COUNT(&cores));
}

// The value of the line `name: value`, without the spaces around it.
std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || line.substr(name.size()).find_first_not_of(" \t:") == std::string_view::npos)
      continue;
    auto value = line.substr(name.size());
    value.remove_prefix(value.find_first_not_of(" \t:"));
    return value.substr(0, value.find_last_not_of(" \t") + 1);
  }
  return {};
}

std::optional<std::uint64_t> leading_number(std::string_view text) { return take_number<std::uint64_t>(text); }

std::string blocking_text(std::string const& path) {
  return blocking_read_file(path, max_fact_bytes).value_or(std::string{});
}

std::uint64_t blocking_memory_bytes(std::string const& root) {
  auto const meminfo = blocking_text(root + "/proc/meminfo");
  auto const bytes = leading_number(value_of(meminfo, "MemTotal")).value_or(0) * 1024;
  auto const allowed = leading_number(blocking_text(root + "/sys/fs/cgroup/memory.max")); // "max" where unlimited
  return allowed && *allowed < bytes ? *allowed : bytes;
}

// NVIDIA's driver has one folder for each GPU, named after its place on the bus.
std::vector<std::string> blocking_gpus(std::string const& root) {
  std::vector<std::string> folders;
  std::error_code failure;
  std::filesystem::directory_iterator entries(root + "/proc/driver/nvidia/gpus", failure);
  for (; !failure && entries != std::filesystem::directory_iterator{}; entries.increment(failure))
    folders.push_back(entries->path().string());
  std::ranges::sort(folders);
  std::vector<std::string> names;
  for (auto const& folder : folders) {
    auto const information = blocking_text(folder + "/information");
    if (auto const model = value_of(information, "Model"); !model.empty()) names.emplace_back(model);
  }
  return names;
}

} // namespace

machine_facts blocking_machine_facts(std::string const& root) {
  return {.hostname = hostname(),
          .cpu_cores = usable_cores(),
          .memory_bytes = blocking_memory_bytes(root),
          .gpus = blocking_gpus(root)};
}

std::uint64_t blocking_own_memory_bytes(std::string const& root) {
  auto const status = blocking_text(root + "/proc/self/status");
  auto const kibibytes = [&](std::string_view name) { return leading_number(value_of(status, name)).value_or(0); };
  return (kibibytes("RssAnon") + kibibytes("RssShmem")) * 1024;
}

} // namespace paddler
