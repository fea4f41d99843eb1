#include "cli/validate.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "core/state/validation.hpp"
#include "wire/desired_codec.hpp"

#include <ostream>

namespace paddler {
namespace {

result<std::vector<std::string>> validate_there(host_and_port const& management, input_document const& document) {
  auto const answer = blocking_call_api(management_server(management),
                                        {.method = "POST",
                                         .target = management_target("validate"),
                                         .headers = {{"Content-Type", std::string(content_type_of(document))}},
                                         .body = document.text});
  if (!answer) return std::unexpected(answer.error());
  auto const found = value_of<warnings_answer>(*answer);
  if (!found) return std::unexpected(found.error());
  return found->warnings;
}

} // namespace

result<std::vector<std::string>> validate_offline(input_document const& document) {
  auto const parsed = parse_desired(document.text, document.format);
  if (!parsed) return std::unexpected(parsed.error());
  if (auto wrong = validate_document(*parsed); !wrong.empty()) {
    auto const count = wrong.size() == 1 ? "1 error" : std::to_string(wrong.size()) + " errors";
    return std::unexpected(error{error_code::invalid_input, "the document has " + count, {}, std::move(wrong)});
  }
  error open{error_code::invalid_input, {}, {}, validate_effective(*parsed)};
  for (auto& each : open.fields) each.message += ", unless another source has it";
  std::vector<std::string> warnings;
  std::string_view rest;
  auto const list = list_of_mistakes(open, document);
  for (rest = list; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
    warnings.emplace_back(rest.substr(0, rest.find('\n')));
  return warnings;
}

exit_code run_validate(validate_command const& wanted, console& terminal) {
  auto const document = read_input_document(wanted.file, terminal);
  if (!document) return terminal.fail_with(document.error());
  auto const warnings = wanted.offline ? validate_offline(*document) : validate_there(wanted.management, *document);
  if (!warnings) {
    print_refusal(warnings.error(), *document, terminal);
    return exit_code_for(warnings.error().code);
  }
  for (auto const& warning : *warnings) terminal.print_warning(warning);
  terminal.out << (wanted.file == "-" ? "standard input" : wanted.file) << ": valid\n" << std::flush;
  return exit_code::success;
}

} // namespace paddler
