#include "runtime/watched_file.hpp"

#include "runtime/file_watcher.hpp"

#include <utility>

namespace paddler {
namespace {

class file_of_this_machine final : public watched_file {
public:
  file_of_this_machine(asio::any_io_executor const& executor, blocking_executor& pool, std::string path)
      : watcher_(executor, pool, std::move(path), {.folder_limit = max_files_in_folder}) {}

  result<std::string> blocking_read(std::string const& path, std::size_t limit) override {
    return blocking_read_file(path, limit);
  }

  [[nodiscard]] bool is_folder() const override { return watcher_.is_folder(); }

  [[nodiscard]] file_identities files() const override { return watcher_.files(); }

  task<> start() override { return watcher_.start(); }

  task<bool> next_change() override { return watcher_.next_change(); }

private:
  file_watcher watcher_;
};

} // namespace

std::unique_ptr<watched_file> watch_file(asio::any_io_executor const& executor, blocking_executor& pool,
                                         std::string path) {
  return std::make_unique<file_of_this_machine>(executor, pool, std::move(path));
}

} // namespace paddler
