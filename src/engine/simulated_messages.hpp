// Conversations in the shapes of three APIs, reduced to roles and texts. Pure.
#pragma once
#include "engine/simulated_request.hpp"

#include <boost/json/object.hpp>

#include <vector>

namespace paddler {

// Chat: `messages`. Responses: `instructions` and `input`. Messages: `system` and `messages`, whose tool results become
// messages of the role "tool". Parts of text are joined by line ends; tool calls become `NAME(ARGUMENTS)`.
api_result<std::vector<chat_message>> parse_messages(generation_api api, boost::json::object const& body);

} // namespace paddler
