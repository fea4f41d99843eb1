#include "cli/environment.hpp"

#include <string_view>

namespace paddler {

environment::environment(char const* const* variables) {
  for (; *variables != nullptr; ++variables) {
    std::string_view const text = *variables;
    auto const equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables_.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
}

std::optional<std::string> environment::get(std::string const& name) const {
  auto const at = variables_.find(name);
  if (at == variables_.end() || at->second.empty()) return std::nullopt;
  return at->second;
}

std::string default_state_directory(environment const& surroundings) {
  if (auto const ours = surroundings.get("PADDLER_STATE_DIR")) return *ours;
  if (auto const systemd = surroundings.get("STATE_DIRECTORY")) return systemd->substr(0, systemd->find(':'));
  // The specification ignores relative paths in its variables.
  if (auto const xdg = surroundings.get("XDG_STATE_HOME"); xdg && xdg->starts_with('/')) return *xdg + "/paddler";
  if (auto const home = surroundings.get("HOME")) return *home + "/.local/state/paddler";
  return {};
}

} // namespace paddler
