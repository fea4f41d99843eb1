#include "wire/rfc3339.hpp"

#include "base/text.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace paddler {
namespace {

using std::chrono::floor;

using std::chrono::seconds;

constexpr std::size_t max_fraction_digits = 9;

// A row of the tables has a dozen of them, and a balancer thousands of rows a second.
class time_printer {
public:
  // A whole number that is not negative, with zeros in front.
  void number(std::uint32_t value, std::size_t width) {
    for (auto at = end_ += width; width > 0; --width, value /= 10) text_[--at] = static_cast<char>('0' + value % 10);
  }

  void letter(char c) { text_[end_++] = c; }

  void fraction(std::uint32_t nanoseconds) {
    if (nanoseconds == 0) return;
    letter('.');
    number(nanoseconds, max_fraction_digits);
    while (text_[end_ - 1] == '0') --end_;
  }

  [[nodiscard]] std::string text() const { return {text_.data(), end_}; }

private:
  std::array<char, std::string_view("2026-01-31T12:00:00.123456789Z").size()> text_{};
  std::size_t end_ = 0;
};

// Takes the parts of a text one after the other; after the first that is wrong, `ok` stays false.
class part_reader {
public:
  explicit part_reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool ok() const { return ok_; }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  int digits(std::size_t count, int least, int most) {
    auto const part = rest_.substr(0, count);
    auto const value = parse_number<unsigned>(part); // has no sign
    ok_ = ok_ && value && part.size() == count && std::cmp_greater_equal(*value, least) &&
          std::cmp_less_equal(*value, most);
    rest_.remove_prefix(part.size());
    return static_cast<int>(value.value_or(0));
  }

  // One of `allowed`, which is then returned; zero otherwise.
  char one_of(std::string_view allowed) {
    bool const found = !rest_.empty() && allowed.find(rest_.front()) != std::string_view::npos;
    ok_ = ok_ && found;
    if (!found) return 0;
    char const taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }

  // The digits behind a point, in nanoseconds; zero where there is no point.
  std::int64_t fraction() {
    if (!rest_.starts_with('.')) return 0;
    rest_.remove_prefix(1);
    std::size_t const count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    ok_ = ok_ && count > 0 && count <= max_fraction_digits;
    if (!ok_) return 0;
    std::string padded(rest_.substr(0, count));
    padded.append(max_fraction_digits - count, '0');
    rest_.remove_prefix(count);
    return parse_number<std::int64_t>(padded).value_or(0);
  }

  seconds zone() {
    char const sign = one_of("Zz+-");
    if (sign != '+' && sign != '-') return seconds{0};
    int const hours = digits(2, 0, 23);
    one_of(":");
    seconds const offset = std::chrono::hours{hours} + std::chrono::minutes{digits(2, 0, 59)};
    return sign == '+' ? offset : -offset;
  }

private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<wall_time> in_range(seconds whole, std::int64_t nanoseconds) {
  constexpr std::int64_t billion = 1'000'000'000;
  constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max() / billion - 1;
  if (whole.count() > limit || whole.count() < -limit) return std::nullopt;
  return wall_time{wall::duration{whole.count() * billion + nanoseconds}};
}

} // namespace

std::string print_rfc3339(wall_time time) {
  auto const since_1970 = time.time_since_epoch();
  auto const whole = floor<seconds>(since_1970);
  auto const day = std::chrono::sys_days{floor<std::chrono::days>(whole)};
  std::chrono::year_month_day const date{day};
  std::chrono::hh_mm_ss const clock{whole - day.time_since_epoch()};
  time_printer out;
  out.number(static_cast<std::uint32_t>(static_cast<int>(date.year())), 4); // 1677 to 2262
  out.letter('-');
  out.number(static_cast<unsigned>(date.month()), 2);
  out.letter('-');
  out.number(static_cast<unsigned>(date.day()), 2);
  out.letter('T');
  out.number(static_cast<std::uint32_t>(clock.hours().count()), 2);
  out.letter(':');
  out.number(static_cast<std::uint32_t>(clock.minutes().count()), 2);
  out.letter(':');
  out.number(static_cast<std::uint32_t>(clock.seconds().count()), 2);
  out.fraction(static_cast<std::uint32_t>((since_1970 - whole).count()));
  out.letter('Z');
  return out.text();
}

std::optional<wall_time> parse_rfc3339(std::string_view text) {
  part_reader parts(text);
  std::chrono::year const year{parts.digits(4, 0, 9999)};
  parts.one_of("-");
  std::chrono::month const month{static_cast<unsigned>(parts.digits(2, 1, 12))};
  parts.one_of("-");
  std::chrono::day const day{static_cast<unsigned>(parts.digits(2, 1, 31))};
  parts.one_of("Tt ");
  seconds clock = std::chrono::hours{parts.digits(2, 0, 23)};
  parts.one_of(":");
  clock += std::chrono::minutes{parts.digits(2, 0, 59)};
  parts.one_of(":");
  clock += seconds{parts.digits(2, 0, 60)};
  std::int64_t const nanoseconds = parts.fraction();
  seconds const offset = parts.zone();
  std::chrono::year_month_day const date{year, month, day};
  if (!parts.ok() || !parts.at_end() || !date.ok()) return std::nullopt;
  return in_range(std::chrono::sys_days{date}.time_since_epoch() + clock - offset, nanoseconds);
}

} // namespace paddler
