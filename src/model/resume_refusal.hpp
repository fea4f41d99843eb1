// Why a stream that lost its engine is not continued on another one. Beside request_failure, as its detail.
#pragma once
#include <boost/describe/enum.hpp>

#include <string_view>

namespace paddler {

enum class resume_refusal {
  choices,           // several choices, or several prompts in one request
  logprobs,          // probabilities of tokens are wanted
  grammar,           // a grammar of the client's: it would begin anew behind what was made
  tool_call,         // a call of a tool has begun, or is demanded
  endpoint,          // an API whose streams are not continued
  assistant_prefill, // the client itself has the engine continue a message
  reasoning_format,  // reasoning stands within the text
  multimodal,        // the prompt holds more than text
  echo,              // the prompt is to be repeated
  unreadable,        // the request or the events have a shape that is not known
  too_long,          // more than what is kept
  not_capable,       // no engine that can continue a text
  no_equal_engine,   // no engine that would make the same answer
  limit,             // its attempts are used up
};

// One sentence for a person: what is refused, and why.
std::string_view describe(resume_refusal why);

BOOST_DESCRIBE_ENUM(resume_refusal, choices, logprobs, grammar, tool_call, endpoint, assistant_prefill,
                    reasoning_format, multimodal, echo, unreadable, too_long, not_capable, no_equal_engine, limit)

} // namespace paddler
