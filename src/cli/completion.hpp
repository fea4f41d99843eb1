// paddler completion: scripts for shells, and what they ask this program for.
//
// A script hands over the words of the line, and gets one candidate a line, and then a line that begins with ':'
// ":files" where names of files may stand there, too.
#pragma once
#include "cli/command_set.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

inline constexpr std::string_view completing_word = "__complete"; // the command that scripts call
inline constexpr duration completion_limit = std::chrono::milliseconds(300);

std::string_view completion_script(shell of);

exit_code run_completion(completion_command const& wanted, console& terminal);
exit_code run_complete(complete_command const& wanted, console& terminal);

// `words` of the line behind "paddler". The balancer is the one that they, or the environment, name.
complete_command complete_request(std::vector<std::string> words, environment const& surroundings);

// What the API is asked for: one of its lists, and the kind of rows in it; `paths` of fields where there is none.
struct name_source {
  completed_by what = completed_by::names;
  view_kind kind = view_kind::agents;
};

struct completion {
  std::vector<std::string> candidates; // that begin as the last word does
  bool files = false;
};

// Pure: what may stand in place of the last of `words`.
completion complete(std::vector<std::string> const& words, std::vector<declared_command> const& commands,
                    std::function<std::vector<std::string>(name_source)> const& names);

} // namespace paddler
