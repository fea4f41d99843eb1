// A disk that exists in memory only, as a file layer for SQLite and as the store's own files, whose power can be cut:
// what was written and not synced may then be there, be gone, or be there in part. For tests and for the simulator; no
// real file, clock or random number is touched, so that the same calls always give the same bytes.
//
// The model, after what POSIX promises and no more: a write, a truncation or a change of the folder is seen by
// everybody at once and survives a power cut only after a sync of its file or folder. Until then it is *pending*.
// SQLite syncs the folder with the first sync of each log and journal that it made, and so does this disk. Bytes
// outside of what was written never suffer (SQLite calls that powersafe overwrite, and assumes it of every Unix disk).
//
// Threads: one at a time. Nothing here blocks.
#pragma once
#include "base/random.hpp"
#include "store/store_files.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3_vfs;

namespace paddler {

// What a power cut does to the pending changes.
enum class power_cut_damage {
  dropped,      // none survives
  kept,         // all survive
  subset,       // each survives or does not
  torn,         // of each write, some sectors of 512 bytes survive
  noise,        // all survive, but some sectors come with flipped bits
  reordered,    // some survive, in another order, across all files
  sizes_lost,   // bytes survive, sizes do not: what was appended is gone, or is zeros
  entries_lost, // bytes survive, names do not: files that were made, removed or renamed are as before
};

inline constexpr std::array all_damages{
    power_cut_damage::dropped,    power_cut_damage::kept,         power_cut_damage::subset,
    power_cut_damage::torn,       power_cut_damage::noise,        power_cut_damage::reordered,
    power_cut_damage::sizes_lost, power_cut_damage::entries_lost,
};

std::string_view to_string(power_cut_damage damage);

// Operations from number `first` on, counted from 1, fail with an input/output error. A failed sync makes what was
// pending in its file neither durable nor ever so again, as Linux does it.
struct disk_fault {
  std::uint64_t first = 0; // 0: none
  std::uint64_t count = 1; // how many in a row
};

class crash_disk : public store_files {
public:
  explicit crash_disk(std::uint64_t seed = 0);
  ~crash_disk() override; // after every connection to it is closed

  // Operations that change the disk since it was made: write, truncate, sync, create, remove, rename.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

  // Called in the middle of each such operation: what it changes is pending, what it syncs is still so.
  std::function<void()> during_operation;

  disk_fault fault;
  bool ignores_syncs = false; // a disk that says that it synced and did not

  // Bytes of all files together: a write of SQLite that needs more fails for want of room. May be set by another
  // thread.
  std::atomic<std::uint64_t> room = std::numeric_limits<std::uint64_t>::max();

  [[nodiscard]] std::uint64_t used() const;

  // What is found when the power is cut at this instant and comes back. The same arguments give the same bytes.
  [[nodiscard]] std::shared_ptr<crash_disk> after_power_cut(power_cut_damage damage, std::uint64_t seed) const;

  // For tests that look at files or damage them; both are durable at once.
  [[nodiscard]] std::string content(std::string const& path) const;
  void set_content(std::string const& path, std::string bytes);

  [[nodiscard]] std::string sqlite_layer() const override { return layer_name_; }

  result<std::shared_ptr<void>> blocking_lock(std::string const& path) override;
  bool blocking_exists(std::string const& path) override;
  result<file_start> blocking_read_start(std::string const& path, std::size_t size) override;
  result<void> blocking_create(std::string const& path) override;
  result<void> blocking_write(std::string const& path, std::uint64_t at, std::string_view bytes) override;
  result<void> blocking_rename(std::string const& from, std::string const& to) override;
  void blocking_remove(std::string const& path) override;

private:
  friend struct crash_layer; // SQLite's side of it

  // A file without its name. `shared` is SQLite's shared memory beside it, which no power cut survives.
  struct node {
    std::string bytes;
    std::map<int, std::vector<char>> shared; // by region
    int sharers = 0;
  };

  enum class change_kind { write, truncate, add_name, remove_name };

  struct change {
    change_kind kind = change_kind::write;
    std::uint64_t node = 0;
    std::uint64_t at = 0; // offset, or size
    std::string bytes;    // data, or name
  };

  // Files as they are on the medium.
  struct image {
    std::map<std::uint64_t, std::string> nodes;
    std::map<std::string, std::uint64_t> names;
    void apply(change const& c);
  };

  class survivors; // of a power cut

  bool begin_operation();    // counts one; false where it fails
  void change_now(change c); // everybody sees it; pending
  bool sync(std::uint64_t node, bool with_names);
  bool sync_names();
  bool remove(std::string const& path);
  [[nodiscard]] std::uint64_t find(std::string const& path) const; // 0 where it is not
  std::uint64_t make(std::string const& path);

  std::string const layer_name_;
  std::shared_ptr<sqlite3_vfs> layer_;
  std::uint64_t operations_ = 0;
  std::uint64_t nodes_made_ = 0;
  random_source random_;
  std::map<std::uint64_t, node> nodes_;
  std::map<std::string, std::uint64_t> names_;
  image durable_;
  std::vector<change> pending_; // in the order in which they were made
  std::map<std::string, std::weak_ptr<void>> locks_;
};

// SQLite's side of a disk: registers a file layer of that name, until it goes.
std::shared_ptr<sqlite3_vfs> make_crash_layer(crash_disk& disk, std::string const& name);
void unmake_crash_layer(sqlite3_vfs& layer);

} // namespace paddler
