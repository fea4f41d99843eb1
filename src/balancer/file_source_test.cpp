#include "balancer/file_source.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/task_group.hpp"
#include "store/memory_store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

constexpr std::string_view document = R"(agents:
  - id: a1
    slots: 2
    desired_model: { source: local, path: /m.gguf }
)";

// A folder that goes with the test, with one file in it.
class written_file {
public:
  written_file() {
    folder_ = testing::TempDir() + "/paddler-file-source-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
    write(document);
  }

  ~written_file() { std::filesystem::remove_all(folder_); }

  written_file(written_file const&) = delete;
  written_file& operator=(written_file const&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/desired.yaml"; }

  void write(std::string_view text) const { std::ofstream(path(), std::ios::binary | std::ios::trunc) << text; }

private:
  std::string folder_;
};

// A balancer's core with a file as a source, an agent on a link, and a count of what is sent to it.
struct FileSourceTest : ::testing::Test {
  event_loop loop;
  written_file file;
  std::unique_ptr<state_store> store = make_memory_store();
  blocking_executor writer{"writer", 1, 8};
  blocking_executor pool{"pool", 1, 8};
  core_service service{loop.executor(), balancer_core({}, {1}), *store, writer};
  link_registry links{service};
  admission door{loop.executor(), service, links, {}};
  file_source source{service, door, pool, file.path(), watch_file(loop.executor(), pool, file.path()), 1 << 20};
  task_group background{loop.executor(), "test"};
  int sent = 0;

  void SetUp() override {
    ASSERT_TRUE(store->blocking_open());
    service.handlers = {.send = [this](link_id, balancer_message const&) { ++sent; },
                        .close_link = [](link_id, std::string const&) {},
                        .tell_loser = [](lost_field const&) {},
                        .run = [](run_request const&) {},
                        .fail = [](fail_request const&) {},
                        .drop_slots_of = [](drop_slots const&) {},
                        .drop_one_slot = [](drop_slot const&) {},
                        .storage_failed = [](error why) { ADD_FAILURE() << describe(why); }};
    service.spawn_into(background);
    link_hello hello;
    hello.agent = {"a1"};
    hello.process = {1};
    service.apply(link_greeted{{1}, hello});
    ASSERT_EQ(sent, 1) << "its welcome";
  }

  [[nodiscard]] desired_state const& desired() const { return service.core().desired(); }

  task<> finish() {
    background.cancel();
    co_await background.join();
  }
};

task<> a_thousand_times(FileSourceTest* t) {
  auto const first = co_await t->source.load();
  EXPECT_EQ(first.value().made.at, revision{1});
  EXPECT_EQ(t->sent, 2) << "its state";
  t->service.apply(link_spoke{{1}, link_ack{{1}}});
  auto const told = t->service.core().events().newest();
  auto const before = t->desired().snapshot({});
  for (int i = 0; i < 1'000; ++i) {
    auto const again = co_await t->source.load();
    EXPECT_EQ(again.value().made.at, revision{1});
  }
  EXPECT_EQ(t->desired().snapshot({}), before);
  EXPECT_EQ(t->sent, 2) << "nobody was told anything";
  EXPECT_EQ(t->service.core().events().newest(), told) << "nothing happened";
  co_await t->finish();
}

TEST_F(FileSourceTest, REC_14_TheSameFileAThousandTimesDoesNothing) {
  loop.run_until_done(a_thousand_times(this));
  store->blocking_close();
  EXPECT_EQ(store->blocking_open()->log.size(), 1U) << "no record in the log";
}

task<> what_is_wrong_changes_nothing(FileSourceTest* t) {
  auto const good = co_await t->source.load();
  EXPECT_TRUE(good.has_value());
  auto const before = t->desired().snapshot({});
  for (std::string_view const bad : {"", "agnets: []\n", "agents:\n  - id: a1\n    slots: 0\n", "agents: ["}) {
    t->file.write(bad);
    auto const refused = co_await t->source.load();
    EXPECT_FALSE(refused.has_value()) << bad;
    EXPECT_EQ(t->desired().snapshot({}), before);
  }
  t->file.write("agents: []\n");
  auto const released = co_await t->source.load();
  EXPECT_EQ(released.value().made.at, revision{2});
  EXPECT_TRUE(t->desired().agents().empty()) << "what a file no longer says is released";
  co_await t->finish();
}

TEST_F(FileSourceTest, WhatIsWrongChangesNothing) { loop.run_until_done(what_is_wrong_changes_nothing(this)); }

} // namespace
} // namespace paddler
