#include "hub/model_digest.hpp"

#include "runtime/sha256.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

// Adds `bytes` from `at` on; a file that is shorter by now gives an error.
result<void> add_range(sha256& digest, std::ifstream& file, std::string const& path, std::uint64_t at,
                       std::uint64_t bytes, std::atomic<bool> const& stop) {
  std::vector<char> piece(piece_bytes);
  file.seekg(static_cast<std::streamoff>(at));
  while (bytes > 0) {
    if (stop) return fail(error_code::cancelled, "the digest is not needed any more");
    auto const wanted = std::min<std::uint64_t>(bytes, piece.size());
    file.read(piece.data(), static_cast<std::streamsize>(wanted));
    if (static_cast<std::uint64_t>(file.gcount()) != wanted)
      return fail(error_code::storage, "'" + path + "' could not be read to its end");
    auto const* const first = reinterpret_cast<unsigned char const*>(piece.data());
    digest.add({first, static_cast<std::size_t>(wanted)});
    bytes -= wanted;
  }
  return {};
}

} // namespace

result<std::string> blocking_digest_model(std::string const& path, std::atomic<bool> const& stop,
                                          digest_limits limits) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return fail(error_code::not_found, "there is no file '" + path + "' to read: " + std::strerror(errno));
  auto const bytes = static_cast<std::uint64_t>(file.tellg());
  bool const whole = bytes <= limits.whole;
  sha256 digest;
  result<void> added;
  if (whole) {
    added = add_range(digest, file, path, 0, bytes, stop);
  } else {
    digest.add_number(bytes);
    added = add_range(digest, file, path, 0, limits.edge, stop);
    if (added) added = add_range(digest, file, path, bytes - limits.edge, limits.edge, stop);
  }
  if (!added) return std::unexpected(std::move(added).error());
  return (whole ? "sha256:" : "edges:") + to_hex(digest.finish());
}

std::optional<std::string> model_digests::find(file_identity const& file) const {
  std::scoped_lock const lock(mutex_);
  auto const at = std::ranges::find(entries_, file, &entry::file);
  return at == entries_.end() ? std::nullopt : std::optional(at->digest);
}

void model_digests::note(file_identity const& file, std::string digest) {
  std::scoped_lock const lock(mutex_);
  if (std::ranges::find(entries_, file, &entry::file) == entries_.end()) entries_.push({file, std::move(digest)});
}

} // namespace paddler
