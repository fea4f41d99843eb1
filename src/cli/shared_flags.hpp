// Flags that mean the same wherever they stand.
#pragma once
#include "cli/command_set.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace paddler {

void add_management(flag_set& flags, host_and_port& out);

// -f FILE, and the error where it was left out; `command` as in "apply".
void add_document(flag_set& flags, std::string& file);
std::unexpected<error> no_document(std::string const& command);

// -o FORMAT of lists: table, wide, json, yaml or name.
void add_list_output(flag_set& flags, std::optional<output_format>& out);

// The same without name.
void add_table_output(flag_set& flags, std::optional<output_format>& out);

// -o json or yaml; `usual`: what is printed without it.
void add_document_output(flag_set& flags, std::optional<output_format>& out, std::string usual);

void add_if_revision(flag_set& flags, std::optional<std::uint64_t>& out);

// A function that finishes a command without anything left to look at.
template <class Command> auto as_given(std::shared_ptr<Command> given) {
  return [given](environment const&) -> result<command> { return *given; };
}

} // namespace paddler
