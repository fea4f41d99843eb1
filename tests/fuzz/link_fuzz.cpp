// Link messages from anywhere: an error, an unknown type, or a message that comes back from its own text. And whole
// links: the lines of the input, with deltas, one after the other at one end.
#include "target.hpp"
#include "wire/document_edit.hpp"
#include "wire/link_codec.hpp"
#include "wire/link_compressor.hpp"

#include <algorithm>

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

// What one end reads of any bytes it can send on, and the other end reads the same.
void check_link(std::string_view text) {
  link_decoder from_anywhere;
  link_encoder sender;
  link_decoder receiver;
  from_anywhere.begin();
  sender.begin();
  receiver.begin();
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto const message = from_anywhere.decode(line);
    if (!message) return must(!message.error().message.empty());
    if (message->kind != node_kind::object || !from_link_document<balancer_message>(*message)) return;
    auto const back = receiver.decode(sender.encode(*message));
    must(back.has_value());
    auto const patch = merge_patch(*message, *back);
    must(!patch || patch->items.empty());
  }
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = paddler::as_text(data, size);
  paddler::check(text, paddler::decode_agent_message, paddler::encode_agent_message);
  paddler::check(text, paddler::decode_balancer_message, paddler::encode_balancer_message);
  paddler::check_link(text);
  return 0;
}
