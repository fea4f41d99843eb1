#include "engine/engine_host.hpp"

#include "engine/child_process.hpp"
#include "runtime/files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace paddler {
namespace {

result<void> blocking_make_directory(std::string const& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(error_code::storage, "cannot make the folder '" + path + "': " + std::strerror(errno),
                "choose a folder that paddler may write to");
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
    return fail(error_code::storage, "'" + path + "' is not a folder", "remove it, or choose another folder");
  if (facts.st_uid != ::geteuid() || (facts.st_mode & 077U) != 0)
    return fail(error_code::storage, "'" + path + "' is open to other users",
                "choose a folder of your own with mode 0700: engines' sockets lie in it");
  return {};
}

class machine_host final : public engine_host {
public:
  result<void> blocking_prepare(std::vector<std::string> const& folders, engine_files const& files,
                                std::string const& chat_template) override {
    for (auto const& folder : folders)
      if (auto made = blocking_make_directory(folder); !made) return made;
    ::unlink(files.socket_path.c_str());
    if (chat_template.empty()) return {};
    return blocking_write_file_atomically(files.chat_template_path, chat_template, 0600);
  }

  result<std::shared_ptr<engine_child>> start(asio::any_io_executor const& executor, child_command const& command,
                                              output_lines::handler on_line) override {
    auto child = child_process::spawn(executor, command, std::move(on_line));
    if (!child) return std::unexpected(std::move(child).error());
    return std::shared_ptr<engine_child>(std::move(*child));
  }

  void blocking_clean(engine_files const& files) override {
    ::unlink(files.socket_path.c_str());
    ::unlink(files.chat_template_path.c_str());
  }
};

} // namespace

std::shared_ptr<engine_host> machine_engine_host() { return std::make_shared<machine_host>(); }

} // namespace paddler
