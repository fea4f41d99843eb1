// What surrounds a command: environment variables, as values, so that tests can give others.
#pragma once
#include <map>
#include <optional>
#include <string>

namespace paddler {

class environment {
public:
  environment() = default;

  explicit environment(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {}

  // From main's third argument: "NAME=VALUE" texts, ended by a null pointer.
  explicit environment(char const* const* variables);

  // Nothing where the variable is unset or empty.
  [[nodiscard]] std::optional<std::string> get(std::string const& name) const;

private:
  std::map<std::string, std::string> variables_;
};

// Where state is kept when nothing else is said: PADDLER_STATE_DIR, systemd's STATE_DIRECTORY, $XDG_STATE_HOME/paddler,
// ~/.local/state/paddler (XDG Base Directory Specification 0.8). Empty if there is not even a HOME.
std::string default_state_directory(environment const& surroundings);

} // namespace paddler
