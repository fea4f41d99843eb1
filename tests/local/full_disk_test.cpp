// DUR-05: the disk of the state database is full. Whoever wants a change is told at once, everybody else is served, and
// once there is room changes are taken again, without a restart.
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"
#include "store/crash_vfs.hpp"
#include "store/sqlite_store.hpp"

#include <limits>

namespace paddler_test {
namespace {

constexpr char const* state_path = "/disk/state.db";
constexpr auto plenty = std::numeric_limits<std::uint64_t>::max();

std::shared_ptr<crash_disk> put_on_a_small_disk(local_cluster& cluster) {
  auto disk = std::make_shared<crash_disk>(1);
  cluster.config.make_store = [disk] { return make_sqlite_store(state_path, {.files = disk}); };
  return disk;
}

// A document that does not fit into what is left of any page.
std::string large_document(int slots) {
  std::string const text(20'000, 'x');
  return desired_yaml({{.id = "a1", .slots = slots}}, {{.id = "sim", .more = "    chat_template: " + text + "\n"}});
}

task<> expect_no_room(cluster_api api, std::string document) {
  auto const before = co_await api.desired();
  auto const answer = co_await api.put_desired(std::move(document));
  EXPECT_EQ(answer.status, 507) << answer.body;
  EXPECT_EQ(answer.header("content-type"), "application/problem+json");
  expect_words(answer.body, {"The change was not made", "the disk is full", state_path, "free some space"});
  auto const after = co_await api.desired();
  EXPECT_EQ(after, before) << "reads show what is durable";
}

SYSTEM_TEST(full_disk, DUR_05_a_change_is_refused_with_507_and_everything_else_goes_on, local_cluster) {
  auto const disk = put_on_a_small_disk(cluster);
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(2);
  for (std::size_t slots = 2; slots < 5; ++slots) {
    SCOPED_TRACE(std::to_string(slots) + " slots");
    auto const more = static_cast<int>(slots + 1);
    disk->room = 0;
    auto const before = co_await cluster.api().desired();
    for (int i = 0; i < 3; ++i) co_await expect_no_room(cluster.api(), large_document(more));
    co_await cluster.api().expect_serving("while the disk is full");
    co_await expect_unharmed(cluster.api(), before, slots);
    disk->room = plenty;
    co_await cluster.api().apply(want_agents(1, more));
    co_await cluster.api().until_idle(slots + 1);
    co_await cluster.api().expect_serving("when there is room");
  }
}

// An agent whose own words about itself cannot be stored connects, and is taken for what it says later.
SYSTEM_TEST(full_disk, DUR_05_an_agent_comes_back_while_the_disk_is_full, local_cluster) {
  auto const disk = put_on_a_small_disk(cluster);
  co_await cluster.start(want_agents(1, 2));
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(2);
  disk->room = 0;
  co_await cluster.stop_agent("a1", {});
  co_await cluster.api().until_slots(0);
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(2);
  co_await cluster.api().expect_serving("still full");
}

// A configuration file that came while the disk was full is in force once there is room, though it changes no more.
SYSTEM_TEST(full_disk, DUR_05_a_file_waits_for_room, local_cluster) {
  auto const disk = put_on_a_small_disk(cluster);
  auto const path = cluster.directory("desired.yaml");
  write_whole_file(path, want_agents(1, 1));
  cluster.config.desired_files = {path};
  co_await cluster.start();
  cluster.add_agent("a1");
  co_await cluster.api().until_idle(1);
  disk->room = 0;
  write_whole_file(path, large_document(2));
  bool const waits = co_await eventually(patience, [] { return was_logged("desired.file_waits", "the disk is full"); });
  EXPECT_TRUE(waits);
  disk->room = plenty;
  co_await cluster.api().until_idle(2);
}

} // namespace
} // namespace paddler_test
