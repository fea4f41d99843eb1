#include "hub/local_models.hpp"

#include "runtime/owned_descriptor.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace paddler {
namespace {

constexpr std::uint64_t first_window_bytes = 1024 * 1024;

std::string quoted(std::string const& path) { return "'" + path + "'"; }

std::unexpected<error> refused(std::string const& path, int code) {
  if (code == ENOENT || code == ENOTDIR)
    return fail(error_code::not_found, "there is no model file " + quoted(path), "name the path of a GGUF file");
  if (code == EACCES)
    return fail(error_code::storage, "the model file " + quoted(path) + " may not be read",
                "give its reader permission");
  return fail(error_code::storage, "the model file " + quoted(path) + " cannot be read: " + std::strerror(code));
}

// Its length. O_NONBLOCK at opening keeps a pipe from blocking for ever.
result<std::uint64_t> regular_file_bytes(int fd, std::string const& path) {
  struct stat facts{};
  if (::fstat(fd, &facts) != 0) return refused(path, errno);
  if (S_ISREG(facts.st_mode)) return static_cast<std::uint64_t>(facts.st_size);
  return fail(error_code::invalid_input,
              quoted(path) + (S_ISDIR(facts.st_mode) ? " is a folder" : " is not a regular file"),
              "name the path of a GGUF file");
}

// Reads on until `window` has `size` bytes or the file ends.
result<void> extend(int fd, std::string const& path, std::vector<std::byte>& window, std::uint64_t size) {
  std::size_t filled = window.size();
  window.resize(size);
  while (filled < window.size()) {
    auto const n = ::pread(fd, window.data() + filled, window.size() - filled, static_cast<off_t>(filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return refused(path, errno);
    if (n == 0) break;
    filled += static_cast<std::size_t>(n);
  }
  window.resize(filled);
  return {};
}

error about(std::string const& path, error what) {
  what.message = quoted(path) + " " + what.message;
  return what;
}

} // namespace

result<gguf_info> blocking_inspect_model(std::string const& path) {
  if (path.find('\0') != path.npos) return refused(path, ENOENT);
  owned_descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return refused(path, errno);
  auto const bytes = regular_file_bytes(file.get(), path);
  if (!bytes) return std::unexpected(bytes.error());
  std::vector<std::byte> window;
  for (std::uint64_t wanted = first_window_bytes;;) {
    if (auto read = extend(file.get(), path, window, std::min(wanted, *bytes)); !read)
      return std::unexpected(read.error());
    auto parsed = parse_gguf(window, *bytes);
    if (auto* info = std::get_if<gguf_info>(&parsed)) return std::move(*info);
    if (auto* wrong = std::get_if<error>(&parsed)) return std::unexpected(about(path, std::move(*wrong)));
    auto const needed = std::get<gguf_needs_more>(parsed).bytes;
    if (needed > max_gguf_header_bytes)
      return fail(error_code::invalid_input,
                  quoted(path) + " has a header of more than " + std::to_string(max_gguf_header_bytes) + " bytes");
    if (window.size() < std::min(wanted, *bytes))
      return fail(error_code::storage, quoted(path) + " became shorter while it was read");
    wanted = std::min(std::max(needed, wanted * 4), max_gguf_header_bytes);
  }
}

} // namespace paddler
