#include "store/sqlite.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace paddler {
namespace {

class SqliteStore : public testing::Test {
protected:
  // What another store finds there now; this one is closed for it.
  std::vector<log_record> reopened_log() {
    store_->blocking_close();
    auto state = make_sqlite_store(path_)->blocking_open();
    EXPECT_TRUE(state) << describe(state.error());
    return state ? std::move(state->log) : std::vector<log_record>();
  }

  temporary_folder folder_;
  std::string path_ = folder_.file("state.db");
  std::unique_ptr<state_store> store_ = make_sqlite_store(path_);
};

TEST_F(SqliteStore, WhatIsAppendedComesBack) {
  auto const fresh = store_->blocking_open();
  ASSERT_TRUE(fresh) << describe(fresh.error());
  EXPECT_EQ(fresh->log, std::vector<log_record>());
  ASSERT_TRUE(store_->blocking_append(sample_records(2)));
  ASSERT_TRUE(store_->blocking_append({}));
  ASSERT_TRUE(store_->blocking_append(sample_records(3, 3)));
  EXPECT_EQ(reopened_log(), sample_records(5));
  EXPECT_EQ(store_->blocking_open()->log, sample_records(5));
  ASSERT_TRUE(store_->blocking_append(sample_records(1, 6)));
  EXPECT_EQ(reopened_log(), sample_records(6));
}

TEST_F(SqliteStore, EveryOpeningBeginsAHigherEpoch) {
  for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(store_->blocking_open()->leader.value, i);
  store_->blocking_close();
  EXPECT_EQ(make_sqlite_store(path_)->blocking_open()->leader.value, 4U);
}

TEST_F(SqliteStore, KeepsUnusualValues) {
  ASSERT_TRUE(store_->blocking_open());
  log_record empty;
  empty.number = {1};
  log_record odd = sample_record(2);
  odd.origin = {"", std::string("a\0b'\"\n\xff", 7)};
  odd.document.models[0].chat_template = std::string(1'500'000, '\n') + std::string(1'500'000, '\x01');
  std::vector<log_record> const records{empty, odd};
  auto const appended = store_->blocking_append(records);
  ASSERT_TRUE(appended) << describe(appended.error());
  EXPECT_EQ(reopened_log(), records);
}

TEST_F(SqliteStore, WritesNoRecordThatWouldNotComeBack) {
  ASSERT_TRUE(store_->blocking_open());
  log_record not_utf8 = sample_record(1);
  not_utf8.document.models[0].chat_template = "\xff";
  log_record nameless = sample_record(1);
  nameless.document.agents[0].id = {};
  for (auto const& record : {not_utf8, nameless}) {
    auto const appended = store_->blocking_append(std::vector{record});
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().code, error_code::internal);
  }
  EXPECT_TRUE(store_->blocking_append(sample_records(1)));
}

TEST_F(SqliteStore, TheLogNeverGetsAGap) {
  ASSERT_TRUE(store_->blocking_open());
  EXPECT_FALSE(store_->blocking_append(sample_records(1, 2)));
  ASSERT_TRUE(store_->blocking_append(sample_records(2)));
  for (std::uint64_t const wrong : {1U, 2U, 4U}) {
    auto const appended = store_->blocking_append(sample_records(1, wrong));
    ASSERT_FALSE(appended);
    EXPECT_EQ(appended.error().message,
              "the event log would get a gap: revision " + std::to_string(wrong) + " does not follow 2");
  }
  std::vector<log_record> const with_gap{sample_record(3), sample_record(5)};
  EXPECT_FALSE(store_->blocking_append(with_gap));
  EXPECT_EQ(reopened_log(), sample_records(2)); // all or none
}

TEST_F(SqliteStore, IsItsOwnersOnly) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(1)));
  for (auto const* rest : {"", "-wal", "-shm", ".lock"}) {
    struct stat about{};
    ASSERT_EQ(::stat((path_ + rest).c_str(), &about), 0) << rest;
    EXPECT_EQ(about.st_mode & 0777U, 0600U) << rest;
  }
}

TEST_F(SqliteStore, ASecondBalancerIsTurnedAwayAndTheFirstUnharmed) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(1)));
  auto const second = make_sqlite_store(path_)->blocking_open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, error_code::conflict);
  EXPECT_TRUE(store_->blocking_append(sample_records(1, 2)));
  EXPECT_EQ(reopened_log(), sample_records(2));
  EXPECT_EQ(store_->blocking_append(sample_records(1, 3)).error().code, error_code::closed);
}

TEST_F(SqliteStore, PeopleMayLookWhileItRuns) {
  ASSERT_TRUE(store_->blocking_open());
  ASSERT_TRUE(store_->blocking_append(sample_records(2)));
  auto other = sqlite_database::blocking_open(path_);
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->execute("BEGIN"));
  EXPECT_EQ(other->ask_integer("SELECT count(*) FROM event_log").value(), 2);
  ASSERT_TRUE(store_->blocking_append(sample_records(1, 3)));
  EXPECT_EQ(other->ask_integer("SELECT count(*) FROM event_log").value(), 2);
  ASSERT_TRUE(other->execute("COMMIT"));
  EXPECT_EQ(other->ask_text("SELECT document ->> '$.agents[0].id' FROM event_log WHERE revision = 3").value(),
            "agent-3");
}

TEST_F(SqliteStore, AWriterInTheWayIsNamedAndTheNextTryWorks) {
  ASSERT_TRUE(store_->blocking_open());
  auto other = sqlite_database::blocking_open(path_);
  ASSERT_TRUE(other->execute("BEGIN IMMEDIATE"));
  auto const appended = store_->blocking_append(sample_records(1));
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, error_code::unavailable);
  EXPECT_TRUE(appended.error().message.starts_with("another program holds the database"));
  ASSERT_TRUE(other->execute("ROLLBACK"));
  EXPECT_TRUE(store_->blocking_append(sample_records(1)));
}

// Appends record after record and tells through the pipe each one that was acknowledged, until it is killed.
[[noreturn]] void append_for_ever(std::string const& path, int pipe) {
  auto const store = make_sqlite_store(path);
  std::uint64_t next = store->blocking_open()->log.size();
  while (store->blocking_append(sample_records(1, ++next)))
    if (::write(pipe, &next, sizeof next) != sizeof next) break;
  ::_exit(1);
}

TEST_F(SqliteStore, AKilledWritersAcknowledgedRecordsAreThere) {
  std::uint64_t epochs = 0;
  for (int round = 0; round < 5; ++round) {
    std::array<int, 2> acknowledged{};
    ASSERT_EQ(::pipe(acknowledged.data()), 0);
    auto const child = ::fork();
    if (child == 0) append_for_ever(path_, acknowledged[1]);
    ::close(acknowledged[1]);
    std::uint64_t last = 0;
    for (int i = 0; i < 3 + round; ++i) ASSERT_EQ(::read(acknowledged[0], &last, sizeof last), ssize_t{sizeof last});
    ::kill(child, SIGKILL);
    while (::read(acknowledged[0], &last, sizeof last) == ssize_t{sizeof last}) {
    }
    ::close(acknowledged[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    auto const state = store_->blocking_open();
    ASSERT_TRUE(state) << describe(state.error());
    EXPECT_GE(state->log.size(), last);
    EXPECT_LE(state->log.size(), last + 1);
    EXPECT_EQ(state->log, sample_records(state->log.size()));
    EXPECT_EQ(state->leader.value, epochs += 2);
    store_->blocking_close();
  }
}

} // namespace
} // namespace paddler
