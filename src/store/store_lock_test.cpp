#include "store/store_lock.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace paddler {
namespace {

TEST(StoreLock, IsHeldByOneUntilItGoes) {
  temporary_folder const folder;
  auto const path = folder.file("lock");
  {
    auto const first = store_lock::blocking_acquire(path);
    ASSERT_TRUE(first);
    auto const second = store_lock::blocking_acquire(path);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error_code::conflict);
    EXPECT_NE(second.error().message.find("in use by process " + std::to_string(::getpid())), std::string::npos);
  }
  EXPECT_TRUE(store_lock::blocking_acquire(path));
}

TEST(StoreLock, KeepsAnotherProcessAway) {
  temporary_folder const folder;
  auto const path = folder.file("lock");
  auto const lock = store_lock::blocking_acquire(path);
  ASSERT_TRUE(lock);
  auto const child = ::fork();
  if (child == 0) {
    auto const second = store_lock::blocking_acquire(path);
    ::_exit(!second && second.error().code == error_code::conflict ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(StoreLock, SaysWhyItCannotBeTaken) {
  auto const lock = store_lock::blocking_acquire("/nonexistent/folder/lock");
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, error_code::storage);
  EXPECT_NE(lock.error().message.find("/nonexistent/folder/lock"), std::string::npos);
}

} // namespace
} // namespace paddler
