#include "store/crash_vfs.hpp"

#include <algorithm>
#include <atomic>

namespace paddler {
namespace {

constexpr std::size_t sector = 512;

std::string next_layer_name() {
  static std::atomic<std::uint64_t> made = 0;
  return "paddler-crash-" + std::to_string(++made);
}

std::unexpected<error> failed(std::string const& what, std::string const& path) {
  return fail(error_code::storage, "could not " + what + " " + path + ": the disk failed",
              "check the rights on the file and its folder");
}

void write_at(std::string& file, std::uint64_t at, std::string_view bytes) {
  if (file.size() < at + bytes.size()) file.resize(at + bytes.size());
  file.replace(at, bytes.size(), bytes);
}

bool toss(random_source& random) { return random.below(2) == 0; }

} // namespace

std::string_view to_string(power_cut_damage damage) {
  constexpr std::array<std::string_view, all_damages.size()> words{
      "dropped", "kept", "subset", "torn", "noise", "reordered", "sizes lost", "entries lost"};
  return words.at(static_cast<std::size_t>(damage));
}

void crash_disk::image::apply(change const& c) {
  switch (c.kind) {
  case change_kind::write: write_at(nodes[c.node], c.at, c.bytes); return;
  case change_kind::truncate: nodes[c.node].resize(c.at); return;
  case change_kind::add_name:
    names[c.bytes] = c.node;
    nodes[c.node]; // empty where nothing of it is durable
    return;
  case change_kind::remove_name: names.erase(c.bytes); return;
  }
}

// --- what a power cut leaves ---

class crash_disk::survivors {
public:
  survivors(image start, std::vector<change> pending, std::uint64_t seed)
      : image_(std::move(start)), pending_(std::move(pending)), random_(seed) {}

  image of(power_cut_damage damage) {
    lose_names(damage);
    if (damage == power_cut_damage::reordered) shuffle();
    std::map<std::uint64_t, std::string> const before = image_.nodes;
    for (auto& c : pending_) {
      bool const is_name = c.kind == change_kind::add_name || c.kind == change_kind::remove_name;
      if (is_name)
        image_.apply(c);
      else
        apply_content(c, damage);
    }
    if (damage == power_cut_damage::sizes_lost) lose_sizes(before);
    return std::move(image_);
  }

private:
  static bool names_something(change const& c) {
    return c.kind == change_kind::add_name || c.kind == change_kind::remove_name;
  }

  // The folder is journalled: of its changes a first part survives, never a later one without an earlier.
  void lose_names(power_cut_damage damage) {
    auto const count = static_cast<std::uint64_t>(std::ranges::count_if(pending_, names_something));
    std::uint64_t kept = random_.below(count + 1);
    if (damage == power_cut_damage::dropped) kept = 0;
    if (damage == power_cut_damage::entries_lost) kept = count == 0 ? 0 : random_.below(count);
    if (damage == power_cut_damage::kept) kept = count;
    std::uint64_t seen = 0;
    std::erase_if(pending_, [&](change const& c) { return names_something(c) && seen++ >= kept; });
  }

  void shuffle() {
    std::vector<change> names;
    std::ranges::copy_if(pending_, std::back_inserter(names), names_something);
    std::erase_if(pending_, names_something);
    for (std::size_t i = pending_.size(); i > 1; --i) std::swap(pending_[i - 1], pending_[random_.below(i)]);
    pending_.resize(random_.below(pending_.size() + 1));
    pending_.insert(pending_.end(), names.begin(), names.end());
  }

  void apply_content(change& c, power_cut_damage damage) {
    bool const is_write = c.kind == change_kind::write;
    switch (damage) {
    case power_cut_damage::dropped: return;
    case power_cut_damage::subset:
      if (toss(random_)) image_.apply(c);
      return;
    case power_cut_damage::torn:
      if (is_write)
        tear(c);
      else if (toss(random_))
        image_.apply(c);
      return;
    case power_cut_damage::noise:
      if (is_write) disturb(c.bytes);
      image_.apply(c);
      return;
    case power_cut_damage::sizes_lost:
      if (is_write) image_.apply(c);
      return;
    case power_cut_damage::kept:
    case power_cut_damage::reordered:
    case power_cut_damage::entries_lost: image_.apply(c); return;
    }
  }

  // Each sector of the medium that the write touches, on its own.
  void tear(change const& c) {
    for (std::size_t from = 0; from < c.bytes.size();) {
      std::size_t const to = std::min(c.bytes.size(), from + sector - (c.at + from) % sector);
      if (toss(random_)) write_at(image_.nodes[c.node], c.at + from, std::string_view(c.bytes).substr(from, to - from));
      from = to;
    }
  }

  void disturb(std::string& bytes) {
    for (std::size_t from = 0; from < bytes.size(); from += sector) {
      if (toss(random_)) continue;
      auto const size = std::min(sector, bytes.size() - from);
      for (auto flips = random_.below(8) + 1; flips > 0; --flips) {
        auto& byte = bytes[from + random_.below(size)];
        byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << random_.below(8)));
      }
    }
  }

  void lose_sizes(std::map<std::uint64_t, std::string> const& before) {
    for (auto& [id, bytes] : image_.nodes) {
      auto const old = before.find(id);
      std::size_t const size = old == before.end() ? 0 : old->second.size();
      if (bytes.size() <= size) continue;
      if (toss(random_))
        bytes.resize(size);
      else
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(), '\0');
    }
  }

  image image_;
  std::vector<change> pending_;
  random_source random_;
};

// --- the disk ---

crash_disk::crash_disk(std::uint64_t seed)
    : layer_name_(next_layer_name()), layer_(make_crash_layer(*this, layer_name_)), random_(seed) {}

crash_disk::~crash_disk() { unmake_crash_layer(*layer_); }

std::shared_ptr<crash_disk> crash_disk::after_power_cut(power_cut_damage damage, std::uint64_t seed) const {
  auto disk = std::make_shared<crash_disk>(seed);
  disk->nodes_made_ = nodes_made_;
  disk->durable_ = survivors(durable_, pending_, seed).of(damage);
  disk->names_ = disk->durable_.names;
  for (auto const& [name, id] : disk->names_) disk->nodes_[id].bytes = disk->durable_.nodes[id];
  return disk;
}

std::string crash_disk::content(std::string const& path) const {
  auto const id = find(path);
  return id == 0 ? std::string() : nodes_.at(id).bytes;
}

void crash_disk::set_content(std::string const& path, std::string bytes) {
  auto const id = ++nodes_made_;
  nodes_[id].bytes = bytes;
  names_[path] = id;
  durable_.nodes[id] = std::move(bytes);
  durable_.names[path] = id;
}

std::uint64_t crash_disk::used() const {
  std::uint64_t sum = 0;
  for (auto const& [path, id] : names_) sum += nodes_.at(id).bytes.size();
  return sum;
}

bool crash_disk::begin_operation() {
  ++operations_;
  return fault.first == 0 || operations_ < fault.first || operations_ - fault.first >= fault.count;
}

void crash_disk::change_now(change c) {
  switch (c.kind) {
  case change_kind::write: write_at(nodes_[c.node].bytes, c.at, c.bytes); break;
  case change_kind::truncate: nodes_[c.node].bytes.resize(c.at); break;
  case change_kind::add_name: names_[c.bytes] = c.node; break;
  case change_kind::remove_name: names_.erase(c.bytes); break;
  }
  pending_.push_back(std::move(c));
  if (during_operation) during_operation();
}

bool crash_disk::sync(std::uint64_t node, bool with_names) {
  bool const works = begin_operation();
  if (works && during_operation) during_operation();
  if (works && ignores_syncs) return true;
  std::vector<change> rest;
  for (auto& c : pending_) {
    bool const is_name = c.kind == change_kind::add_name || c.kind == change_kind::remove_name;
    bool const is_meant = is_name ? with_names && works : c.node == node;
    if (!is_meant)
      rest.push_back(std::move(c));
    else if (works)
      durable_.apply(c);
  }
  pending_ = std::move(rest);
  return works;
}

bool crash_disk::sync_names() { return sync(0, true); }

std::uint64_t crash_disk::find(std::string const& path) const {
  auto const at = names_.find(path);
  return at == names_.end() ? 0 : at->second;
}

std::uint64_t crash_disk::make(std::string const& path) {
  if (!begin_operation()) return 0;
  auto const id = ++nodes_made_;
  nodes_[id];
  change_now({change_kind::add_name, id, 0, path});
  return id;
}

bool crash_disk::remove(std::string const& path) {
  if (!begin_operation()) return false;
  change_now({change_kind::remove_name, find(path), 0, path});
  return true;
}

// --- as the store's files ---

result<std::shared_ptr<void>> crash_disk::blocking_lock(std::string const& path) {
  auto& held = locks_[path];
  if (!held.expired()) return fail(error_code::conflict, "the state database is in use (" + path + ")");
  auto lock = std::make_shared<int>(0);
  held = lock;
  return lock;
}

bool crash_disk::blocking_exists(std::string const& path) { return find(path) != 0; }

result<file_start> crash_disk::blocking_read_start(std::string const& path, std::size_t size) {
  if (find(path) == 0) return failed("open", path);
  return file_start{true, content(path).substr(0, size)};
}

result<void> crash_disk::blocking_create(std::string const& path) {
  if (find(path) != 0 || make(path) == 0) return failed("create", path);
  return {};
}

result<void> crash_disk::blocking_write(std::string const& path, std::uint64_t at, std::string_view bytes) {
  auto const id = find(path);
  if (id == 0 || !begin_operation()) return failed("write", path);
  auto const size = nodes_.at(id).bytes.size();
  auto const grown = std::max<std::uint64_t>(size, at + bytes.size());
  if (used() - size + grown > room) return fail(error_code::full, "could not write " + path + ": the disk is full");
  change_now({change_kind::write, id, at, std::string(bytes)});
  if (!sync(id, false)) return failed("sync", path);
  return {};
}

result<void> crash_disk::blocking_rename(std::string const& from, std::string const& to) {
  auto const id = find(from);
  if (id == 0 || !begin_operation()) return failed("rename", from);
  // One change of a journalled folder: the new name is never there without the old one being gone, nor the other way
  // round. Adding first and removing with it keeps that, as both stand or fall with the sync that follows.
  pending_.push_back({change_kind::remove_name, id, 0, from});
  names_.erase(from);
  change_now({change_kind::add_name, id, 0, to});
  if (!sync_names()) return failed("sync the folder of", to);
  return {};
}

void crash_disk::blocking_remove(std::string const& path) {
  if (find(path) != 0) remove(path);
}

} // namespace paddler
