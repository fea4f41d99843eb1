#include "core/engine/engine_exit.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

namespace paddler {
namespace {

std::string reason(process_exit exit, std::vector<std::string> const& lines) {
  return explain_exit(exit, lines).reason;
}

TEST(EngineExit, QuotesWhatTellsAndDropsTimeStamps) {
  EXPECT_EQ(
      reason({false, 1}, {"0.00.001.241 I srv  llama_server: initializing ...",
                          "0.00.007.813 E llama_model_load: error loading model: missing tensor 'output_norm.weight'",
                          "0.00.007.820 E srv    load_model: failed to load model, 'x.gguf'",
                          "0.00.007.900 E srv  llama_server: exiting due to model loading error"}),
      "the engine ended with status 1; it said: llama_model_load: error loading model: missing tensor "
      "'output_norm.weight'; srv    load_model: failed to load model, 'x.gguf'");
}

TEST(EngineExit, QuotesTheLastLinesWhereNoneTells) {
  EXPECT_EQ(reason({true, SIGSEGV}, {"one", "two", "three"}),
            "the engine was ended by SIGSEGV (bad memory access); it said: two; three");
  EXPECT_EQ(reason({true, SIGKILL}, {"one", "two"}), "the engine was ended by SIGKILL");
  EXPECT_EQ(reason({false, 7}, {}), "the engine ended with status 7");
  EXPECT_EQ(reason({true, 40}, {}), "the engine was ended by signal 40");
}

TEST(EngineExit, OnlyWhatIsAStampIsDropped) {
  for (auto const& [line, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"0.01 E error: x", "error: x"},
           {"0.01 I error: x", "error: x"},
           {"0.01 X error: x", "X error: x"},
           {"0.01 error: x", "error: x"},
           {"0.01 E", "E"},
           {"error: x", "error: x"},
           {"0.01error: x", "0.01error: x"},
           {"7", "7"},
       })
    EXPECT_EQ(reason({false, 1}, {line}), "the engine ended with status 1; it said: " + wanted) << line;
}

// Whoever ends an engine from outside did not do it for what it said last.
TEST(EngineExit, QuotesTheLastLinesOfAnEngineThatWasEndedOnlyWhereTheyTell) {
  EXPECT_EQ(reason({true, SIGTERM}, {"one", "two"}), "the engine was ended by SIGTERM");
  EXPECT_EQ(reason({true, SIGKILL}, {"out of memory"}), "the engine was ended by SIGKILL; it said: out of memory");
}

TEST(EngineExit, HintsWhereAPersonCanAct) {
  EXPECT_NE(explain_exit({true, SIGKILL}, {}).hint, "");
  EXPECT_NE(explain_exit({true, SIGILL}, {}).hint, "");
  std::vector<std::string> const lines = {"error loading model: unknown model architecture: 'phlogiston'"};
  EXPECT_TRUE(explain_exit({false, 1}, lines).hint.contains("--engine-binary"));
}

TEST(EngineExit, BoundsWhatItQuotes) {
  EXPECT_LT(reason({false, 1}, std::vector<std::string>(10, "error " + std::string(100'000, 'x'))).size(), 1000U);
}

TEST(EngineExit, TheSameCauseDiffersInDigitsOnly) {
  EXPECT_TRUE(is_same_cause("at 0x12 after 3 s", "at 0x7 after 10 s"));
  EXPECT_FALSE(is_same_cause("no such file", "not a GGUF"));
}

} // namespace
} // namespace paddler
