// Desired state from anywhere: either errors for people, at most as many as are listed, or a value that comes back from
// both of its printed forms.
#include "target.hpp"
#include "wire/desired_codec.hpp"
#include "wire/mapper.hpp"

namespace paddler {
namespace {

void check(std::string_view text, document_format format) {
  auto const document = parse_desired(text, format);
  if (!document) {
    must(!document.error().message.empty());
    must(document.error().fields.size() <= max_listed_errors);
    return;
  }
  for (auto const other : {document_format::json, document_format::yaml}) {
    auto const again = parse_desired(print_desired(*document, other), other);
    must(again.has_value());
    must(*again == *document);
  }
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = paddler::as_text(data, size);
  paddler::check(text, paddler::document_format::yaml);
  paddler::check(text, paddler::document_format::json);
  return 0;
}
