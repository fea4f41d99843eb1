#include "runtime/files.hpp"
#include "runtime/machine.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace paddler {
namespace {

class MachineTest : public ::testing::Test {
protected:
  void SetUp() override { std::filesystem::create_directories(root); }

  void TearDown() override { std::filesystem::remove_all(root); }

  void write(std::string const& path, std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    ASSERT_TRUE(blocking_write_file_atomically(root + path, text));
  }

  std::string root = ::testing::TempDir() + "paddler_machine_" + std::to_string(::getpid()) + "_" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(MachineTest, ReadsThisMachine) {
  auto const facts = blocking_machine_facts();
  EXPECT_FALSE(facts.hostname.empty());
  EXPECT_GE(facts.cpu_cores, 1);
  EXPECT_GT(facts.memory_bytes, 0U);
}

TEST_F(MachineTest, LeavesOutWhatItCannotRead) {
  auto const facts = blocking_machine_facts(root);
  EXPECT_EQ(facts.memory_bytes, 0U);
  EXPECT_TRUE(facts.gpus.empty());
}

TEST_F(MachineTest, TakesTheSmallerOfMachineAndControlGroup) {
  write("/proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(blocking_machine_facts(root).memory_bytes, 2048U * 1024);
  write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(blocking_machine_facts(root).memory_bytes, 2048U * 1024);
  write("/sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(blocking_machine_facts(root).memory_bytes, 1048576U);
}

TEST_F(MachineTest, CountsWhatThisProcessHoldsForItself) {
  EXPECT_GT(blocking_own_memory_bytes(), 0U);
  EXPECT_EQ(blocking_own_memory_bytes(root), 0U);
  write("/proc/self/status", "VmRSS:\t 900 kB\nRssAnon:\t     512 kB\nRssFile:\t 300 kB\nRssShmem:\t 88 kB\n");
  EXPECT_EQ(blocking_own_memory_bytes(root), 600U * 1024);
}

TEST_F(MachineTest, NamesGpusInTheirOrder) {
  write("/proc/driver/nvidia/gpus/0000:02:00.0/information", "Model: \t\t NVIDIA L4\nIRQ: 7\n");
  write("/proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H200\nIRQ: 7\n");
  write("/proc/driver/nvidia/gpus/0000:03:00.0/information", "Model:\n");
  EXPECT_EQ(blocking_machine_facts(root).gpus, (std::vector<std::string>{"NVIDIA H200", "NVIDIA L4"}));
}

} // namespace
} // namespace paddler
