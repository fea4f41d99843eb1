#include "cli/instants.hpp"
#include "wire/rfc3339.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::HasSubstr;

wall_time const now = parse_rfc3339("2026-03-01T12:00:00Z").value();

TEST(ParseInstant, TakesLayersRevisionsAndTimes) {
  EXPECT_EQ(parse_instant("41", now), "desired@41");
  EXPECT_EQ(parse_instant("41", now, state_layer::applicable), "applicable@41");
  EXPECT_EQ(parse_instant("desired", now), "desired");
  EXPECT_EQ(parse_instant("current", now), "current");
  EXPECT_EQ(parse_instant("api@3", now), "api@3");
  EXPECT_EQ(parse_instant("10m", now), "desired@2026-03-01T11:50:00Z");
  EXPECT_EQ(parse_instant("file@1h30m", now), "file@2026-03-01T10:30:00Z");
  EXPECT_EQ(parse_instant("2026-01-31T12:00:00Z", now), "desired@2026-01-31T12:00:00Z");
  EXPECT_EQ(parse_instant("applicable@2026-01-31T12:00:00+02:00", now), "applicable@2026-01-31T12:00:00+02:00");
}

TEST(ParseInstant, SaysWhatIsWrong) {
  EXPECT_THAT(parse_instant("desierd", now).error().hint, HasSubstr("\"desired\""));
  EXPECT_THAT(parse_instant("desired@", now).error().message, HasSubstr("\"\" is no revision"));
  EXPECT_THAT(parse_instant("desired@yesterday", now).error().hint, HasSubstr("10m"));
  EXPECT_THAT(parse_instant("4x", now).error().message, HasSubstr("\"4x\""));
  EXPECT_THAT(parse_instant("current@4", now).error().message, HasSubstr("no past"));
  EXPECT_FALSE(parse_instant("", now));
}

} // namespace
} // namespace paddler
