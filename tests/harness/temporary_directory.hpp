// A folder for one test, removed with everything in it.
#pragma once
#include "harness/names.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace paddler_test {

// Short, so that Unix sockets fit below it.
class temporary_directory {
public:
  temporary_directory();
  ~temporary_directory();
  temporary_directory(temporary_directory const&) = delete;
  temporary_directory& operator=(temporary_directory const&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }

  [[nodiscard]] std::string path(std::string_view name) const { return (path_ / name).string(); }

  // Writes a file of this name, whole, and gives its path.
  [[nodiscard]] std::string write(std::string_view name, std::string_view content) const;

private:
  std::filesystem::path path_;
};

std::string read_whole_file(std::string const& path);
void write_whole_file(std::string const& path, std::string_view content);

} // namespace paddler_test
