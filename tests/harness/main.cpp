// A test program that is also the engine of its own agents: they start this program again as `PROGRAM engine ...`.
#include "engine/engine_main.hpp"
#include "harness/system_test.hpp"
#include "runtime/log.hpp"
#include "runtime/process.hpp"

#include <gtest/gtest.h>

#include <string_view>

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "engine") return paddler::engine_main(argc - 1, argv + 1, nullptr);
  paddler::ignore_broken_pipes();
  paddler::raise_open_file_limit();
  paddler::log_configure({.level = paddler::log_level::debug, .role = "test", .to_stderr = false});
  testing::InitGoogleTest(&argc, argv);
  paddler_test::count_repetitions();
  return RUN_ALL_TESTS();
}
