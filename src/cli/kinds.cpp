#include "cli/kinds.hpp"

#include "cli/flag_values.hpp"

#include <algorithm>

namespace paddler {
namespace {

constexpr std::array<kind_words, 10> kinds{{
    {view_kind::agents, "agents", "agent", {"ag"}, "no agents yet; start one: paddler agent --balancer HOST:PORT"},
    {view_kind::models,
     "models",
     "model",
     {"mo"},
     "no models yet; give an agent one: paddler agent --model FILE.gguf, or paddler apply -f FILE"},
    {view_kind::slots,
     "slots",
     "slot",
     {"sl"},
     "no slots yet; they come with the first agent whose engine is ready (paddler get agents)"},
    {view_kind::requests, "requests", "request", {"rq"}, "no requests yet; send one: paddler chat \"hello\""},
    {view_kind::desired, "desired", "desired", {"de", "state"}},
    {view_kind::reconciliations,
     "reconciliations",
     "reconciliation",
     {"rec", "rc"},
     "nothing was done to any agent since the balancer started (paddler get agents)"},
    {view_kind::applicable,
     "applicable",
     "applicable",
     {"ap"},
     "no agent has anything to serve yet; say what: paddler apply -f FILE"},
    {view_kind::conflicts,
     "conflicts",
     "conflict",
     {"co"},
     "no conflicts: no field is set differently by two sources (paddler explain)"},
    {view_kind::revisions,
     "revisions",
     "revision",
     {"rev"},
     "no revisions yet: nobody wanted anything so far; begin: paddler apply -f FILE"},
    {view_kind::policies, "policies", "policy", {"po"}},
}};

} // namespace

std::span<kind_words const> all_kinds() { return kinds; }

kind_words const& words_of(view_kind kind) { return kinds.at(static_cast<std::size_t>(kind)); }

std::optional<view_kind> kind_named(std::string_view word) {
  if (word.empty()) return std::nullopt;
  for (auto const& each : kinds) {
    bool const is_short = std::ranges::find(each.shorts, word) != each.shorts.end();
    if (word == each.plural || word == each.singular || is_short) return each.kind;
  }
  return std::nullopt;
}

result<view_kind> parse_kind(std::string_view word, std::span<std::string_view const> allowed) {
  auto const kind = kind_named(word);
  if (kind && std::ranges::find(allowed, words_of(*kind).plural) != allowed.end()) return *kind;
  return std::unexpected(parse_word(kind ? words_of(*kind).plural : word, allowed).error());
}

void split_kind_and_name(std::string& kind, std::string& name) {
  auto const slash = kind.find('/');
  if (slash == std::string::npos || !name.empty()) return;
  name = kind.substr(slash + 1);
  kind.resize(slash);
}

} // namespace paddler
