#include "core/state/field_map.hpp"

#include "base/text.hpp"
#include "model/words.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <type_traits>
#include <utility>

namespace paddler {
namespace {

field_value value_of(int value) { return std::int64_t{value}; }

field_value value_of(std::int64_t value) { return value; }

field_value value_of(double value) { return value; }

field_value value_of(std::string const& value) { return value; }

field_value value_of(model_source value) { return std::string(to_string(value)); }

field_value value_of(routing_strategy value) { return std::string(to_string(value)); }

field_value value_of(priority_trust value) { return std::string(to_string(value)); }

template <class Struct, class Visit> void for_each_member(Visit const& visit) {
  boost::mp11::mp_for_each<boost::describe::describe_members<Struct, boost::describe::mod_public>>(visit);
}

std::string group_path(char const* name) { return std::string(policies_path) + "/" + name; }

// Adds a struct's fields beneath a path.
class flattening {
public:
  explicit flattening(field_map& into) : into_(into) {}

  template <class Entry> void add_entry(Entry const& entry) {
    auto const path = entry_path(entry.id);
    into_.emplace(path, field_value{});
    add_fields(path, entry);
  }

  void add_policies(policies_spec const& policies) {
    for_each_member<policies_spec>([&](auto group) { add_fields(group_path(group.name), policies.*group.pointer); });
  }

private:
  template <class Struct> void add_fields(std::string const& path, Struct const& from) {
    for_each_member<Struct>([&](auto member) { add(path + "." + member.name, from.*member.pointer); });
  }

  template <class Id> void add(std::string const&, Id const&) {} // the entry's key is in its path

  template <class T> void add(std::string const& path, std::optional<T> const& field) {
    if (!field) return;
    if constexpr (requires { value_of(*field); })
      into_.emplace(path, value_of(*field));
    else
      add_fields(path, *field);
  }

  field_map& into_;
};

} // namespace

std::string entry_path(agent_id const& agent) { return "agents/" + agent.value; }

std::string entry_path(model_id const& model) { return "models/" + model.value; }

field_map flatten(desired_document const& document) {
  field_map out;
  flattening fields(out);
  for (auto const& agent : document.agents) fields.add_entry(agent);
  for (auto const& model : document.models) fields.add_entry(model);
  fields.add_policies(document.policies);
  return out;
}

field_map flatten(agent_spec const& agent) {
  field_map out;
  flattening(out).add_entry(agent);
  return out;
}

field_map flatten(model_spec const& model) {
  field_map out;
  flattening(out).add_entry(model);
  return out;
}

field_map flatten(policies_spec const& policies) {
  field_map out;
  flattening(out).add_policies(policies);
  return out;
}

std::vector<std::string> policy_paths() {
  std::vector<std::string> out;
  for_each_member<policies_spec>([&](auto group) {
    using group_type = std::remove_cvref_t<decltype(std::declval<policies_spec>().*group.pointer)>;
    for_each_member<group_type>([&](auto field) { out.push_back(group_path(group.name) + "." + field.name); });
  });
  return out;
}

std::vector<field_change> compare(field_map const& before, field_map const& after) {
  std::vector<field_change> out;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    if (now == after.end() || (old != before.end() && old->first < now->first)) {
      out.push_back({old->first, old->second, std::nullopt});
      ++old;
    } else if (old == before.end() || now->first < old->first) {
      out.push_back({now->first, std::nullopt, now->second});
      ++now;
    } else {
      if (old->second != now->second) out.push_back({now->first, old->second, now->second});
      ++old;
      ++now;
    }
  }
  return out;
}

bool path_covers(std::string_view asked, std::string_view path) {
  if (!path.starts_with(asked)) return false;
  return path.size() == asked.size() || asked.empty() || asked.ends_with('/') || path[asked.size()] == '.' ||
         path[asked.size()] == '/';
}

namespace {

constexpr std::size_t shown_length_limit = 80; // a template may be pages long

struct value_printer {
  std::string operator()(std::monostate) const { return "present"; }

  std::string operator()(std::int64_t value) const { return std::to_string(value); }

  std::string operator()(double value) const { return print_number(value); }

  std::string operator()(std::string const& value) const { return quote_shortened(value, shown_length_limit); }
};

} // namespace

std::string describe(field_value const& value) { return std::visit(value_printer{}, value); }

std::string describe(source_id const& source) {
  auto const kind = std::string(to_string(source.kind));
  return source.name.empty() ? kind : kind + " " + source.name;
}

std::string describe(lost_field const& loss) {
  return loss.path + ": " + describe(loss.lost.value) + " of " + describe(loss.lost.source) +
         " is not in effect: " + describe(loss.winner.source) + " decides it (" + describe(loss.winner.value) +
         ", revision " + std::to_string(loss.winner.since.value) + ").";
}

} // namespace paddler
