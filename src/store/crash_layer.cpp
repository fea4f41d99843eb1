// SQLite's file layer over a crash_disk. One connection at a time: locks are granted to whoever asks.
#include "store/crash_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace paddler {
namespace {

constexpr int longest_path = 512;
constexpr sqlite3_int64 julian_milliseconds = 212'000'000'000'000; // a day in 2006

} // namespace

// The functions that SQLite calls; a friend of the disk.
struct crash_layer {
  struct file {
    sqlite3_file base;
    crash_disk* disk;
    std::uint64_t node;
    bool synced;  // at least once: its name is on the medium then
    bool sharing; // has shared memory mapped
  };

  static file& of(sqlite3_file* f) { return *reinterpret_cast<file*>(f); } // NOLINT: `base` stands first in it

  static crash_disk& disk_of(sqlite3_vfs* layer) { return *static_cast<crash_disk*>(layer->pAppData); }

  static std::string& bytes_of(sqlite3_file* f) { return of(f).disk->nodes_[of(f).node].bytes; }

  // --- files ---

  static int close(sqlite3_file* f) {
    unshare(f, 0);
    return SQLITE_OK;
  }

  static int read(sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
    auto const& bytes = bytes_of(f);
    auto const from = std::min(static_cast<std::size_t>(at), bytes.size());
    auto const n = std::min(static_cast<std::size_t>(size), bytes.size() - from);
    std::memcpy(out, bytes.data() + from, n);
    if (n == static_cast<std::size_t>(size)) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + n, 0, static_cast<std::size_t>(size) - n);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* f, void const* data, int size, sqlite3_int64 at) {
    auto& disk = *of(f).disk;
    if (!disk.begin_operation()) return SQLITE_IOERR_WRITE;
    auto const end = static_cast<std::uint64_t>(at) + static_cast<std::uint64_t>(size);
    auto const now = bytes_of(f).size();
    if (end > now && disk.used() + (end - now) > disk.room) return SQLITE_FULL;
    std::string bytes(static_cast<char const*>(data), static_cast<std::size_t>(size));
    disk.change_now({crash_disk::change_kind::write, of(f).node, static_cast<std::uint64_t>(at), std::move(bytes)});
    return SQLITE_OK;
  }

  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    auto& disk = *of(f).disk;
    if (!disk.begin_operation()) return SQLITE_IOERR_TRUNCATE;
    disk.change_now({crash_disk::change_kind::truncate, of(f).node, static_cast<std::uint64_t>(size), {}});
    return SQLITE_OK;
  }

  static int sync(sqlite3_file* f, int /*flags*/) {
    auto& it = of(f);
    if (!it.disk->sync(it.node, !it.synced)) return SQLITE_IOERR_FSYNC;
    it.synced = true;
    return SQLITE_OK;
  }

  static int size(sqlite3_file* f, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(bytes_of(f).size());
    return SQLITE_OK;
  }

  static int map(sqlite3_file* f, int region, int size, int extend, void volatile** out) {
    auto& node = of(f).disk->nodes_[of(f).node];
    if (!of(f).sharing) {
      of(f).sharing = true;
      ++node.sharers;
    }
    auto& memory = node.shared[region];
    if (memory.empty() && extend != 0) memory.resize(static_cast<std::size_t>(size));
    *out = memory.empty() ? nullptr : memory.data();
    return SQLITE_OK;
  }

  static int unshare(sqlite3_file* f, int /*remove*/) {
    if (!of(f).sharing) return SQLITE_OK;
    of(f).sharing = false;
    auto& node = of(f).disk->nodes_[of(f).node];
    if (--node.sharers == 0) node.shared.clear();
    return SQLITE_OK;
  }

  static sqlite3_io_methods const methods;

  // --- the layer ---

  static int open(sqlite3_vfs* layer, char const* name, sqlite3_file* f, int flags, int* out_flags) {
    auto& disk = disk_of(layer);
    f->pMethods = nullptr;
    auto id = name == nullptr ? 0 : disk.find(name);
    if (name == nullptr) {
      id = ++disk.nodes_made_;
      disk.nodes_[id];
    }
    if (id == 0 && (flags & SQLITE_OPEN_CREATE) != 0) id = disk.make(name);
    if (id == 0) return SQLITE_CANTOPEN;
    new (f) file{{&methods}, &disk, id, false, false};
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* layer, char const* name, int sync_folder) {
    auto& disk = disk_of(layer);
    if (disk.find(name) == 0) return SQLITE_IOERR_DELETE_NOENT;
    if (!disk.remove(name)) return SQLITE_IOERR_DELETE;
    if (sync_folder != 0 && !disk.sync_names()) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* layer, char const* name, int /*flags*/, int* out) {
    *out = disk_of(layer).find(name) != 0 ? 1 : 0;
    return SQLITE_OK;
  }

  static int full_name(sqlite3_vfs*, char const* name, int size, char* out) {
    if (std::strlen(name) >= static_cast<std::size_t>(size)) return SQLITE_CANTOPEN;
    std::memcpy(out, name, std::strlen(name) + 1);
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs* layer, int size, char* out) {
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(disk_of(layer).random_.below(256));
    return size;
  }
};

sqlite3_io_methods const crash_layer::methods{
    2, // with shared memory, without memory mapping
    close,
    read,
    write,
    truncate,
    sync,
    size,
    [](sqlite3_file*, int) { return SQLITE_OK; },
    [](sqlite3_file*, int) { return SQLITE_OK; },
    [](sqlite3_file*, int* held) {
      *held = 0;
      return SQLITE_OK;
    },
    [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; },
    [](sqlite3_file*) { return 512; },
    [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; },
    map,
    [](sqlite3_file*, int, int, int) { return SQLITE_OK; },
    [](sqlite3_file*) {},
    unshare,
    nullptr,
    nullptr,
};

std::shared_ptr<sqlite3_vfs> make_crash_layer(crash_disk& disk, std::string const& name) {
  auto layer = std::make_shared<sqlite3_vfs>();
  layer->iVersion = 2;
  layer->szOsFile = static_cast<int>(sizeof(crash_layer::file));
  layer->mxPathname = longest_path;
  layer->zName = name.c_str();
  layer->pAppData = &disk;
  layer->xOpen = crash_layer::open;
  layer->xDelete = crash_layer::remove;
  layer->xAccess = crash_layer::access;
  layer->xFullPathname = crash_layer::full_name;
  layer->xRandomness = crash_layer::randomness;
  layer->xSleep = [](sqlite3_vfs*, int microseconds) { return microseconds; };
  layer->xCurrentTime = [](sqlite3_vfs*, double* out) {
    *out = static_cast<double>(julian_milliseconds) / 86'400'000.0;
    return SQLITE_OK;
  };
  layer->xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  layer->xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* out) {
    *out = julian_milliseconds;
    return SQLITE_OK;
  };
  sqlite3_vfs_register(layer.get(), 0);
  return layer;
}

void unmake_crash_layer(sqlite3_vfs& layer) { sqlite3_vfs_unregister(&layer); }

} // namespace paddler
