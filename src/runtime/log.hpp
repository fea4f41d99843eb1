// Structured logging: one line an event, with a stable dotted name, words for people, and fields.
//
//   log_info("slot.loaded", "the model is ready", {{"agent", id.value}, {"slots", 4}});
//
// One JSON object a line, or logfmt where stderr is a terminal. Callable from any thread. A disabled level costs one
// relaxed load. Prompts and outputs never belong into fields.
#pragma once
#include "base/time.hpp"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paddler {

enum class log_level : int { trace, debug, info, warn, error, critical, off };

std::string_view to_string(log_level level);

enum class log_format {
  automatic, // logfmt on a terminal, JSON elsewhere
  json,
  logfmt,
};

// A value of a field: a view, valid during the call only.
class log_value {
public:
  log_value(std::string_view text) : value_(text) {}

  log_value(char const* text) : value_(std::string_view(text)) {}

  log_value(std::string const& text) : value_(std::string_view(text)) {}

  log_value(bool flag) : value_(flag) {}

  template <std::signed_integral N> log_value(N number) : value_(static_cast<std::int64_t>(number)) {}

  template <std::unsigned_integral N>
    requires(!std::same_as<N, bool>)
  log_value(N number) : value_(static_cast<std::uint64_t>(number)) {}

  log_value(double number) : value_(number) {}

  [[nodiscard]] auto const& get() const { return value_; }

private:
  std::variant<std::string_view, bool, std::int64_t, std::uint64_t, double> value_;
};

struct log_field {
  std::string_view key;
  log_value value;
};

using log_fields = std::initializer_list<log_field>;

struct log_options {
  log_level level = log_level::info;
  log_format format = log_format::automatic;
  std::string role = {}; // which process writes: "balancer", "agent a1"; left out where empty
  bool to_stderr = true; // the ring of recent lines is kept either way
};

// Takes effect at once for all threads.
void log_configure(log_options options);
void log_set_level(log_level level);
bool log_enabled(log_level level);

void log_event(log_level level, std::string_view event, std::string_view message, log_fields fields = {});

inline void log_debug(std::string_view event, std::string_view message, log_fields fields = {}) {
  if (log_enabled(log_level::debug)) log_event(log_level::debug, event, message, fields);
}

inline void log_info(std::string_view event, std::string_view message, log_fields fields = {}) {
  if (log_enabled(log_level::info)) log_event(log_level::info, event, message, fields);
}

inline void log_warn(std::string_view event, std::string_view message, log_fields fields = {}) {
  if (log_enabled(log_level::warn)) log_event(log_level::warn, event, message, fields);
}

inline void log_error(std::string_view event, std::string_view message, log_fields fields = {}) {
  if (log_enabled(log_level::error)) log_event(log_level::error, event, message, fields);
}

// The last lines written, oldest first; at most log_ring_limit.
inline constexpr std::size_t log_ring_limit = 4096;
std::vector<std::string> log_recent();

// How many events of `level` and above were written since the start of the process: a test can fail on errors.
std::uint64_t log_count_from(log_level level);

// Lets an event that may come in floods through once a period, and counts what it held back. One loop's own.
class log_limiter {
public:
  explicit log_limiter(duration period) : period_(period) {}

  // Whether to log now; `suppressed()` then tells how many were held back since the last time.
  bool allow(mono_time now);

  [[nodiscard]] std::uint64_t suppressed() const { return reported_; }

private:
  duration period_;
  mono_time next_{};
  bool first_ = true;
  std::uint64_t held_back_ = 0;
  std::uint64_t reported_ = 0;
};

} // namespace paddler
