#include "cli/dump.hpp"

#include "cli/api_client.hpp"
#include "cli/units.hpp"
#include "runtime/files.hpp"
#include "wire/dump_codec.hpp"

#include <ostream>

namespace paddler {
namespace {

constexpr unsigned private_mode = 0600;

exit_code write(dump_command const& wanted, std::string const& dump, console& terminal) {
  auto const written = wanted.force ? blocking_write_file_atomically(wanted.file, dump, private_mode)
                                    : blocking_write_new_file(wanted.file, dump, private_mode);
  if (!written) {
    auto why = written.error();
    why.message.insert(0, "-o: ");
    if (why.code != error_code::conflict) return terminal.fail_with(why);
    why.hint = "Name another file, or replace this one with --force.";
    terminal.print_error(why);
    return exit_code::failure;
  }
  terminal.err << wanted.file << ": " << print_bytes(dump.size()) << "; look at what happened: paddler replay "
               << wanted.file << "\n"
               << std::flush;
  return exit_code::success;
}

} // namespace

exit_code run_dump(dump_command const& wanted, console& terminal) {
  auto const answer = blocking_call_api(management_server(wanted.management),
                                        {.target = management_target("dump"), .answer_limit = dump_limits.bytes});
  if (!answer) return terminal.fail_with(answer.error());
  if (!wanted.file.empty() && wanted.file != "-") return write(wanted, answer->body, terminal);
  terminal.out << answer->body << (answer->body.ends_with('\n') ? "" : "\n") << std::flush;
  return exit_code::success;
}

} // namespace paddler
