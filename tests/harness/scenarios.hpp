// Courses of events that are tested on the event loop (under sanitizers) and on processes alike.
#pragma once
#include "harness/cluster_api.hpp"

#include <string>

namespace paddler_test {

// Agent a1 has four slots. Four streams run, then its engine is killed: each stream ends with an error event, another
// engine serves, and nobody had to do anything. `asked` must stream for a while.
task<> engine_dies_under_four_streams(cluster_api api, chat_question asked);

// The engine is killed while four requests wait for their first token: the clients notice nothing.
task<> engine_dies_before_the_first_token(cluster_api api, chat_question asked);

} // namespace paddler_test
