#include "cli/apply.hpp"

#include "runtime/files.hpp"
#include "wire/json_codec.hpp"

#include <istream>
#include <iterator>
#include <ostream>

namespace paddler {
namespace {

result<std::string> read_standard_input(console& terminal) {
  std::string text;
  std::array<char, 65536> piece{};
  while (terminal.in.read(piece.data(), piece.size()) || terminal.in.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(terminal.in.gcount()));
    if (text.size() > max_document_bytes) {
      return fail(error_code::too_large,
                  "standard input holds more than " + std::to_string(max_document_bytes) + " bytes");
    }
  }
  return text;
}

result<std::string> read_document(std::string const& file, console& terminal) {
  auto text = file == "-" ? read_standard_input(terminal) : blocking_read_file(file, max_document_bytes);
  if (text) return text;
  return fail(text.error().code, "-f: " + text.error().message,
              "Give the path of a desired state in YAML or JSON, or - for standard input.");
}

bool is_json(std::string const& file, std::string_view document) {
  auto const first = document.find_first_not_of(" \t\r\n");
  return file.ends_with(".json") || (first != std::string_view::npos && document[first] == '{');
}

// Errors of the document read "FILE:LINE: PATH: ...", as editors and people know it.
void print_refusal(error why, std::string const& file, console& terminal) {
  auto const name = file == "-" ? "standard input" : file;
  for (auto const& field : why.fields) {
    terminal.err << name << ":" << (field.line > 0 ? std::to_string(field.line) + ":" : "") << " "
                 << (field.path.empty() ? "" : field.path + ": ") << field.message
                 << (field.hint.empty() ? "" : " (" + field.hint + ")") << "\n";
  }
  if (!why.fields.empty() && why.message.find("othing was changed") == std::string::npos)
    why.message += "; nothing was changed";
  why.fields.clear();
  if (why.code == error_code::conflict)
    why.hint = "See what is wanted by now: paddler get desired. Merge your change into it and apply that.";
  terminal.print_error(why);
}

exit_code report(apply_command const& wanted, api_answer const& answer, console& terminal) {
  auto const parsed = parse_json(answer.body);
  if (!parsed) {
    terminal.print_error(error_of(answer));
    return exit_code::failure;
  }
  auto const* const changed = item_of(*parsed, "changed");
  bool const is_changed = changed == nullptr || changed->boolean;
  auto const revision = text_of(item_of(*parsed, "revision"));
  if (auto const* const warnings = item_of(*parsed, "warnings"))
    for (auto const& warning : warnings->items) terminal.err << "warning: " << warning.text << "\n";
  if (is_changed) {
    terminal.out << "applied: revision " << revision << "\n" << std::flush;
    if (terminal.err_is_terminal) terminal.err << terminal.on_err(text_style::dim, "next: paddler get agents") << "\n";
    return exit_code::success;
  }
  terminal.out << "unchanged: revision " << revision << "\n" << std::flush;
  return wanted.error_unchanged ? exit_code::unchanged : exit_code::success;
}

} // namespace

api_request apply_request(apply_command const& wanted, std::string document) {
  api_request out{.method = "PUT", .target = "/management/v1/desired"};
  out.headers.emplace_back("Content-Type", is_json(wanted.file, document) ? "application/json" : "application/yaml");
  if (wanted.if_revision) out.headers.emplace_back("If-Match", "\"" + std::to_string(*wanted.if_revision) + "\"");
  out.body = std::move(document);
  return out;
}

exit_code run_apply(apply_command const& wanted, console& terminal) {
  auto document = read_document(wanted.file, terminal);
  if (!document) {
    terminal.print_error(document.error());
    return exit_code_for(document.error().code);
  }
  auto const answer =
      blocking_call_api(management_server(wanted.management), apply_request(wanted, std::move(*document)));
  if (answer) return report(wanted, *answer, terminal);
  print_refusal(answer.error(), wanted.file, terminal);
  return exit_code_for(answer.error().code);
}

} // namespace paddler
