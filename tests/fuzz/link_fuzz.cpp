// Link messages from anywhere: an error, an unknown type, or a message that comes back from its own text.
#include "target.hpp"
#include "wire/link_codec.hpp"

namespace paddler {
namespace {

template <class Decode, class Encode> void check(std::string_view text, Decode decode, Encode encode) {
  auto const decoded = decode(text);
  if (!decoded) return must(!decoded.error().message.empty());
  if (!decoded->message) return;
  auto const printed = encode(*decoded->message);
  auto const again = decode(printed);
  must(again.has_value() && again->message.has_value());
  must(again->ignored_fields == 0);
  must(encode(*again->message) == printed);
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = paddler::as_text(data, size);
  paddler::check(text, paddler::decode_agent_message, paddler::encode_agent_message);
  paddler::check(text, paddler::decode_balancer_message, paddler::encode_balancer_message);
  return 0;
}
