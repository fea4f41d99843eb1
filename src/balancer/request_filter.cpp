#include "balancer/request_filter.hpp"

#include "base/text.hpp"
#include "wire/document_node.hpp"

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

namespace paddler {
namespace {

using state_list = boost::describe::describe_enumerators<request_state>;

std::optional<request_state> state_named(std::string_view word) {
  std::optional<request_state> out;
  boost::mp11::mp_for_each<state_list>([&](auto each) {
    if (word == each.name) out = each.value;
  });
  return out;
}

std::vector<std::string_view> all_states() {
  std::vector<std::string_view> out;
  boost::mp11::mp_for_each<state_list>([&](auto each) { out.emplace_back(each.name); });
  return out;
}

// Reads each parameter that is there, and notes what is wrong with it.
class query_reader {
public:
  explicit query_reader(http_head const& head) : head_(head) {}

  request_filter read() {
    request_filter out;
    if (auto const said = head_.query_param("state")) out.state = state_of(*said);
    if (auto said = head_.query_param("model")) out.model = model_of(*std::move(said));
    if (auto said = head_.query_param("agent")) out.agent = agent_of(*std::move(said));
    if (auto const said = head_.query_param("limit")) out.limit = limit_of(*said);
    return out;
  }

  std::vector<field_error> wrong;

private:
  void note(std::string parameter, std::string message, std::string hint) {
    wrong.push_back({std::move(parameter), std::move(message), std::move(hint), 0});
  }

  std::optional<request_state> state_of(std::string const& said) {
    auto const out = state_named(said);
    if (out) return out;
    auto const states = all_states();
    auto const meant = nearest(to_lower(clipped(said)), states);
    note("state", "\"" + clipped(said) + "\" is not " + one_of(states),
         meant.empty() ? "" : "did you mean \"" + meant + "\"?");
    return out;
  }

  std::string model_of(std::string said) {
    if (said.empty()) note("model", "is empty", "give the name that clients ask for, or leave it out");
    return said;
  }

  agent_id agent_of(std::string said) {
    if (!is_valid_name(said))
      note("agent", "\"" + clipped(said) + "\" cannot be an agent's name", "see /management/v1/agents");
    return {std::move(said)};
  }

  std::size_t limit_of(std::string const& said) {
    auto const number = parse_number<std::size_t>(said);
    if (!number || *number == 0)
      note("limit", "\"" + clipped(said) + "\" is not a whole number of 1 or more", "give digits only, as in limit=20");
    return number.value_or(0);
  }

  http_head const& head_;
};

} // namespace

std::expected<request_filter, std::vector<field_error>> read_filter(http_head const& head) {
  query_reader reader(head);
  auto out = reader.read();
  if (!reader.wrong.empty()) return std::unexpected(std::move(reader.wrong));
  return out;
}

bool fits(request_record const& request, request_filter const& wanted) {
  return (!wanted.state || request.state == *wanted.state) && (!wanted.model || request.model == *wanted.model) &&
         (!wanted.agent || request.agent == *wanted.agent);
}

} // namespace paddler
