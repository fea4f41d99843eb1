// The two APIs whose streams have named events: OpenAI's responses and Anthropic's messages. Pure.
#pragma once
#include "engine/simulated_format.hpp"

#include <memory>

namespace paddler {

std::unique_ptr<simulated_writer> make_responses_writer(answer_plan const& plan, answer_identity identity);
std::unique_ptr<simulated_writer> make_messages_writer(answer_plan const& plan, answer_identity identity);

} // namespace paddler
