#include "cli/shared_flags.hpp"

#include <limits>

namespace paddler {
namespace {

flag output_flag(std::string help, std::string usual) {
  return {.name = "-o,--output", .value = "FORMAT", .help = std::move(help), .default_text = std::move(usual)};
}

} // namespace

void add_management(flag_set& flags, host_and_port& out) {
  flags.add({.name = "--management",
             .value = "URL|HOST:PORT",
             .help = "The balancer's management API",
             .default_text = "127.0.0.1:8060",
             .variable = "PADDLER_MANAGEMENT"},
            set_server_address(out, default_management_port));
}

void add_document(flag_set& flags, std::string& file) {
  flags.add({.name = "-f,--file",
             .value = "FILE",
             .help = "The document, YAML or JSON; - reads standard input",
             .completed = completed_by::files},
            set_text(file));
}

std::unexpected<error> no_document(std::string const& command) {
  return fail(error_code::invalid_input, "no document was named",
              "paddler " + command + " -f FILE, or -f - for standard input");
}

void add_list_output(flag_set& flags, std::optional<output_format>& out) {
  flags.add_word(output_flag("table, wide, json, yaml or name (KIND/NAME each)", "table"), out,
                 {"table", "wide", "json", "yaml", "name"});
}

void add_table_output(flag_set& flags, std::optional<output_format>& out) {
  flags.add_word(output_flag("table, wide, json or yaml", "table"), out, {"table", "wide", "json", "yaml"});
}

void add_document_output(flag_set& flags, std::optional<output_format>& out, std::string usual) {
  auto words = output_flag("json or yaml", std::move(usual));
  words.choices = {"json", "yaml"};
  auto const set = [&out](std::string const& text) -> result<void> {
    static constexpr std::array<std::string_view, 2> formats{"json", "yaml"};
    auto const index = parse_word(text, formats);
    if (!index) return std::unexpected(index.error());
    out = *index == 0 ? output_format::json : output_format::yaml;
    return {};
  };
  flags.add(std::move(words), set);
}

void add_if_revision(flag_set& flags, std::optional<std::uint64_t>& out) {
  flags.add({.name = "--if-revision",
             .value = "N",
             .help = "Only if desired state is still at this revision; exit code 5 if not"},
            set_number(out, 0, std::numeric_limits<std::uint64_t>::max()));
}

} // namespace paddler
