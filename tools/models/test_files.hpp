// A folder of its own for the files that a test writes; gone when the test ends.
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

namespace paddler {

class test_files {
public:
  test_files() {
    auto pattern = (std::filesystem::temp_directory_path() / "paddler-models-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + pattern);
    folder_ = pattern;
  }

  ~test_files() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  test_files(test_files const&) = delete;
  test_files& operator=(test_files const&) = delete;

  std::filesystem::path path(std::string const& name) const { return folder_ / name; }

  std::string bytes(std::string const& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

private:
  std::filesystem::path folder_;
};

} // namespace paddler
