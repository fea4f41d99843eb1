#include "store/end_marker.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace paddler {
namespace {

// Far enough apart that no device writes both at once.
constexpr std::size_t slot_bytes = 4096;

constexpr std::string_view magic = "paddler end of log 1\n";
constexpr std::size_t digest_bytes = row_digest{}.size();
constexpr std::size_t content_bytes = magic.size() + digest_bytes + sizeof(std::uint64_t) + digest_bytes;
constexpr std::size_t written_bytes = content_bytes + digest_bytes;

void append(std::string& out, row_digest const& digest) { out.append(digest.begin(), digest.end()); }

row_digest checksum_of(std::string_view content) {
  auto const* const bytes = reinterpret_cast<unsigned char const*>(content.data());
  return digest_of_identity({bytes, content.size()}); // any SHA-256 will do
}

std::string slot_of(marked_end const& end) {
  std::string out(magic);
  append(out, end.database);
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(end.last.value >> shift & 0xFFU);
  append(out, end.digest);
  append(out, checksum_of(out));
  return out;
}

row_digest digest_at(std::string_view bytes) {
  row_digest out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

// Nothing where it is empty, half written or damaged.
std::optional<marked_end> read_slot(std::string_view bytes) {
  if (bytes.size() < written_bytes || !bytes.starts_with(magic)) return std::nullopt;
  if (digest_at(bytes.substr(content_bytes)) != checksum_of(bytes.substr(0, content_bytes))) return std::nullopt;
  bytes.remove_prefix(magic.size());
  marked_end out;
  out.database = digest_at(bytes);
  bytes.remove_prefix(digest_bytes);
  for (unsigned i = 0; i < sizeof(std::uint64_t); ++i)
    out.last.value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  out.digest = digest_at(bytes.substr(sizeof(std::uint64_t)));
  return out;
}

std::string number(revision which) { return std::to_string(which.value); }

} // namespace

result<void> end_marker::blocking_check(marked_end const& found) {
  exists_ = files_.blocking_exists(path_);
  if (!exists_) return {}; // a database from before there were markers, or a copy
  auto const start = files_.blocking_read_start(path_, slots * slot_bytes);
  if (!start) return std::unexpected(start.error());
  auto const bytes = std::string_view(start->bytes);
  for (std::size_t i = 0; i < slots; ++i)
    written_.at(i) = read_slot(bytes.substr(std::min(i * slot_bytes, bytes.size())));
  auto const newest = std::ranges::max(written_, {}, [](auto const& each) { return each ? each->last.value + 1 : 0; });
  std::string const mend = "; to go on with this database as it is, move " + path_ + " away";
  if (!newest)
    return fail(error_code::storage, "the end marker " + path_ + " is damaged",
                "look at the medium, and restore a backup if in doubt" + mend);
  if (newest->database != found.database)
    return fail(error_code::storage, "the end marker " + path_ + " belongs to another database",
                "put that database back" + mend);
  bool const is_other = newest->last == found.last && newest->digest != found.digest;
  if (newest->last > found.last || is_other)
    return fail(error_code::storage,
                "the event log is damaged: it ends at revision " + number(found.last) + ", and " +
                    (is_other ? "another" : "revision " + number(newest->last)) + " was acknowledged",
                "restore the state database from a backup" + mend);
  return {};
}

result<void> end_marker::blocking_write(marked_end const& end) {
  if (std::ranges::find(written_, end) != written_.end()) return {};
  if (!exists_) return create(end);
  // The older one goes.
  auto const age = [](auto const& each) { return each ? each->last.value + 1 : 0; };
  auto const slot = static_cast<std::size_t>(std::ranges::min_element(written_, {}, age) - written_.begin());
  written_.at(slot).reset(); // where the write fails, nobody knows what it holds
  if (auto written = files_.blocking_write(path_, slot * slot_bytes, slot_of(end)); !written) return written;
  written_.at(slot) = end;
  return {};
}

// Under another name until it is whole: after a crash there is none, or one that says something.
result<void> end_marker::create(marked_end const& end) {
  auto const temporary = path_ + ".new";
  files_.blocking_remove(temporary);
  if (auto created = files_.blocking_create(temporary); !created) return created;
  auto bytes = slot_of(end);
  bytes.resize(slots * slot_bytes);
  if (auto written = files_.blocking_write(temporary, 0, bytes); !written) return written;
  if (auto renamed = files_.blocking_rename(temporary, path_); !renamed) return renamed;
  exists_ = true;
  written_.at(0) = end;
  return {};
}

} // namespace paddler
