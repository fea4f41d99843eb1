// What model files say of themselves, read once as long as they stay the same: many states are checked against few
// files, and the header of a large vocabulary has megabytes.
#pragma once
#include "base/result.hpp"
#include "core/engine/gguf.hpp"
#include "runtime/files.hpp"

#include <cstddef>
#include <list>
#include <mutex>
#include <string>

namespace paddler {

inline constexpr std::size_t max_cached_headers = 64;

// Callable from any thread.
class model_headers {
public:
  explicit model_headers(std::size_t limit = max_cached_headers) : limit_(limit) {}

  // blocking_inspect_model(), or what it said of this very file (by path, identity, size and time of change) before.
  // What is wrong with a file is looked at anew each time.
  result<gguf_info> blocking_inspect(std::string const& path);

  // How often a file was read, for tests.
  [[nodiscard]] std::size_t reads() const;

private:
  struct entry {
    std::string path;
    file_identity file;
    gguf_info info;
  };

  std::size_t const limit_;
  mutable std::mutex mutex_; // guards what follows it
  std::list<entry> entries_; // the one used last comes first
  std::size_t reads_ = 0;
};

} // namespace paddler
