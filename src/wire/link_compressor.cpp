#include "wire/link_compressor.hpp"

#include "base/text.hpp"
#include "wire/document_edit.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <utility>
#include <variant>

namespace paddler {
namespace {

constexpr std::string_view number_key = "n";
constexpr std::string_view base_key = "on";
constexpr std::string_view delta_key = "delta";
constexpr std::string_view message_type_key = "type";
constexpr std::array<std::string_view, 3> types_with_deltas = {"report", "apply", "question"};

// What a tree takes in memory, about; the same on both sides.
std::size_t weight_of(document_node const& node) {
  auto out = sizeof(document_node) + node.text.size();
  for (auto const& key : node.keys) out += key.size();
  for (auto const& item : node.items) out += weight_of(item);
  return out;
}

bool is_object(document_node const& node) { return node.kind == node_kind::object; }

// Whether a field, at any depth, is null. Lists count as values.
bool has_null_field(document_node const& object) {
  return std::ranges::any_of(object.items, [](document_node const& item) {
    return item.kind == node_kind::null || (is_object(item) && has_null_field(item));
  });
}

bool is_same(document_node const& a, document_node const& b) {
  if (a.kind != b.kind || a.boolean != b.boolean || a.text != b.text || a.items.size() != b.items.size()) return false;
  if (!is_object(a)) return std::ranges::equal(a.items, b.items, is_same);
  for (std::size_t i = 0; i < a.items.size(); ++i)
    if (auto const* const other = b.find(a.keys[i]); other == nullptr || !is_same(a.items[i], *other)) return false;
  return true;
}

document_node difference(document_node const& from, document_node const& to) {
  auto patch = object_node();
  for (std::size_t i = 0; i < to.items.size(); ++i) {
    auto const* const before = from.find(to.keys[i]);
    if (before != nullptr && is_same(*before, to.items[i])) continue;
    bool const both_objects = before != nullptr && is_object(*before) && is_object(to.items[i]);
    patch.add(to.keys[i], both_objects ? difference(*before, to.items[i]) : to.items[i]);
  }
  for (auto const& key : from.keys)
    if (to.find(key) == nullptr) patch.add(key, null_node());
  return patch;
}

std::optional<document_node> take(document_node& object, std::string_view key) {
  auto const* const item = object.find(key);
  if (item == nullptr) return std::nullopt;
  auto out = *item;
  remove_item(object, key);
  return out;
}

std::optional<std::uint64_t> number_of(std::optional<document_node> const& node) {
  if (!node || node->kind != node_kind::number || !node->problem.empty()) return std::nullopt;
  return parse_number<std::uint64_t>(node->text);
}

std::string type_of(document_node const& message) {
  auto const* const type = message.find(message_type_key);
  return type != nullptr && type->kind == node_kind::text ? type->text : std::string();
}

std::string numbered(std::uint64_t number, std::string whole) {
  return whole.insert(1, "\"" + std::string(number_key) + "\":" + std::to_string(number) + ",");
}

// Nothing where there is no patch.
std::optional<std::string> delta_text(link_bases::base const& base, std::uint64_t number, std::string const& type,
                                      document_node const& message) {
  auto patch = merge_patch(base.message, message);
  if (!patch) return std::nullopt;
  auto out = object_node();
  out.add(std::string(number_key), number_node(number)).add(std::string(message_type_key), text_node(type));
  out.add(std::string(base_key), number_node(base.number)).add(std::string(delta_key), *std::move(patch));
  return print_json(out);
}

std::unexpected<error> broken(std::string message) {
  return fail(error_code::protocol, std::move(message), "the link is opened anew, which begins with whole messages");
}

} // namespace

std::optional<document_node> merge_patch(document_node const& from, document_node const& to) {
  if (has_null_field(to)) return std::nullopt;
  return difference(from, to);
}

// --- what is kept ---

link_bases::base const* link_bases::find(std::string_view type) const {
  auto const at = kept_.find(type);
  return at == kept_.end() ? nullptr : &at->second;
}

void link_bases::keep(std::string const& type, std::uint64_t number, document_node message) {
  if (std::ranges::find(types_with_deltas, type) == types_with_deltas.end()) return;
  if (weight_of(message) > max_link_base_bytes)
    kept_.erase(type);
  else
    kept_.insert_or_assign(type, base{number, std::move(message)});
}

document_node link_bases::take(std::string const& type) {
  auto const at = kept_.find(type);
  auto out = std::move(at->second.message);
  kept_.erase(at);
  return out;
}

// --- the sender ---

std::string link_encoder::encode(document_node message) {
  auto text = print_json(message);
  ++traffic_.messages;
  traffic_.whole_bytes += text.size();
  if (active_) {
    text = numbered(++number_, std::move(text));
    auto const type = type_of(message);
    if (auto const* const base = bases_.find(type)) {
      auto delta = delta_text(*base, number_, type, message);
      if (delta && delta->size() < text.size()) {
        text = *std::move(delta);
        ++traffic_.deltas;
      }
    }
    bases_.keep(type, number_, std::move(message));
  }
  traffic_.bytes += text.size();
  return text;
}

// --- the receiver ---

result<document_node> link_decoder::decode(std::string_view text) {
  auto message = parse_link_text(text);
  if (!message) return message;
  auto const deltas_before = traffic_.deltas;
  if (active_ && is_object(*message)) message = read_numbered(*std::move(message));
  if (!message) return message;
  ++traffic_.messages;
  traffic_.bytes += text.size();
  bool const was_whole = traffic_.deltas == deltas_before;
  auto const overhead = active_ && was_whole ? numbered(number_, "{").size() - 1 : 0;
  traffic_.whole_bytes += was_whole ? text.size() - std::min(overhead, text.size()) : print_json(*message).size();
  return message;
}

result<document_node> link_decoder::read_numbered(document_node message) {
  auto const number = number_of(take(message, number_key));
  if (!number) return broken("a message without its number (`n`) came on a link where messages are numbered");
  if (*number != number_ + 1)
    return broken("message " + std::to_string(*number) + " came on this link where " + std::to_string(number_ + 1) +
                  " was expected: one was lost, doubled or overtaken");
  number_ = *number;
  if (auto const patch = take(message, delta_key)) return read_delta(std::move(message), *patch);
  bases_.keep(type_of(message), number_, message);
  return message;
}

result<document_node> link_decoder::read_delta(document_node message, document_node const& patch) {
  auto const type = type_of(message);
  auto const on = number_of(take(message, base_key));
  auto const* const base = bases_.find(type);
  if (!on || base == nullptr || base->number != *on)
    return broken("message " + std::to_string(number_) + " is a delta on message " +
                  (on ? std::to_string(*on) : "(none)") + ", and the newest `" + type + "` that is kept is " +
                  (base == nullptr ? "none" : "message " + std::to_string(base->number)));
  if (!is_object(patch) || !patch.problem.empty()) return broken("the delta of a message is not one object");
  if (weight_of(patch) > max_link_base_bytes) return broken("the delta of a message is too large");
  auto whole = bases_.take(type);
  apply_merge_patch(whole, patch);
  if (type_of(whole) != type) return broken("the delta of a message changes its type");
  if (weight_of(whole) > max_link_base_bytes) return broken("a message that came as a delta is too large");
  bases_.keep(type, number_, whole);
  ++traffic_.deltas;
  return whole;
}

// --- one end ---

template <class Out, class In> void link_end<Out, In>::begin_after(link_welcome const& welcome) {
  if (!welcome.deltas) return;
  encoder_.begin();
  decoder_.begin();
}

template <class Out, class In> std::string link_end<Out, In>::encode(Out const& message) {
  auto text = encoder_.encode(to_link_document(message));
  if constexpr (std::same_as<Out, balancer_message>)
    if (auto const* const welcome = std::get_if<link_welcome>(&message)) begin_after(*welcome);
  return text;
}

template <class Out, class In> result<decoded_message<In>> link_end<Out, In>::decode(std::string_view text) {
  auto document = decoder_.decode(text);
  if (!document) return std::unexpected(std::move(document).error());
  auto message = from_link_document<In>(*std::move(document));
  if constexpr (std::same_as<In, balancer_message>)
    if (message && message->message)
      if (auto const* const welcome = std::get_if<link_welcome>(&*message->message)) begin_after(*welcome);
  return message;
}

template class link_end<balancer_message, agent_message>;
template class link_end<agent_message, balancer_message>;

} // namespace paddler
