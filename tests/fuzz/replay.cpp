// Runs a fuzz target over the files of the folders that are named: the corpus as a plain test.
#include "target.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int count, char** arguments) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < count; ++i)
    for (auto const& entry : std::filesystem::directory_iterator(arguments[i])) files.push_back(entry.path());
  std::ranges::sort(files);
  for (auto const& file : files) {
    std::printf("%s\n", file.c_str());
    std::fflush(stdout); // the last name printed is the culprit
    std::ifstream in(file, std::ios::binary);
    std::vector<char> const bytes{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
  }
  return files.empty() ? 1 : 0;
}
