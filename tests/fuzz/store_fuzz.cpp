// FUZ-12, files: a state database and its write-ahead log with any bytes changed. The store gives exactly what was
// written, or refuses with its reason and leaves the file as it is; never older, other or empty state (DUR-08).
//
// An input is one byte that chooses what is changed, then changes to it: three bytes where, one how many, then those
// bytes.
#include "store/crash_vfs.hpp"
#include "store/sqlite_store.hpp"
#include "store/store_testing.hpp"
#include "target.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

constexpr char const* path = "/disk/state.db";
constexpr char const* log_path = "/disk/state.db-wal";
constexpr char const* marker_path = "/disk/state.db.end";
constexpr std::uint64_t folded = 2; // records in the snapshot
constexpr std::uint64_t written = 5;

std::unique_ptr<state_store> store_on(std::shared_ptr<crash_disk> disk) {
  return make_sqlite_store(path, {.files = std::move(disk)});
}

struct files_of_state {
  std::string database;
  std::string log;    // empty: none
  std::string marker; // empty: none
};

std::shared_ptr<crash_disk> disk_with(files_of_state const& files) {
  auto disk = std::make_shared<crash_disk>();
  disk->set_content(path, files.database);
  if (!files.log.empty()) disk->set_content(log_path, files.log);
  if (!files.marker.empty()) disk->set_content(marker_path, files.marker);
  return disk;
}

// The files of a database: closed in good order, and as the last record's commit left them.
struct sound_files {
  std::string database;
  std::string before_last;
  std::string log;
  std::string marker; // of the last record

  sound_files() {
    auto const disk = std::make_shared<crash_disk>();
    auto const store = store_on(disk);
    must(store->blocking_open().has_value());
    must(store->blocking_append(sample_records(written - 1)).has_value());
    must(store->blocking_compact({folded}, sample_fold).has_value());
    // Before the last record is moved out of the log into the file: the log is written, the file is not yet.
    before_last = disk->content(path);
    disk->during_operation = [&] {
      if (disk->content(path) == before_last) log = disk->content(log_path);
    };
    must(store->blocking_append(sample_records(1, written)).has_value());
    disk->during_operation = nullptr;
    store->blocking_close();
    database = disk->content(path);
    marker = disk->content(marker_path);
    must(!log.empty() && database != before_last && !marker.empty());
  }
};

sound_files const& sound() {
  static sound_files const files;
  return files;
}

std::string changed(std::string bytes, std::uint8_t const* data, std::size_t size) {
  while (size >= 5 && !bytes.empty()) {
    auto const at = (std::size_t{data[0]} << 16U | std::size_t{data[1]} << 8U | data[2]) % bytes.size();
    auto const count = std::min({std::size_t{data[3]}, size - 4, bytes.size() - at});
    if (count == 0) bytes.resize(at); // cut off here
    std::copy_n(data + 4, count, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    data += 4 + count;
    size -= 4 + count;
  }
  return bytes;
}

// How many records a store finds in these files; nothing where it refuses them.
std::optional<std::uint64_t> records_of(files_of_state const& files) {
  auto const disk = disk_with(files);
  auto const store = store_on(disk);
  auto const state = store->blocking_open();
  if (!state) {
    must(state.error().code == error_code::storage);
    must(!state.error().hint.empty() && state.error().message.find(path) != std::string::npos);
    must(disk->content(path) == files.database);
    store->blocking_close();
    must(disk->content(path) == files.database);
    return std::nullopt;
  }
  must(judge_samples(*state).empty());
  must(state->base && state->base->at.value == folded);
  must(state->leader.value == 2);
  store->blocking_close();
  return last_revision(*state);
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace paddler;
  if (size == 0) return 0;
  auto const& files = sound();
  auto const* const rest = data + 1;
  --size;
  std::optional<std::uint64_t> found;
  switch (data[0] % 5) {
  case 0: found = records_of({changed(files.database, rest, size), {}, files.marker}); break;
  case 1: found = records_of({files.before_last, changed(files.log, rest, size), files.marker}); break;
  case 2: found = records_of({files.database, std::string(as_text(rest, size)), files.marker}); break;
  case 3: found = records_of({files.database, {}, changed(files.marker, rest, size)}); break;
  default:
    // Not marked, so not acknowledged: what a damaged log costs at most (docs/decisions/0004).
    found = records_of({files.before_last, changed(files.log, rest, size), {}});
    must(!found || *found == written || *found == written - 1);
    return 0;
  }
  must(!found || *found == written);
  return 0;
}
