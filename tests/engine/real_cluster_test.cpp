// The built program with the real llama.cpp and models made at build time: what is killed comes back, and what was not
// killed does not notice more than it must.
#include "harness/doors.hpp"
#include "harness/process_cluster.hpp"
#include "harness/process_facts.hpp"
#include "harness/scenarios.hpp"
#include "harness/system_test.hpp"

#include <csignal>

namespace paddler_test {
namespace {

constexpr auto scripted_text = "Hello! I am a scripted model, and I always say the same.";
constexpr std::size_t long_answer = 3'000; // tokens: more than are made before the engine is killed

std::string model_file(std::string const& name) { return std::string(PADDLER_MODELS) + "/" + name + ".gguf"; }

std::vector<std::string> up_flags(std::string const& model, std::string const& slots, std::string const& context) {
  return {"--model", model_file(model), "--name", "a1", "--slots", slots, "--context", context, "--threads", "1"};
}

chat_question question_to(std::string model, std::string text) {
  auto out = question(std::move(text));
  out.model = std::move(model);
  return out;
}

task<> expect_scripted_text(cluster_api api, std::string asked) {
  auto whole = question_to("scripted-hello", std::move(asked));
  whole.max_tokens.reset();
  auto const answer = co_await chat(api.inference(), whole);
  EXPECT_TRUE(answer.is_whole()) << answer.status << " " << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.text, scripted_text);
}

task<agent_row> row_of_a1(cluster_api api) {
  auto const row = co_await api.agent("a1");
  require(row.has_value(), "a1 is known");
  co_return *row;
}

SYSTEM_TEST(real_engine, kill_9_of_the_engine_under_four_streams_of_up, process_cluster) {
  auto const flags = up_flags("random-long", "4", "16384");
  co_await cluster.start_up(flags);
  co_await cluster.api().until_slots(4);
  auto asked = question_to("random-long", "on and on");
  asked.max_tokens = long_answer;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    auto const answers = co_await engine_dies_under_four_streams(cluster.api(), asked);
    EXPECT_EQ(answers.size(), 4U);
    auto const after = co_await chat(cluster.api().inference(), question_to("random-long", "still there?"));
    EXPECT_TRUE(after.is_whole()) << after.error_code << ": " << after.error_message;
    EXPECT_FALSE(cluster.up().has_ended());
  }
}

SYSTEM_TEST(real_engine, kill_9_of_the_balancer_keeps_the_model_loaded, process_cluster) {
  co_await cluster.start_balancer();
  cluster.start("a1", {"agent", "--balancer", cluster.api().management(), "--name", "a1", "--model",
                       model_file("scripted-hello"), "--slots", "2", "--context", "512", "--threads", "1"});
  co_await cluster.api().until_slots(2);
  co_await expect_scripted_text(cluster.api(), "Before it.");
  auto const before = co_await row_of_a1(cluster.api());
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    co_await cluster.balancer().kill();
    co_await cluster.start_balancer();
    co_await cluster.api().until_slots(2);
    co_await expect_scripted_text(cluster.api(), "After it, " + std::to_string(round));
    auto const after = co_await row_of_a1(cluster.api());
    EXPECT_EQ(after.engine_pid, before.engine_pid) << "nothing was loaded again";
    EXPECT_EQ(after.engine_restarts, 0U);
  }
}

// Nothing survives that nobody supervises, and the next start has the same state.
SYSTEM_TEST(real_engine, kill_9_of_up_takes_its_engine_along, process_cluster) {
  auto const flags = up_flags("scripted-hello", "1", "512");
  co_await cluster.start_up(flags);
  co_await cluster.api().until_slots(1);
  auto const before = co_await row_of_a1(cluster.api());
  co_await cluster.up().kill();
  bool const gone = co_await eventually(patience, [&] { return !is_running(before.engine_pid); });
  EXPECT_TRUE(gone) << "an engine without its agent";
  co_await cluster.start_up(flags);
  co_await cluster.api().until_slots(1);
  co_await expect_scripted_text(cluster.api(), "Again.");
}

std::string scripted_with(std::string const& template_line) {
  auto const path = model_file("scripted-hello");
  return desired_yaml({{.id = "a1", .slots = 1, .model = "scripted-hello", .path = path}},
                      {{.id = "scripted-hello", .more = template_line}});
}

// A template that only the engine can judge: the agent says what is wrong with it, and the mend serves.
SYSTEM_TEST(doors, a_bad_template_is_explained_and_mended, process_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(scripted_with(""));
  cluster.start("a1", {"agent", "--balancer", cluster.api().management(), "--name", "a1", "--threads", "1"});
  co_await cluster.api().until_slots(1);
  co_await cluster.api().apply(scripted_with("    chat_template: \"{% for %}\"\n"));
  auto const is_explained = [](agent_row const& row) { return row.connected && !row.reason.empty(); };
  co_await cluster.api().until_agent("a1", "explains itself", is_explained);
  auto const row = co_await row_of_a1(cluster.api());
  EXPECT_EQ(row.status, "ready") << "what served before goes on";
  expect_words(row.reason, {"version 2 does not load", "chat template", "chat_template"});
  co_await cluster.api().apply(scripted_with(""));
  co_await cluster.api().until_slots(1);
  co_await expect_scripted_text(cluster.api(), "Mended?");
}

} // namespace
} // namespace paddler_test
