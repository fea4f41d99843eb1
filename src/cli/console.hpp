// Where a command reads and writes: data on `out`, everything else (progress, hints, errors) on `err`.
#pragma once
#include "base/result.hpp"
#include "cli/environment.hpp"
#include "cli/exit_code.hpp"

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>

namespace paddler {

enum class text_style { plain, bold, dim, red, green, yellow };

struct console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool colours_on_out = false;
  bool colours_on_err = false;
  std::size_t columns = 0; // of the terminal that `out` is; 0 where it is none

  // `text` in that style where `out`, or `err`, shows colours.
  [[nodiscard]] std::string on_out(text_style style, std::string_view text) const;
  [[nodiscard]] std::string on_err(text_style style, std::string_view text) const;

  // "paddler: MESSAGE", fields and hint, on `err`.
  void print_error(error const& what) const;

  // "warning: TEXT" on `err`: what a person should know though all went well.
  void print_warning(std::string_view text) const;

  // A line on `err` for people only: nothing where it is no terminal.
  void print_note(std::string_view text) const;

  // print_error, and the exit code for it.
  [[nodiscard]] exit_code fail_with(error const& what) const;
};

// Standard input, output and error. Colours as no-color.org and CLICOLOR_FORCE say; none with TERM=dumb.
console process_console(environment const& surroundings);

} // namespace paddler
