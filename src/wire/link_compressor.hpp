// What travels over a link, in both directions: a message whole, or only what differs from the last one of its type.
//
//   {"n":5,"type":"report","report":{...}}                                      whole
//   {"n":6,"type":"report","on":5,"delta":{"report":{"sequence":9,"engine":{"slots_busy":2}}}}
//
// - A delta is a JSON merge patch (RFC 7396) of the message as an object: lists are replaced whole, null takes a field
//   away. It is sent where it is the shorter text. Only types that gain by it have deltas; each side keeps the newest
//   message of these, if it is not larger than max_link_base_bytes.
// - Both sides count the messages of each direction, from 1. A message that is not the next one, and a delta on another
//   message than the newest of its type, are refused: what was lost, doubled or reordered is found out and never
//   misread. The link is then closed; the next one begins with whole messages.
// - It begins right after a welcome that says `deltas`; hello, welcome and refuse are always whole and have no number.
//   With an older peer nothing else is ever sent.
#pragma once
#include "base/result.hpp"
#include "model/link.hpp"
#include "model/views.hpp"
#include "wire/document_node.hpp"
#include "wire/link_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace paddler {

// Of one message that is kept, in memory; there are at most three types that have deltas.
inline constexpr std::size_t max_link_base_bytes = std::size_t{1} << 20U;

// The patch that makes `to` out of `from` (document_edit.hpp applies it), both objects; nothing where no patch can,
// because a field of `to` is null.
std::optional<document_node> merge_patch(document_node const& from, document_node const& to);

// The newest message of each type that has deltas, on either side of one direction.
class link_bases {
public:
  struct base {
    std::uint64_t number = 0;
    document_node message;
  };

  // Null where there is none.
  [[nodiscard]] base const* find(std::string_view type) const;
  void keep(std::string const& type, std::uint64_t number, document_node message);
  // Out of what is kept, where `find` finds it.
  document_node take(std::string const& type);

private:
  std::map<std::string, base, std::less<>> kept_;
};

// One direction, at the sender.
class link_encoder {
public:
  void begin() { active_ = true; }

  // `message` is an object with its `type`.
  std::string encode(document_node message);

  [[nodiscard]] link_traffic const& traffic() const { return traffic_; }

private:
  bool active_ = false;
  std::uint64_t number_ = 0; // of the newest message
  link_bases bases_;
  link_traffic traffic_;
};

// One direction, at the receiver.
class link_decoder {
public:
  void begin() { active_ = true; }

  // The message whole. Errors: protocol, too_large; nothing that comes later can be read then.
  result<document_node> decode(std::string_view text);

  [[nodiscard]] link_traffic const& traffic() const { return traffic_; }

private:
  result<document_node> read_numbered(document_node message);
  result<document_node> read_delta(document_node message, document_node const& patch);

  bool active_ = false;
  std::uint64_t number_ = 0; // of the newest message
  link_bases bases_;
  link_traffic traffic_;
};

// One end of one link. What passes by says when deltas begin.
template <class Out, class In> class link_end {
public:
  std::string encode(Out const& message);
  result<decoded_message<In>> decode(std::string_view text);

  [[nodiscard]] link_view traffic() const { return {encoder_.traffic(), decoder_.traffic()}; }

private:
  void begin_after(link_welcome const& welcome);

  link_encoder encoder_;
  link_decoder decoder_;
};

using balancer_link_end = link_end<balancer_message, agent_message>;
using agent_link_end = link_end<agent_message, balancer_message>;
extern template class link_end<balancer_message, agent_message>;
extern template class link_end<agent_message, balancer_message>;

} // namespace paddler
