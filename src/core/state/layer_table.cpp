#include "core/state/layer_table.hpp"

#include "base/canary.hpp"
#include "core/state/layers.hpp"

#include <string_view>

namespace paddler {

template <class Spec>
changed_entries<Spec> layered_list<Spec>::difference(source_id const& source, std::vector<Spec> const& entries) const {
  changed_entries<Spec> out;
  std::set<std::string_view> there;
  for (auto const& entry : entries) {
    there.insert(entry.id.value);
    auto const* before = find_said(source, entry.id);
    if (before == nullptr || *before != entry) out.emplace(entry.id, entry);
  }
  auto const before = of_source_.find(source);
  if (before == of_source_.end()) return out;
  for (auto const& id : before->second)
    if (!there.contains(id.value)) out.emplace(id, std::nullopt);
  return out;
}

template <class Spec>
changed_entries<Spec> layered_list<Spec>::effect(source_id const& source, changed_entries<Spec> const& said) const {
  changed_entries<Spec> out;
  for (auto const& [id, entry] : said) {
    std::map<source_id, Spec const*> words;
    if (auto const known = said_.find(id); known != said_.end())
      for (auto const& [each, word] : known->second) words.emplace(each, &word);
    if (entry)
      words[source] = &*entry;
    else
      words.erase(source);
    std::optional<Spec> merged;
    for (auto const& [each, word] : words) {
      if (merged && !is_loose(canary::priority_ignored))
        fill_entry(*merged, *word);
      else
        merged = *word;
    }
    auto const* before = find(id);
    bool const same = before == nullptr ? !merged : merged && *merged == *before;
    if (!same) out.emplace(id, std::move(merged));
  }
  return out;
}

template <class Spec>
void layered_list<Spec>::apply(source_id const& source, changed_entries<Spec> const& said,
                               changed_entries<Spec> const& effect) {
  for (auto const& [id, entry] : said) {
    if (entry) {
      said_[id].insert_or_assign(source, *entry);
      of_source_[source].insert(id);
      continue;
    }
    auto& words = said_[id];
    words.erase(source);
    if (words.empty()) said_.erase(id);
    of_source_[source].erase(id);
  }
  if (auto const at = of_source_.find(source); at != of_source_.end() && at->second.empty()) of_source_.erase(at);
  for (auto const& [id, entry] : effect) {
    if (entry)
      merged_.insert_or_assign(id, *entry);
    else if (!is_loose(canary::removed_entry_kept))
      merged_.erase(id);
  }
}

template <class Spec> Spec const* layered_list<Spec>::find(id_type const& id) const {
  auto const at = merged_.find(id);
  return at == merged_.end() ? nullptr : &at->second;
}

template <class Spec> Spec const* layered_list<Spec>::find_said(source_id const& source, id_type const& id) const {
  auto const known = said_.find(id);
  if (known == said_.end()) return nullptr;
  auto const at = known->second.find(source);
  return at == known->second.end() ? nullptr : &at->second;
}

template class layered_list<agent_spec>;
template class layered_list<model_spec>;

std::optional<policies_spec> layered_policies::difference(source_id const& source,
                                                          policies_spec const& policies) const {
  return said(source) == policies ? std::nullopt : std::optional(policies);
}

std::optional<policies_spec> layered_policies::effect(source_id const& source,
                                                      std::optional<policies_spec> const& said) const {
  if (!said) return std::nullopt;
  auto words = said_;
  words.insert_or_assign(source, *said);
  policies_spec merged;
  for (auto const& [each, word] : words) fill_entry(merged, word);
  return merged == merged_ ? std::nullopt : std::optional(merged);
}

void layered_policies::apply(source_id const& source, std::optional<policies_spec> const& said,
                             std::optional<policies_spec> const& effect) {
  if (said) said_.insert_or_assign(source, *said);
  if (said && said->empty()) said_.erase(source);
  if (effect) merged_ = *effect;
}

policies_spec const& layered_policies::said(source_id const& source) const {
  static policies_spec const nothing;
  auto const at = said_.find(source);
  return at == said_.end() ? nothing : at->second;
}

entry_changes layer_table::difference(source_id const& source, desired_document const& document) const {
  return {agents_.difference(source, document.agents), models_.difference(source, document.models),
          policies_.difference(source, document.policies)};
}

entry_changes layer_table::effect(source_id const& source, entry_changes const& said) const {
  return {agents_.effect(source, said.agents), models_.effect(source, said.models),
          policies_.effect(source, said.policies)};
}

void layer_table::apply(source_id const& source, entry_changes const& said, entry_changes const& effect) {
  agents_.apply(source, said.agents, effect.agents);
  models_.apply(source, said.models, effect.models);
  policies_.apply(source, said.policies, effect.policies);
}

desired_document layer_table::effective() const {
  desired_document out;
  for (auto const& [id, entry] : agents_.merged()) out.agents.push_back(entry);
  for (auto const& [id, entry] : models_.merged()) out.models.push_back(entry);
  out.policies = policies_.merged();
  return out;
}

desired_layers layer_table::layers() const {
  desired_layers out;
  for (auto const& source : sources()) out.emplace(source, said(source));
  return out;
}

desired_document layer_table::said(source_id const& source) const {
  desired_document out;
  if (auto const at = agents_.sources().find(source); at != agents_.sources().end())
    for (auto const& id : at->second) out.agents.push_back(*agents_.find_said(source, id));
  if (auto const at = models_.sources().find(source); at != models_.sources().end())
    for (auto const& id : at->second) out.models.push_back(*models_.find_said(source, id));
  out.policies = policies_.said(source);
  return out;
}

std::set<source_id> layer_table::sources() const {
  std::set<source_id> out;
  for (auto const& [source, ids] : agents_.sources()) out.insert(source);
  for (auto const& [source, ids] : models_.sources()) out.insert(source);
  for (auto const& [source, policies] : policies_.sources()) out.insert(source);
  return out;
}

} // namespace paddler
