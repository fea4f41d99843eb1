#include "core/session/check_schedule.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

using std::chrono::seconds;

mono_time at(int second) { return mono_time{} + seconds(second); }

std::string words(std::vector<agent_check> const& due) {
  std::string out;
  for (auto const each : due) out += each == agent_check::health ? 'h' : each == agent_check::model ? 'm' : 'r';
  return out;
}

TEST(CheckSchedule, EachEveryNinetySecondsAndThirtyApart) {
  struct row {
    int second;
    char const* due;
    int next;
  };

  check_schedule schedule({}, at(0));
  EXPECT_EQ(schedule.next(), at(30));
  for (auto const& [second, due, next] : {
           row{29, "", 30},
           row{30, "h", 60},
           row{30, "", 60},
           row{60, "m", 90},
           row{91, "r", 120},
           row{120, "h", 150},
           row{150, "m", 180},
           row{180, "r", 210},
           row{181, "", 210},
           row{1'000, "hmr", 1'020}, // asleep: each once, and the beat is kept
           row{1'020, "h", 1'050},
           row{1'050, "m", 1'080},
       }) {
    EXPECT_EQ(words(schedule.take_due(at(second))), due) << second;
    EXPECT_EQ(schedule.next(), at(next)) << second;
  }
}

TEST(CheckSchedule, PeriodsOfTheirOwn) {
  check_schedule schedule(
      {.health_every = seconds(1), .model_every = seconds(3), .machine_every = seconds(7), .apart = {}}, at(0));
  std::string all;
  for (int second = 0; second < 8; ++second) all += words(schedule.take_due(at(second))) + " ";
  EXPECT_EQ(all, "hmr h h hm h h hm hr ");
}

// A period of nothing would never end.
TEST(CheckSchedule, APeriodOfNothingStillPasses) {
  check_schedule schedule({.health_every = {}, .model_every = {}, .machine_every = {}, .apart = {}}, at(0));
  EXPECT_EQ(words(schedule.take_due(at(5))), "hmr");
  EXPECT_GT(schedule.next(), at(5));
}

} // namespace
} // namespace paddler
