// DUR-03 and DUR-05: the n-th operation on the disk fails, for every n, once or from then on.
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>

namespace paddler {
namespace {

// What the file layer below is to do. Operations that change the disk are counted: write, sync, truncate.
struct fault_plan {
  int fail_at = 0; // the operation that fails, from 1; 0: none
  bool persistent = false;
  bool disk_full = false; // writes fail for want of space, syncs and truncations work
  int done = 0;
  int failed = 0;

  // The code to fail with; SQLITE_OK to go on.
  int next(int code) {
    bool const is_write = code == SQLITE_IOERR_WRITE;
    if (fail_at == 0 || (disk_full && !is_write)) return SQLITE_OK;
    ++done;
    if (done < fail_at || (done > fail_at && !persistent)) return SQLITE_OK;
    ++failed;
    return disk_full ? SQLITE_FULL : code;
  }
};

fault_plan plan;

sqlite3_vfs* real_layer() { return sqlite3_vfs_find(nullptr); }

// SQLite gives one piece of memory for a file: ours stands at its start, and the real one right behind.
sqlite3_file* real_file(sqlite3_file* file) { return file + 1; }

int faulty_write(sqlite3_file* file, void const* data, int size, sqlite3_int64 at) {
  if (int const code = plan.next(SQLITE_IOERR_WRITE); code != SQLITE_OK) return code;
  return real_file(file)->pMethods->xWrite(real_file(file), data, size, at);
}

int faulty_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (int const code = plan.next(SQLITE_IOERR_TRUNCATE); code != SQLITE_OK) return code;
  return real_file(file)->pMethods->xTruncate(real_file(file), size);
}

int faulty_sync(sqlite3_file* file, int flags) {
  if (int const code = plan.next(SQLITE_IOERR_FSYNC); code != SQLITE_OK) return code;
  return real_file(file)->pMethods->xSync(real_file(file), flags);
}

sqlite3_io_methods const faulty_methods{
    2, // with shared memory, without memory mapping
    [](sqlite3_file* f) {
      return real_file(f)->pMethods != nullptr ? real_file(f)->pMethods->xClose(real_file(f)) : 0;
    },
    [](sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
      return real_file(f)->pMethods->xRead(real_file(f), data, size, at);
    },
    faulty_write,
    faulty_truncate,
    faulty_sync,
    [](sqlite3_file* f, sqlite3_int64* size) { return real_file(f)->pMethods->xFileSize(real_file(f), size); },
    [](sqlite3_file* f, int level) { return real_file(f)->pMethods->xLock(real_file(f), level); },
    [](sqlite3_file* f, int level) { return real_file(f)->pMethods->xUnlock(real_file(f), level); },
    [](sqlite3_file* f, int* held) { return real_file(f)->pMethods->xCheckReservedLock(real_file(f), held); },
    [](sqlite3_file* f, int op, void* arg) { return real_file(f)->pMethods->xFileControl(real_file(f), op, arg); },
    [](sqlite3_file* f) { return real_file(f)->pMethods->xSectorSize(real_file(f)); },
    [](sqlite3_file* f) { return real_file(f)->pMethods->xDeviceCharacteristics(real_file(f)); },
    [](sqlite3_file* f, int region, int size, int extend, void volatile** out) {
      return real_file(f)->pMethods->xShmMap(real_file(f), region, size, extend, out);
    },
    [](sqlite3_file* f, int offset, int n, int flags) {
      return real_file(f)->pMethods->xShmLock(real_file(f), offset, n, flags);
    },
    [](sqlite3_file* f) { real_file(f)->pMethods->xShmBarrier(real_file(f)); },
    [](sqlite3_file* f, int remove) { return real_file(f)->pMethods->xShmUnmap(real_file(f), remove); },
    nullptr,
    nullptr,
};

int faulty_open(sqlite3_vfs*, char const* name, sqlite3_file* file, int flags, int* out) {
  int const code = real_layer()->xOpen(real_layer(), name, real_file(file), flags, out);
  file->pMethods = code == SQLITE_OK ? &faulty_methods : nullptr;
  return code;
}

char const* const faulty_name = "paddler-faulty";

void register_faulty_layer() {
  static sqlite3_vfs layer = [] {
    sqlite3_vfs copy = *real_layer();
    copy.szOsFile += static_cast<int>(sizeof(sqlite3_file));
    copy.zName = faulty_name;
    copy.xOpen = faulty_open;
    return copy;
  }();
  sqlite3_vfs_register(&layer, 0);
}

// SQLite's own file layer with the plan in between.
class SqliteFault : public testing::Test {
public:
  SqliteFault() {
    register_faulty_layer();
    plan = {};
  }

  ~SqliteFault() override { plan = {}; }

protected:
  [[nodiscard]] std::unique_ptr<state_store> make() const {
    return make_sqlite_store(path_, {.files = posix_store_files(faulty_name)});
  }

  // A new database with two records.
  [[nodiscard]] std::unique_ptr<state_store> fresh() const {
    std::filesystem::remove(path_);
    auto store = make();
    EXPECT_TRUE(store->blocking_open());
    EXPECT_TRUE(store->blocking_append(sample_records(2)));
    return store;
  }

  temporary_folder folder_;
  std::string path_ = folder_.file("state.db");
};

TEST_F(SqliteFault, NothingIsAcknowledgedAfterAFailedWriteOrSync) {
  for (bool const persistent : {false, true}) {
    bool reached_end = false;
    for (int n = 1; !reached_end; ++n) {
      auto const store = fresh();
      plan = {.fail_at = n, .persistent = persistent};
      auto const appended = store->blocking_append(sample_records(1, 3));
      reached_end = plan.failed == 0;
      ASSERT_EQ(appended.has_value(), reached_end) << n;
      plan = {};
      if (!appended) {
        EXPECT_EQ(appended.error().code, error_code::storage) << n;
        auto const later = store->blocking_append(sample_records(1, 3));
        ASSERT_FALSE(later) << n;
        EXPECT_TRUE(later.error().message.starts_with("the state store is broken since an earlier failure")) << n;
      }
      auto const state = store->blocking_open();
      ASSERT_TRUE(state) << n << ": " << describe(state.error());
      EXPECT_GE(state->log.size(), appended ? 3U : 2U) << n;
      EXPECT_EQ(state->log, sample_records(state->log.size())) << n;
    }
  }
}

TEST_F(SqliteFault, DUR_05_AFullDiskIsNamedAndTakesTheSameAgain) {
  int refused = 0;
  bool reached_end = false;
  for (int n = 1; !reached_end; ++n) {
    auto const store = fresh();
    plan = {.fail_at = n, .persistent = true, .disk_full = true};
    auto const appended = store->blocking_append(sample_records(1, 3));
    reached_end = plan.failed == 0;
    plan = {};
    if (!appended) {
      ++refused;
      EXPECT_EQ(appended.error().code, error_code::full) << n;
      EXPECT_TRUE(appended.error().message.starts_with("the disk is full")) << n;
      ASSERT_TRUE(store->blocking_append(sample_records(1, 3))) << n;
    }
    EXPECT_EQ(store->blocking_open()->log, sample_records(3)) << n;
  }
  EXPECT_GT(refused, 0);
}

// As where clients took all that this process may have: that breaks no store.
TEST_F(SqliteFault, NET_07_TakesRecordsWhereNoFileCanBeOpened) {
  auto const store = fresh();
  rlimit usual{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit const none{0, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  auto const first = store->blocking_append(sample_records(1, 3));
  auto const second = store->blocking_append(sample_records(1, 4));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_TRUE(first) << describe(first.error());
  EXPECT_TRUE(second) << describe(second.error());
  EXPECT_TRUE(store->blocking_append(sample_records(1, 5)));
  auto const state = store->blocking_open();
  ASSERT_TRUE(state) << describe(state.error());
  EXPECT_EQ(state->log, sample_records(5));
}

TEST_F(SqliteFault, AFailedOpeningLeavesNothingInTheWay) {
  for (bool const anew : {true, false}) {
    bool reached_end = false;
    for (int n = 1; !reached_end; ++n) {
      auto const store = fresh();
      store->blocking_close();
      if (anew) std::filesystem::remove(path_);
      plan = {.fail_at = n, .persistent = true};
      auto const opened = store->blocking_open();
      reached_end = plan.failed == 0;
      ASSERT_EQ(opened.has_value(), reached_end) << n;
      plan = {};
      auto const again = store->blocking_open();
      ASSERT_TRUE(again) << n << ": " << describe(again.error());
      EXPECT_EQ(again->log, sample_records(anew ? 0 : 2)) << n;
    }
  }
}

} // namespace
} // namespace paddler
