#include "runtime/log.hpp"

#include "base/bounded.hpp"
#include "runtime/clock.hpp"
#include "runtime/stand_in.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <memory>
#include <mutex>

namespace paddler {
namespace {

struct log_state {
  std::mutex mutex; // guards what follows it
  bounded_ring<std::string> recent{log_ring_limit};
  std::unique_ptr<spdlog::logger> sink;
  std::string role;
  bool json = true;
  std::array<std::atomic<std::uint64_t>, 7> counts{};
};

std::atomic<int> current_level{static_cast<int>(log_level::info)};

std::unique_ptr<spdlog::logger> stderr_sink() {
  auto logger = std::make_unique<spdlog::logger>("paddler", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  return logger;
}

bool wants_json(log_format format) {
  if (format == log_format::automatic) return ::isatty(STDERR_FILENO) == 0;
  return format == log_format::json;
}

// Never destroyed: threads may log until the very end of the process.
log_state& state() {
  static auto* const the_state = [] {
    auto* made = new log_state;
    made->sink = stderr_sink();
    made->json = wants_json(log_format::automatic);
    return made;
  }();
  return *the_state;
}

void append_escaped(std::string& out, std::string_view text) {
  static constexpr std::string_view hex = "0123456789abcdef";
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of(" =\"\\\t\r\n") != std::string_view::npos;
}

template <class N> void append_number(std::string& out, N number) {
  std::array<char, 32> digits{};
  auto const [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

struct value_writer {
  std::string& out;
  bool json;

  void operator()(std::string_view text) const {
    if (json || needs_quotes(text))
      append_quoted(out, text);
    else
      out += text;
  }

  void operator()(bool flag) const { out += flag ? "true" : "false"; }

  void operator()(std::int64_t number) const { append_number(out, number); }

  void operator()(std::uint64_t number) const { append_number(out, number); }

  void operator()(double number) const {
    if (json && !std::isfinite(number))
      out += "null";
    else
      append_number(out, number);
  }
};

void append_field(std::string& out, bool json, std::string_view key, log_value const& value) {
  if (json) {
    if (out.size() > 1) out += ',';
    append_quoted(out, key);
    out += ':';
  } else {
    if (!out.empty()) out += ' ';
    out += key;
    out += '=';
  }
  std::visit(value_writer{out, json}, value.get());
}

std::string format_line(log_state const& s, log_level level, std::string_view event, std::string_view message,
                        log_fields fields) {
  std::string line;
  line.reserve(192);
  if (s.json) line += '{';
  append_field(line, s.json, "ts", to_rfc3339(wall_now()));
  append_field(line, s.json, "level", to_string(level));
  if (!s.role.empty()) append_field(line, s.json, "role", s.role);
  append_field(line, s.json, "event", event);
  append_field(line, s.json, "msg", message);
  for (auto const& field : fields) append_field(line, s.json, field.key, field.value);
  if (s.json) line += '}';
  return line;
}

} // namespace

std::string_view to_string(log_level level) {
  static constexpr std::array<std::string_view, 7> names{"trace", "debug", "info", "warn", "error", "critical", "off"};
  return names[static_cast<std::size_t>(level)];
}

void log_configure(log_options options) {
  auto& s = state();
  std::scoped_lock const lock(s.mutex);
  s.role = std::move(options.role);
  s.json = wants_json(options.format);
  if (!options.to_stderr)
    s.sink.reset();
  else if (!s.sink)
    s.sink = stderr_sink();
  log_set_level(options.level);
}

void log_set_level(log_level level) { current_level.store(static_cast<int>(level), std::memory_order_relaxed); }

bool log_enabled(log_level level) { return static_cast<int>(level) >= current_level.load(std::memory_order_relaxed); }

void log_event(log_level level, std::string_view event, std::string_view message, log_fields fields) {
  if (!log_enabled(level)) return;
  if (auto* const simulated = stand_in_world()) return simulated->logged(to_string(level), event, message);
  auto& s = state();
  s.counts[static_cast<std::size_t>(level)].fetch_add(1, std::memory_order_relaxed);
  std::scoped_lock const lock(s.mutex);
  auto line = format_line(s, level, event, message, fields);
  if (s.sink) s.sink->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  s.recent.push(std::move(line));
}

std::vector<std::string> log_recent() {
  auto& s = state();
  std::scoped_lock const lock(s.mutex);
  return {s.recent.begin(), s.recent.end()};
}

std::uint64_t log_count_from(log_level level) {
  std::uint64_t sum = 0;
  auto const& counts = state().counts;
  for (auto i = static_cast<std::size_t>(level); i < counts.size(); ++i)
    sum += counts[i].load(std::memory_order_relaxed);
  return sum;
}

bool log_limiter::allow(mono_time now) {
  if (!first_ && now < next_) {
    ++held_back_;
    return false;
  }
  first_ = false;
  next_ = now + period_;
  reported_ = held_back_;
  held_back_ = 0;
  return true;
}

} // namespace paddler
