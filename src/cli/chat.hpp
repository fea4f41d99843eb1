// paddler chat: a conversation with a model in the terminal.
#pragma once
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

namespace paddler {

// With a message it answers that one; without, it takes standard input as one message, or, where that is a terminal,
// keeps a conversation. The answer goes to standard output as it comes.
exit_code run_chat(chat_command const& wanted, console& terminal);

} // namespace paddler
