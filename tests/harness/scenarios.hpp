// Courses of events that are tested on the event loop (under sanitizers) and on processes alike.
#pragma once
#include "harness/cluster_api.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace paddler_test {

// Agent a1 has four slots. Four streams run, then its engine is killed: each stream goes on with the next engine, and
// nobody had to do anything. `asked` must stream for a while. Gives the four answers; to numbered(asked, 0) and so on.
task<std::vector<chat_answer>> engine_dies_under_four_streams(cluster_api api, chat_question asked);

chat_question numbered(chat_question asked, std::size_t number);

// The same with the simulated engine: they are its hash chains, whole.
task<> simulated_engine_dies_under_four_streams(cluster_api api);

// The engine is killed while four requests wait for their first token: the clients notice nothing.
task<> engine_dies_before_the_first_token(cluster_api api, chat_question asked);

} // namespace paddler_test
