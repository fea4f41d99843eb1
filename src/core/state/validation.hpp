// The semantic stage of validation: documents whose shape is right but whose content cannot work.
#pragma once
#include "base/result.hpp"
#include "model/desired.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_agents = 10'000;
inline constexpr std::size_t max_models = 1'000;
inline constexpr int max_slots = 256;
inline constexpr int min_context_length = 16;
inline constexpr int max_context_length_limit = 16'777'216;
inline constexpr int max_drain_seconds = 7 * 24 * 60 * 60;
inline constexpr std::size_t max_chat_template_bytes = 262'144;
inline constexpr std::int64_t max_queue_requests = 1'000'000;
inline constexpr std::int64_t max_queue_bytes = std::int64_t{1} << 40;
inline constexpr double shortest_wait_seconds = 0.001;
inline constexpr double longest_wait_seconds = 86'400;
inline constexpr int max_client_requests = 1'000'000; // in a minute, and at the same time
inline constexpr int max_tries = 100;                 // of one request, and of one stream to go on
inline constexpr int max_retry_burst = 1'000'000;

// Everything wrong with what one source says; empty if nothing is. Paths are as in `agents[0].slots`.
std::vector<field_error> validate_document(desired_document const& document);

// What only shows once all sources are merged, of one effective agent entry: references to entries, and choices left
// open. `models` are the ids of models[], sorted; `path` is the agent's.
std::vector<field_error> validate_references(std::string const& path, agent_spec const& agent,
                                             std::span<std::string_view const> models);

// The same of a whole document.
std::vector<field_error> validate_effective(desired_document const& effective);

// The answer to whoever handed the document in.
error refusal_of(std::vector<field_error> found);

} // namespace paddler
