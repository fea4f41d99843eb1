#include "wire/link_codec.hpp"

#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"

#include <boost/mp11/algorithm.hpp>

#include <algorithm>

namespace paddler {
namespace {

template <class Message> inline constexpr std::string_view type_name{};
template <> inline constexpr std::string_view type_name<link_hello> = "hello";
template <> inline constexpr std::string_view type_name<link_report> = "report";
template <> inline constexpr std::string_view type_name<link_ack> = "ack";
template <> inline constexpr std::string_view type_name<link_nack> = "nack";
template <> inline constexpr std::string_view type_name<link_answer> = "answer";
template <> inline constexpr std::string_view type_name<link_welcome> = "welcome";
template <> inline constexpr std::string_view type_name<link_refuse> = "refuse";
template <> inline constexpr std::string_view type_name<link_apply> = "apply";
template <> inline constexpr std::string_view type_name<link_question> = "question";
template <> inline constexpr std::string_view type_name<link_notice> = "notice";
template <> inline constexpr std::string_view type_name<link_heartbeat> = "heartbeat";

constexpr std::string_view type_key = "type";

template <class Variant> document_node document_of(Variant const& message) {
  return std::visit(
      []<class Message>(Message const& body) {
        static_assert(!type_name<Message>.empty(), "the message has no name on the wire");
        document_node node = to_document(body);
        node.keys.insert(node.keys.begin(), std::string(type_key));
        node.items.insert(node.items.begin(), text_node(std::string(type_name<Message>)));
        return node;
      },
      message);
}

std::unexpected<error> malformed(error reason, std::string const& what) {
  if (reason.code == error_code::invalid_input) reason.code = error_code::protocol;
  reason.message = what + ": " + reason.message;
  return std::unexpected(std::move(reason));
}

// Takes the type out of the message, so that the rest is the struct.
result<std::string> take_type(document_node& message) {
  if (message.kind != node_kind::object)
    return fail(error_code::protocol, "a link message must be an object, got " + describe(message));
  auto const key = std::ranges::find(message.keys, type_key);
  if (key == message.keys.end()) return fail(error_code::protocol, "a link message has no `type`");
  auto const item = message.items.begin() + (key - message.keys.begin());
  if (item->kind != node_kind::text || !item->problem.empty())
    return fail(error_code::protocol, "a link message's `type` must be one text, got " + describe(*item));
  std::string type = std::move(item->text);
  message.keys.erase(key);
  message.items.erase(item);
  return type;
}

template <class Message, class Variant>
result<void> read_message(document_node const& node, decoded_message<Variant>& out) {
  document_reader reader(unknown_keys::ignore);
  reader.read(node, out.message.emplace().template emplace<Message>());
  out.ignored_fields = reader.ignored_keys();
  if (auto failure = reader.failure()) return malformed(*std::move(failure), "link message `" + out.type + "`");
  return {};
}

template <class Variant> result<decoded_message<Variant>> decode(std::string_view text) {
  auto node = parse_link_text(text);
  if (!node) return std::unexpected(std::move(node).error());
  return from_link_document<Variant>(*std::move(node));
}

} // namespace

result<document_node> parse_link_text(std::string_view text) {
  auto node = parse_json(text);
  if (!node) return malformed(std::move(node).error(), "link message");
  return node;
}

document_node to_link_document(agent_message const& message) { return document_of(message); }

document_node to_link_document(balancer_message const& message) { return document_of(message); }

template <class Message> result<decoded_message<Message>> from_link_document(document_node document) {
  auto type = take_type(document);
  if (!type) return std::unexpected(std::move(type).error());
  decoded_message<Message> out;
  out.type = *std::move(type);
  result<void> outcome;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Message>>(
      [&]<class Body>(std::type_identity<Body>) {
        if (out.type == type_name<Body>) outcome = read_message<Body>(document, out);
      });
  if (!outcome) return std::unexpected(std::move(outcome).error());
  return out;
}

template result<decoded_message<agent_message>> from_link_document(document_node);
template result<decoded_message<balancer_message>> from_link_document(document_node);

std::string encode_agent_message(agent_message const& message) { return print_json(to_link_document(message)); }

std::string encode_balancer_message(balancer_message const& message) { return print_json(to_link_document(message)); }

result<decoded_message<agent_message>> decode_agent_message(std::string_view text) {
  return decode<agent_message>(text);
}

result<decoded_message<balancer_message>> decode_balancer_message(std::string_view text) {
  return decode<balancer_message>(text);
}

} // namespace paddler
