#include "hub/model_headers.hpp"

#include "hub/local_models.hpp"

#include <algorithm>
#include <utility>

namespace paddler {

result<gguf_info> model_headers::blocking_inspect(std::string const& path) {
  auto const before = blocking_identify_file(path);
  if (before) {
    std::scoped_lock const lock(mutex_);
    auto const at =
        std::ranges::find_if(entries_, [&](entry const& each) { return each.path == path && each.file == *before; });
    if (at != entries_.end()) {
      entries_.splice(entries_.begin(), entries_, at);
      return at->info;
    }
  }
  auto info = blocking_inspect_model(path);
  std::scoped_lock const lock(mutex_);
  ++reads_;
  if (!info || !before || blocking_identify_file(path) != before) return info; // it changed while it was read
  std::erase_if(entries_, [&](entry const& each) { return each.path == path; });
  entries_.push_front({path, *before, *info});
  if (entries_.size() > limit_) entries_.pop_back();
  return info;
}

std::size_t model_headers::reads() const {
  std::scoped_lock const lock(mutex_);
  return reads_;
}

} // namespace paddler
