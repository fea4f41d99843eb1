#include "model/resume_refusal.hpp"

namespace paddler {

std::string_view describe(resume_refusal why) {
  switch (why) {
  case resume_refusal::choices:
    return "an answer of several choices is not continued: they were made beside each other";
  case resume_refusal::logprobs:
    return "an answer with probabilities of its tokens is not continued: those of a continued text differ";
  case resume_refusal::grammar:
    return "an answer under a grammar of the request is not continued: the grammar would begin anew";
  case resume_refusal::tool_call:
    return "an answer that calls a tool is not continued: half a call cannot be given to an engine";
  case resume_refusal::endpoint: return "streams of this API are not continued";
  case resume_refusal::assistant_prefill:
    return "the request itself continues a message: behind it no second one can be continued";
  case resume_refusal::reasoning_format:
    return "an answer with its reasoning within the text is not continued: the reasoning would be given twice";
  case resume_refusal::multimodal: return "an answer to more than text is not continued";
  case resume_refusal::echo: return "an answer that repeats its prompt is not continued: it would be repeated again";
  case resume_refusal::unreadable: return "the request or its answer has a shape that the balancer does not know";
  case resume_refusal::too_long: return "the answer is longer than what the balancer keeps of it";
  case resume_refusal::not_capable: return "no engine of this model can continue a text";
  case resume_refusal::no_equal_engine: return "no other engine would have made the same answer";
  case resume_refusal::limit: return "it was continued as often as is allowed";
  }
  return "it is not continued";
}

} // namespace paddler
