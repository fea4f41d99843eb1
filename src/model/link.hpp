// The messages on the link between a balancer and one agent (a WebSocket that the agent opens).
//
// Order: hello, then welcome or refuse; after that any. Each side sends a heartbeat every `heartbeat_milliseconds` and
// takes the other for dead after three of these without any message.
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "model/applicable.hpp"
#include "model/current.hpp"
#include "model/desired.hpp"
#include "model/reconciliation.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace paddler {

inline constexpr int link_protocol_version = 1;
inline constexpr int missed_heartbeats_until_dead = 3;

// --- from the agent ---

struct link_hello {
  int protocol = link_protocol_version;
  agent_id agent;
  incarnation process; // names this agent process; a higher one of the same agent supersedes a lower one
  agent_capabilities capabilities;
  std::optional<agent_spec> discovered; // what the agent was told on its command line: the discovery source
  epoch highest_epoch;                  // commands below it are refused
  agent_report report;
  std::vector<reconciliation> actions; // all that the agent keeps of its log
  bool deltas = false;                 // it reads and sends deltas (wire/link_compressor.hpp), if the welcome agrees
};

struct link_report {
  agent_report report;
  std::vector<reconciliation> actions;                 // that are new, or were closed, since the last one on this link
  std::optional<agent_capabilities> capabilities = {}; // where the machine is another one than was said last
};

// The agent took over the state of this version, or refuses it and says why.
struct link_ack {
  generation version;
};

struct link_nack {
  generation version;
  std::vector<field_error> errors;
};

// To a question: no errors, it could run that state. `memory_bytes` is what an engine would need, where that is known.
struct link_answer {
  std::uint64_t number = 0; // of the question
  std::vector<field_error> errors;
  std::optional<std::uint64_t> memory_bytes;
};

// --- from the balancer ---

struct link_welcome {
  epoch leader;
  std::uint64_t heartbeat_milliseconds = 0;
  bool deltas = false; // from here on both sides may send deltas
};

// The link is closed after it; `retry` says whether dialling again can help.
struct link_refuse {
  std::string reason;
  bool retry = true;
};

// The applicable state of this agent, whole. An agent keeps what it runs where the content is the same.
struct link_apply {
  epoch leader;
  applicable_state state;
};

// Could the agent run this state? Nothing is changed by it; each question is answered once.
struct link_question {
  epoch leader;
  std::uint64_t number = 0; // counted by the balancer's process
  applicable_state state;
};

// Something that the agent's operator should read, as that another source's value won over the agent's own.
struct link_notice {
  std::string text;
};

// --- from both ---

struct link_heartbeat {
  std::uint64_t sequence = 0;
};

using agent_message = std::variant<link_hello, link_report, link_ack, link_nack, link_answer, link_heartbeat>;
using balancer_message =
    std::variant<link_welcome, link_refuse, link_apply, link_question, link_notice, link_heartbeat>;

BOOST_DESCRIBE_STRUCT(field_error, (), (path, message, hint, line))
BOOST_DESCRIBE_STRUCT(link_hello, (),
                      (protocol, agent, process, capabilities, discovered, highest_epoch, report, actions, deltas))
BOOST_DESCRIBE_STRUCT(link_report, (), (report, actions, capabilities))
BOOST_DESCRIBE_STRUCT(link_ack, (), (version))
BOOST_DESCRIBE_STRUCT(link_nack, (), (version, errors))
BOOST_DESCRIBE_STRUCT(link_answer, (), (number, errors, memory_bytes))
BOOST_DESCRIBE_STRUCT(link_welcome, (), (leader, heartbeat_milliseconds, deltas))
BOOST_DESCRIBE_STRUCT(link_refuse, (), (reason, retry))
BOOST_DESCRIBE_STRUCT(link_apply, (), (leader, state))
BOOST_DESCRIBE_STRUCT(link_question, (), (leader, number, state))
BOOST_DESCRIBE_STRUCT(link_notice, (), (text))
BOOST_DESCRIBE_STRUCT(link_heartbeat, (), (sequence))

} // namespace paddler
