// DUR-06: the balancer is killed at any instant while four writers change desired state. What was acknowledged to one
// of them is in the event log at the revision that it was told, for ever. `make soak` repeats it (scripts/soak).
#include "base/random.hpp"
#include "base/text.hpp"
#include "harness/process_cluster.hpp"
#include "harness/system_test.hpp"
#include "store/sqlite.hpp"

#include <map>

namespace paddler_test {
namespace {

constexpr int kills = 20;
constexpr int writers = 4;
constexpr std::uint64_t most_changes_a_life = 40;

// What the writers asked for and what they were told.
struct client_record {
  std::uint64_t asked = 0;                             // values 1 to this one
  std::map<std::uint64_t, std::uint64_t> acknowledged; // values by revision
  std::uint64_t acknowledgements = 0;
  std::vector<std::string> surprises;
};

// Each value is a document of its own.
std::string document_of(std::uint64_t value) {
  return desired_yaml({{.id = "a1"}},
                      {{.id = "sim", .more = "    parameters: {seed: " + std::to_string(value) + "}\n"}});
}

std::string words_of(std::uint64_t value) { return "\"seed\":" + std::to_string(value) + "}"; }

std::uint64_t revision_of(std::string const& etag) {
  if (etag.size() <= 2) return 0;
  return parse_number<std::uint64_t>(std::string_view(etag).substr(1, etag.size() - 2)).value_or(0);
}

// Until the balancer is gone.
task<> change_on_and_on(cluster_api api, client_record* record) {
  try {
    for (;;) {
      auto const value = ++record->asked;
      auto document = document_of(value);
      auto const answer = co_await api.put_desired(std::move(document));
      auto const revision = revision_of(answer.header("etag"));
      if (answer.status != 200 || revision == 0) {
        record->surprises.push_back(answer.body);
        co_return;
      }
      ++record->acknowledgements;
      record->acknowledged[revision] = value;
    }
  } catch (test_failure const&) {
    co_return; // nobody knows what became of the last one
  }
}

class state_reader {
public:
  explicit state_reader(std::string const& path) : db_(sqlite_database::blocking_open(path)) {
    require(db_.has_value(), "the database can be read");
  }

  std::int64_t number(std::string_view sql) { return db_->ask_integer(sql).value(); }

  // Whether the record at this revision has the words.
  bool has(std::uint64_t revision, std::string const& text) {
    auto run = db_->prepare("SELECT 1 FROM event_log WHERE revision = ?1 AND instr(document, ?2) > 0");
    run->bind(1, static_cast<std::int64_t>(revision));
    run->bind(2, text);
    return run->step().value();
  }

private:
  result<sqlite_database> db_;
};

void expect_all_there(process_cluster const& cluster, client_record const& record) {
  EXPECT_EQ(record.acknowledged.size(), record.acknowledgements) << "no two changes got one revision";
  for (auto const& words : record.surprises) ADD_FAILURE() << words;
  state_reader state(cluster.state_directory() + "/state.db");
  EXPECT_EQ(state.number("SELECT count(*) FROM event_log"), state.number("SELECT max(revision) FROM event_log"));
  for (auto const& [revision, value] : record.acknowledged)
    EXPECT_TRUE(state.has(revision, words_of(value))) << "revision " << revision << " is not what was acknowledged";
}

SYSTEM_TEST(kills, DUR_06_no_acknowledged_change_is_lost_by_kill_9_under_four_writers, process_cluster) {
  static std::uint64_t repetition = 0; // other instants each time
  random_source random(++repetition);
  client_record record;
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_agents(1, 4));
  for (int round = 0; round < kills && !testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    task_group group(co_await asio::this_coro::executor, "writers");
    for (int i = 0; i < writers; ++i) group.spawn("writer", change_on_and_on(cluster.api(), &record));
    auto const enough = record.acknowledgements + random.below(most_changes_a_life);
    bool const changed = co_await eventually(patience, [&] { return record.acknowledgements >= enough; });
    EXPECT_TRUE(changed) << "the writers stand still";
    co_await cluster.balancer().kill();
    co_await group.join();
    cluster.forget_ports();
    co_await cluster.start_balancer();
    expect_all_there(cluster, record);
    auto const shown = co_await cluster.api().desired();
    EXPECT_GE(revision_of(shown.etag), record.acknowledged.empty() ? 1 : record.acknowledged.rbegin()->first);
  }
  EXPECT_GT(record.acknowledgements, kills * most_changes_a_life / 4);
}

} // namespace
} // namespace paddler_test
