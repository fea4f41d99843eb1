#include "cli/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <iostream>

namespace paddler {
namespace {

constexpr std::size_t usual_columns = 80;

std::string styled(text_style style, std::string_view text, bool wanted) {
  if (!wanted || style == text_style::plain) return std::string(text);
  static constexpr std::array codes{"0", "1", "2", "31", "32", "33"};
  return "\033[" + std::string(codes.at(static_cast<std::size_t>(style))) + "m" + std::string(text) + "\033[0m";
}

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_columns;
  return size.ws_col;
}

} // namespace

std::string console::on_out(text_style style, std::string_view text) const {
  return styled(style, text, colours_on_out);
}

std::string console::on_err(text_style style, std::string_view text) const {
  return styled(style, text, colours_on_err);
}

void console::print_error(error const& what) const {
  err << on_err(text_style::red, "paddler:") << " " << describe(what) << "\n" << std::flush;
}

void console::print_warning(std::string_view text) const {
  err << on_err(text_style::yellow, "warning:") << " " << text << "\n" << std::flush;
}

void console::print_note(std::string_view text) const {
  if (err_is_terminal) err << on_err(text_style::dim, text) << "\n" << std::flush;
}

exit_code console::fail_with(error const& what) const {
  print_error(what);
  return exit_code_for(what.code);
}

console process_console(environment const& surroundings) {
  bool const refused = surroundings.get("NO_COLOR").has_value();
  bool const forced = surroundings.get("CLICOLOR_FORCE").value_or("0") != "0";
  bool const dumb = surroundings.get("TERM").value_or("") == "dumb";
  auto const colours = [&](bool is_terminal) { return !refused && (forced || (is_terminal && !dumb)); };
  console out{.in = std::cin, .out = std::cout, .err = std::cerr};
  out.in_is_terminal = isatty(STDIN_FILENO) == 1;
  out.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  out.err_is_terminal = isatty(STDERR_FILENO) == 1;
  out.colours_on_out = colours(out.out_is_terminal);
  out.colours_on_err = colours(out.err_is_terminal);
  out.columns = out.out_is_terminal ? terminal_columns() : 0;
  return out;
}

} // namespace paddler
