// Who was told that a word of his is not in effect, as the processes' logs say, held against the log of records
// (LIN-08).
//
// What the product promises. A loss begins with a record and ends with one. A file's losses are told in the balancer's
// log: by each process those that there are when it starts, and each that begins while it lives. An agent's are told on
// its link: on each those that it has when what it says of itself is durable, and each that begins from then on. So
// nothing is told twice by one process or on one link, and what a death swallowed is told by the next one.
#pragma once
#include "sim/simulator.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler_sim {

struct stage;

class notices {
public:
  using counts = std::map<std::string, std::uint64_t>; // by the words of the loss

  // One link of an agent's process, from its welcome until the agent noticed its end.
  struct agent_link {
    process const* agent = nullptr;
    mono_time from;
    std::optional<mono_time> ended;
    counts told;
  };

  // A living process logged a line.
  void heard(process& who, std::string_view event, std::string_view message, mono_time now);

  [[nodiscard]] counts const& in_log_of(process const& balancer) const;

  [[nodiscard]] std::vector<agent_link> const& links() const { return links_; }

private:
  agent_link* open_link(process const& agent);

  std::map<process const*, counts> in_logs_;
  std::vector<agent_link> links_;
};

// What is wrong; empty: nothing.
std::string check_told_in_logs(stage& on);
std::string check_told_on_links(stage& on);

} // namespace paddler_sim
