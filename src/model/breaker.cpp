#include "model/breaker.hpp"

namespace paddler {
namespace {

std::string_view what_went_wrong(agent_fault fault) {
  switch (fault) {
  case agent_fault::lost: return "its connection broke or its engine died";
  case agent_fault::silent: return "its engine sent nothing for too long";
  case agent_fault::garbled: return "its answer was not HTTP";
  case agent_fault::server_error: return "its engine answered with a server error";
  }
  return "it failed";
}

} // namespace

std::string describe(breaker_standing const& it) {
  auto failures = std::to_string(it.failures) + (it.failures == 1 ? " request" : " requests") +
                  " in a row went wrong, the last one because " + std::string(what_went_wrong(it.last));
  switch (it.state) {
  case breaker_state::closed: return it.failures == 0 ? "it gets requests like any other" : failures;
  case breaker_state::open: return "it gets no requests while others can have them: " + failures;
  case breaker_state::half_open: return "it gets one request at a time, to see whether it works again: " + failures;
  }
  return failures;
}

} // namespace paddler
