#include "core/state/layers.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <map>

namespace paddler {
namespace {

template <class Struct, class Visit> void for_each_field(Visit&& visit) {
  using members = boost::describe::describe_members<Struct, boost::describe::mod_public>;
  boost::mp11::mp_for_each<members>([&](auto member) { visit(member.pointer); });
}

template <class T> void fill(std::optional<T>& into, std::optional<T> const& from) {
  if (!into) into = from;
}

void fill(std::optional<model_reference>& into, std::optional<model_reference> const& from) {
  if (!into) {
    into = from;
    return;
  }
  if (!from || (into->source && from->source && *into->source != *from->source)) return;
  for_each_field<model_reference>([&](auto field) { fill((*into).*field, (*from).*field); });
}

void fill(std::optional<model_parameters>& into, std::optional<model_parameters> const& from) {
  if (!into) {
    into = from;
    return;
  }
  if (!from) return;
  for_each_field<model_parameters>([&](auto field) { fill((*into).*field, (*from).*field); });
}

template <class Tag> void fill(name_id<Tag>&, name_id<Tag> const&) {} // the key of the entry

template <class Struct> void fill_fields(Struct& into, Struct const& from) {
  for_each_field<Struct>([&](auto field) { fill(into.*field, from.*field); });
}

template <class Spec, class Id> void add_entries(std::map<Id, Spec>& merged, std::vector<Spec> const& entries) {
  for (auto const& entry : entries)
    if (auto const [at, is_new] = merged.try_emplace(entry.id, entry); !is_new) fill_fields(at->second, entry);
}

} // namespace

void fill_entry(agent_spec& into, agent_spec const& from) { fill_fields(into, from); }

void fill_entry(model_spec& into, model_spec const& from) { fill_fields(into, from); }

void fill_entry(policies_spec& into, policies_spec const& from) {
  for_each_field<policies_spec>([&](auto group) { fill_fields(into.*group, from.*group); });
}

desired_document merge_layers(desired_layers const& layers) {
  std::map<agent_id, agent_spec> agents;
  std::map<model_id, model_spec> models;
  desired_document out;
  for (auto const& [source, document] : layers) {
    add_entries(agents, document.agents);
    add_entries(models, document.models);
    fill_entry(out.policies, document.policies);
  }
  for (auto& [id, spec] : agents) out.agents.push_back(std::move(spec));
  for (auto& [id, spec] : models) out.models.push_back(std::move(spec));
  return out;
}

} // namespace paddler
