#include "base/deadline_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace paddler {
namespace {

mono_time at(int seconds) { return mono_time(std::chrono::seconds(seconds)); }

using keys = std::vector<std::string>;

TEST(DeadlineQueue, GivesWhatIsDueInOrderOfTime) {
  deadline_queue<std::string> it;
  EXPECT_EQ(it.next(), std::nullopt);
  it.set("b", at(2));
  it.set("a", at(3));
  it.set("c", at(1));
  EXPECT_EQ(it.next(), at(1));
  EXPECT_EQ(it.take_due(at(0)), keys{});
  EXPECT_EQ(it.take_due(at(2)), (keys{"c", "b"}));
  EXPECT_EQ(it.next(), at(3));
  EXPECT_EQ(it.size(), 1U);
}

TEST(DeadlineQueue, AKeyHasOneDeadline) {
  deadline_queue<std::string> it;
  it.set("a", at(1));
  it.set("a", at(5));
  it.set("a", at(5));
  EXPECT_EQ(it.size(), 1U);
  EXPECT_EQ(it.take_due(at(4)), keys{});
  it.set("a", at(2));
  EXPECT_EQ(it.take_due(at(4)), keys{"a"});
  it.erase("a");
  it.set("a", at(9));
  it.erase("a");
  EXPECT_EQ(it.next(), std::nullopt);
}

} // namespace
} // namespace paddler
