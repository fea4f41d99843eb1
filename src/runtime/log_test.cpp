#include "runtime/log.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace paddler {
namespace {

using namespace std::chrono_literals;

struct quiet_log : testing::Test {
  ~quiet_log() override { log_configure({}); }
};

using log = quiet_log;

TEST_F(log, json_lines_carry_fields_by_type) {
  log_configure({.level = log_level::info, .format = log_format::json, .role = "test", .to_stderr = false});
  std::string const name = "a\"1\n";
  log_info("slot.loaded", "ready", {{"agent", name}, {"slots", 4}, {"ok", true}, {"share", 0.5}, {"left", 7U}});
  auto const line = log_recent().back();
  EXPECT_TRUE(line.starts_with("{\"ts\":\"")) << line;
  EXPECT_TRUE(line.ends_with(R"("level":"info","role":"test","event":"slot.loaded","msg":"ready","agent":"a\"1\n",)"
                             R"("slots":4,"ok":true,"share":0.5,"left":7})"))
      << line;
}

TEST_F(log, logfmt_quotes_only_what_needs_it) {
  log_configure({.level = log_level::info, .format = log_format::logfmt, .to_stderr = false});
  log_warn("agent.lost", "no heartbeat for 3 s", {{"agent", "a1"}, {"reason", ""}});
  auto const line = log_recent().back();
  EXPECT_TRUE(line.ends_with(R"(level=warn event=agent.lost msg="no heartbeat for 3 s" agent=a1 reason="")")) << line;
}

TEST_F(log, levels_filter_and_are_counted) {
  log_configure({.level = log_level::warn, .to_stderr = false});
  auto const infos = log_count_from(log_level::trace);
  log_info("a.b", "not written");
  EXPECT_EQ(log_count_from(log_level::trace), infos);
  log_error("a.b", "written");
  EXPECT_EQ(log_count_from(log_level::trace), infos + 1);
}

TEST_F(log, the_ring_keeps_the_newest) {
  log_configure({.level = log_level::info, .to_stderr = false});
  for (std::size_t i = 0; i < log_ring_limit + 10; ++i) log_info("a.b", "line", {{"i", i}});
  auto const lines = log_recent();
  EXPECT_EQ(lines.size(), log_ring_limit);
  EXPECT_NE(lines.back().find(std::to_string(log_ring_limit + 9)), std::string::npos);
}

TEST_F(log, the_limiter_lets_one_through_a_period) {
  log_limiter limiter(1s);
  EXPECT_TRUE(limiter.allow(mono_time{5s}));
  EXPECT_FALSE(limiter.allow(mono_time{5s + 1ms}));
  EXPECT_FALSE(limiter.allow(mono_time{5s + 2ms}));
  EXPECT_TRUE(limiter.allow(mono_time{6s}));
  EXPECT_EQ(limiter.suppressed(), 2U);
}

} // namespace
} // namespace paddler
