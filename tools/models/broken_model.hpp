// Files that are not models, each broken in one way: for tests of bad input.
#pragma once
#include "base/result.hpp"

#include <filesystem>
#include <span>
#include <string_view>

namespace paddler {

struct broken_kind {
  std::string_view name;
  std::string_view what; // what is wrong with the file
};

std::span<broken_kind const> broken_kinds();

// `kind` is a name from broken_kinds().
result<void> write_broken_model(std::string_view kind, std::filesystem::path const& path);

} // namespace paddler
