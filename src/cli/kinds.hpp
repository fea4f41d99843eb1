// What can be shown: kinds of objects with all their names.
#pragma once
#include "base/result.hpp"
#include "cli/command.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

struct kind_words {
  view_kind kind;
  std::string_view plural;                  // also the path of the API
  std::string_view singular;                // also what an error calls it
  std::array<std::string_view, 2> shorts{}; // other names
  std::string_view when_none{};             // what a person should know where the list is empty
};

// In the order of the enumeration.
std::span<kind_words const> all_kinds();
kind_words const& words_of(view_kind kind);

// By any of its names.
std::optional<view_kind> kind_named(std::string_view word);

// The same, or an error with the kinds that there are and the nearest of them; `allowed` in plural.
result<view_kind> parse_kind(std::string_view word, std::span<std::string_view const> allowed);

// "agents/a1" → "agents" and "a1", where no name was given beside it.
void split_kind_and_name(std::string& kind, std::string& name);

} // namespace paddler
