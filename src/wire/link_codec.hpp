// Link messages as JSON text, as in {"type":"ack","version":7}.
//
// A newer peer may send types and fields that this version does not know: they are passed over and counted. What is
// known must be right.
#pragma once
#include "base/result.hpp"
#include "model/link.hpp"
#include "wire/document_node.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

template <class Message> struct decoded_message {
  std::optional<Message> message; // nothing where the type is unknown
  std::string type;               // as the peer wrote it
  std::size_t ignored_fields = 0;
};

std::string encode_agent_message(agent_message const& message);
std::string encode_balancer_message(balancer_message const& message);

// Errors: protocol, too_large.
result<decoded_message<agent_message>> decode_agent_message(std::string_view text);
result<decoded_message<balancer_message>> decode_balancer_message(std::string_view text);

// The same messages as trees, `type` first, for who sends only what differs (wire/link_compressor.hpp).
document_node to_link_document(agent_message const& message);
document_node to_link_document(balancer_message const& message);

// Errors: protocol.
template <class Message> result<decoded_message<Message>> from_link_document(document_node document);
extern template result<decoded_message<agent_message>> from_link_document(document_node);
extern template result<decoded_message<balancer_message>> from_link_document(document_node);

// JSON as a link's text. Errors: protocol, too_large.
result<document_node> parse_link_text(std::string_view text);

} // namespace paddler
