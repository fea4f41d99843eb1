// Changes of fields, losses and sources as a person reads them. Pure but for the console's colours.
#pragma once
#include "cli/console.hpp"
#include "model/fields.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace paddler {

// "- agents/a1.slots: 4" and "+ agents/a1.slots: 8"; a text of several lines as an indented unified diff of its own.
// `more`: changes that are not listed.
std::string text_of_changes(std::span<field_change const> changes, std::uint64_t more, console const& terminal);

// On one line, for a column: "agents/a1.slots:4->8,+2" (the first one, and how many more there are).
std::string summary_of_changes(std::span<field_change const> changes, std::uint64_t more);

// A value whole, on one line: text in quotes.
std::string text_of_value(field_value const& value);

// "agents/a1.slots: 8 is not in effect: file /etc/c.yaml decides it (4)"; it says whose word was lost where that is not
// the API's.
std::string text_of_loss(lost_field const& loss);

// "api", "file:/etc/c.yaml", "discovery:a1": without spaces, for columns.
std::string cell_of(source_id const& source);

} // namespace paddler
