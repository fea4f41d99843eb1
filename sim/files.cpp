#include "sim/files.hpp"

#include "runtime/race.hpp"
#include "runtime/timer.hpp"
#include "runtime/wakeup.hpp"

#include <algorithm>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr auto poll = 3s;
constexpr auto settle = 50ms;
constexpr double notice_lost = 0.1; // as on a file system without inotify: the next poll finds out

} // namespace

class sim_file final : public watched_file {
public:
  sim_file(sim_files& files, process& owner, std::string path)
      : files_(files), owner_(owner), path_(std::move(path)), changed_(owner.executor()) {
    files_.open_.push_back(this);
  }

  ~sim_file() override { std::erase(files_.open_, this); }

  result<std::string> blocking_read(std::string const& path, std::size_t limit) override {
    auto const found = files_.content(path);
    if (!found) return fail(error_code::not_found, path + " does not exist");
    if (found->size() > limit) return fail(error_code::too_large, path + " is too large");
    return *found;
  }

  task<> start() override {
    seen_ = files_.entries_[path_].changes;
    co_return;
  }

  task<bool> next_change() override {
    while (files_.entries_[path_].changes == seen_) {
      if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return false;
      co_await with_deadline(poll, changed_.wait());
    }
    for (auto before = seen_ - 1; before != seen_;) {
      before = seen_ = files_.entries_[path_].changes;
      if (!co_await sleep_for(settle)) co_return false;
      seen_ = files_.entries_[path_].changes;
    }
    co_return true;
  }

  [[nodiscard]] std::string const& path() const { return path_; }

  [[nodiscard]] process& owner() const { return owner_; }

  void notify() { changed_.notify_all(); }

private:
  sim_files& files_;
  process& owner_;
  std::string path_;
  std::uint64_t seen_ = 0;
  wakeup changed_;
};

void sim_files::replace(std::string const& path, std::string content) {
  entries_[path].content = std::move(content);
  changed(path);
}

void sim_files::remove(std::string const& path) {
  entries_[path].content.reset();
  changed(path);
}

std::optional<std::string> sim_files::content(std::string const& path) const {
  auto const at = entries_.find(path);
  return at == entries_.end() ? std::nullopt : at->second.content;
}

std::unique_ptr<watched_file> sim_files::open(std::string const& path) {
  return std::make_unique<sim_file>(*this, *sim_.current(), path);
}

// A reader may be gone when its turn comes.
void sim_files::changed(std::string const& path) {
  ++entries_[path].changes;
  changed_at_ = sim_.now();
  for (auto* const each : open_) {
    if (each->path() != path || sim_.likely(notice_lost)) continue;
    sim_.after(1ms, each->owner(), [this, each] {
      if (std::ranges::find(open_, each) != open_.end()) each->notify();
    });
  }
}

} // namespace paddler_sim
