// Identities as types of their own, so that an agent's id is never taken for a request's.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace paddler {

// A name that people or machines give. Empty means "not set".
template <class Tag> struct name_id {
  std::string value;
  friend auto operator<=>(name_id const&, name_id const&) = default;

  [[nodiscard]] bool empty() const { return value.empty(); }
};

// A number that only ever grows. Zero means "none yet".
template <class Tag> struct counter_id {
  std::uint64_t value = 0;
  friend auto operator<=>(counter_id const&, counter_id const&) = default;

  [[nodiscard]] counter_id next() const { return {value + 1}; }
};

using agent_id = name_id<struct agent_tag>;
using model_id = name_id<struct model_tag>;     // a models[] entry: the name that clients put in "model"
using request_id = name_id<struct request_tag>; // "req_" and a UUIDv7

using revision = counter_id<struct revision_tag>; // of desired state, cluster-wide, strictly increasing
using generation =
    counter_id<struct generation_tag>;      // of one agent's applicable state: the revision that last changed it
using epoch = counter_id<struct epoch_tag>; // of the balancer's leadership
using incarnation = counter_id<struct incarnation_tag>; // of one agent process; drawn anew at each start
using slot_serial = counter_id<struct slot_serial_tag>; // of one slot connection, given by the balancer
using attempt = counter_id<struct attempt_tag>;         // of one request, counted from 1
using link_id = counter_id<struct link_tag>;            // of one link connection, given by the balancer
using command_id = counter_id<struct command_tag>;      // of one operator's command that waits for its answer

// A UUIDv7 (RFC 9562, section 5.7) from a wall time and 74 random bits; text form, 36 characters.
std::string uuid_v7(std::uint64_t unix_milliseconds, std::uint64_t random_a, std::uint64_t random_b);

// Whether `text` may name an agent or a model: 1..128 characters of letters, digits and `-_./:@`, starting with a
// letter or digit.
bool is_valid_name(std::string_view text);

} // namespace paddler
