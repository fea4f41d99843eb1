// paddler watch, and get -w: a list, and then each of its rows when it changes.
#pragma once
#include "cli/api_answer.hpp"
#include "cli/command.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"

#include <map>
#include <string>
#include <vector>

namespace paddler {

// Until a stop signal comes (`interrupted`), or the balancer does not come back.
exit_code run_watch(get_command const& wanted, console& terminal);

// The kinds of events (docs/events.md) that tell when rows of this kind change, "agent,health"; empty: none does.
std::string_view telling_events(view_kind kind);

// What is otherwise in a list since it was looked at last. Pure.
class row_changes {
public:
  explicit row_changes(get_command const& wanted) : wanted_(wanted) {}

  struct found {
    api_list changed;              // rows that are new or otherwise
    std::vector<std::string> gone; // names
  };

  // An error where the list cannot be read. When a row was seen last is no change of it.
  result<found> look_at(api_list const& list);

private:
  get_command wanted_;
  std::map<std::string, std::string> rows_; // by name
};

} // namespace paddler
