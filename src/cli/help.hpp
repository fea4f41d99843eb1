// Help that teaches: what a command is for, examples to copy, its flags with their defaults. At most 80 columns wide.
#pragma once
#include "cli/command_set.hpp"

#include <string>
#include <vector>

namespace paddler {

inline constexpr std::size_t help_columns = 80;

std::string print_overview(std::vector<declared_command> const& commands);
std::string print_help(declared_command const& command);

// Each line two spaces further in; every one is ended.
std::string indented(std::string_view lines);

// `text` in lines of at most `columns` characters, each but the first indented by `indent` spaces.
std::string wrap(std::string_view text, std::size_t columns, std::size_t indent);

} // namespace paddler
