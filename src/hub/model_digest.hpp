// What a model file holds, in one short text: whether the file under a path is still the one that was loaded, though it
// was touched, copied or brought back.
#pragma once
#include "base/bounded.hpp"
#include "base/result.hpp"
#include "runtime/files.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace paddler {

// Larger files would take minutes: of these only header and tail are looked at, with the size.
inline constexpr std::uint64_t max_whole_digest_bytes = std::uint64_t{4} << 30U;
inline constexpr std::uint64_t digest_edge_bytes = std::uint64_t{16} << 20U; // at either end

struct digest_limits {
  std::uint64_t whole = max_whole_digest_bytes;
  std::uint64_t edge = digest_edge_bytes;
};

// "sha256:HEX" of the whole file, as `sha256sum` prints it, or "edges:HEX": SHA-256 of its size as eight bytes (the
// lowest first), its first and its last `edge` bytes. Reads up to 4 GiB; ends soon with `cancelled` where `stop` is
// set. Errors: not_found, storage.
result<std::string> blocking_digest_model(std::string const& path, std::atomic<bool> const& stop,
                                          digest_limits limits = {});

inline constexpr std::size_t max_known_digests = 64;

// Digests that were worked out, by the file's identity: another engine on the same file need not read it again.
// Callable from any thread.
class model_digests {
public:
  [[nodiscard]] std::optional<std::string> find(file_identity const& file) const;

  // The newest max_known_digests are kept.
  void note(file_identity const& file, std::string digest);

private:
  struct entry {
    file_identity file;
    std::string digest;
  };

  mutable std::mutex mutex_; // guards what follows it
  bounded_ring<entry> entries_{max_known_digests};
};

} // namespace paddler
