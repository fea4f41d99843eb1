#include "runtime/clock.hpp"

#include "base/random.hpp"
#include "runtime/check.hpp"
#include "runtime/stand_in.hpp"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdio>

namespace paddler {
namespace {

using std::chrono::floor;

struct broken_down {
  std::chrono::year_month_day date;
  std::chrono::weekday day;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> clock;
};

broken_down break_down(wall_time time) {
  auto const days = floor<std::chrono::days>(time.time_since_epoch());
  auto const within = floor<std::chrono::milliseconds>(time.time_since_epoch() - days);
  std::chrono::sys_days const date{days};
  return {date, std::chrono::weekday{date}, std::chrono::hh_mm_ss{within}};
}

} // namespace

mono_time mono_now() {
  if (auto* const simulated = stand_in_world()) return simulated->mono_now();
  return mono_time{std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

wall_time wall_now() {
  if (auto* const simulated = stand_in_world()) return simulated->wall_now();
  return wall_time{std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch())};
}

std::string to_rfc3339(wall_time time) {
  auto const t = break_down(time);
  std::array<char, 48> text{};
  int const n =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(t.date.year()),
                    static_cast<unsigned>(t.date.month()), static_cast<unsigned>(t.date.day()),
                    static_cast<int>(t.clock.hours().count()), static_cast<int>(t.clock.minutes().count()),
                    static_cast<int>(t.clock.seconds().count()), static_cast<int>(t.clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(n)};
}

std::string to_http_date(wall_time time) {
  static constexpr std::array<char const*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<char const*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  auto const t = break_down(time);
  std::array<char, 48> text{};
  int const n = std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT", days[t.day.c_encoding()],
                              static_cast<unsigned>(t.date.day()), months[static_cast<unsigned>(t.date.month()) - 1],
                              static_cast<int>(t.date.year()), static_cast<int>(t.clock.hours().count()),
                              static_cast<int>(t.clock.minutes().count()), static_cast<int>(t.clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(n)};
}

std::uint64_t unix_milliseconds(wall_time time) {
  return static_cast<std::uint64_t>(floor<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

std::uint64_t random_seed() {
  if (auto* const simulated = stand_in_world()) return simulated->random();
  std::uint64_t seed = 0;
  ensure(::getrandom(&seed, sizeof seed, 0) == sizeof seed, "the operating system gave no random bytes");
  return seed;
}

std::uint64_t random_number() {
  if (auto* const simulated = stand_in_world()) return simulated->random();
  thread_local random_source random(random_seed());
  return random.next();
}

} // namespace paddler
