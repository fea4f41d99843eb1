// What an agent's slot connections say of the engine that they lead to.
#include "agent/test_agent.hpp"
#include "core/reconcile/content_digest.hpp"
#include "hub/tiny_model.hpp"
#include "wire/slot_papers.hpp"

#include <signal.h>

#include <algorithm>
#include <fstream>

namespace paddler {
namespace {

// Has the simulated engine stand in for llama.cpp, so that the agent looks after model files.
class stand_in final : public engine_host {
public:
  result<void> blocking_prepare(std::vector<std::string> const& folders, engine_files const& files,
                                std::string const& chat_template) override {
    return machine_->blocking_prepare(folders, files, chat_template);
  }

  result<std::shared_ptr<engine_child>> start(asio::any_io_executor const& executor, child_command const& command,
                                              output_lines::handler on_line) override {
    auto simulated = command;
    simulated.arguments = {"paddler", "engine", "--simulate", ""};
    for (auto const* const option : {"--host", "--alias", "--parallel", "--ctx-size"}) {
      auto const at = std::ranges::find(command.arguments, option);
      simulated.arguments.insert(simulated.arguments.end(), at, at + 2);
    }
    return machine_->start(executor, simulated, std::move(on_line));
  }

  void blocking_clean(engine_files const& files) override { machine_->blocking_clean(files); }

private:
  std::shared_ptr<engine_host> const machine_ = machine_engine_host();
};

TEST_F(AgentTest, RES_06_EnginesOfOneContentAreOneAndEachStartIsAnother) {
  run([](AgentTest& t) -> task<> {
    auto const link = co_await t.greet();
    auto const first = co_await t.serve(*link, state(7, 2));
    EXPECT_EQ(first[0]->engine, "1");
    EXPECT_EQ(first[1]->engine, "1");
    EXPECT_EQ(first[0]->resumes, "chat, completions");
    EXPECT_EQ(first[0]->identity.size(), 16U);
    ::kill(static_cast<pid_t>(t.it->engine().pid), SIGKILL);
    auto const again = co_await t.next_slots(2);
    EXPECT_EQ(again[0]->engine, "2");
    EXPECT_EQ(again[0]->identity, first[0]->identity);
    auto const fewer = co_await t.serve(*link, state(8, 1));
    EXPECT_EQ(fewer[0]->engine, "3");
    EXPECT_EQ(fewer[0]->identity, first[0]->identity) << "slots make no difference to an answer";
    auto const other = co_await t.serve(*link, state(9, 1, "other"));
    EXPECT_EQ(other[0]->engine, "4");
    EXPECT_NE(other[0]->identity, first[0]->identity);
  });
}

// By the file's path and time until its digest is there; then slots are offered anew.
TEST_F(AgentTest, RES_06_TheContentOfItsFileIsPartOfAnEnginesIdentity) {
  config.program.kind = engine_kind::built_in;
  config.engines = std::make_shared<stand_in>();
  std::ofstream(folder + "/a.gguf", std::ios::binary) << tiny_model("llama");
  run([](AgentTest& t) -> task<> {
    auto wanted = state(7, 1);
    wanted.model->reference.path = t.folder + "/a.gguf";
    auto const link = co_await t.greet();
    auto slots = co_await t.serve(*link, wanted);
    co_await t.until([&t] { return t.it->engine().file && !t.it->engine().file->digest.empty(); });
    auto const digest = t.it->engine().file->digest;
    auto const known = print_identity(engine_identity(*wanted.model, digest, "simulated"));
    while (slots[0]->identity != known) slots = co_await t.next_slots(1);
    co_await expect_answer(*slots[0], "hello");

    ::kill(static_cast<pid_t>(t.it->engine().pid), SIGKILL);
    auto const again = co_await t.next_slots(1);
    EXPECT_EQ(again[0]->identity, known);
    wanted.version.value = 8;
    wanted.model->parameters.temperature = 0.5;
    auto const changed = co_await t.serve(*link, wanted);
    EXPECT_EQ(changed[0]->identity, print_identity(engine_identity(*wanted.model, digest, "simulated")))
        << "a file that was read before is known at once";
  });
}

} // namespace
} // namespace paddler
