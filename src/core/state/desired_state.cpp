#include "core/state/desired_state.hpp"

#include "base/canary.hpp"
#include "base/text.hpp"
#include "core/state/field_map.hpp"
#include "core/state/validation.hpp"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace paddler {
namespace {

template <class Spec> field_map fields_of(Spec const* entry) {
  return entry == nullptr ? field_map{} : flatten(*entry);
}

template <class Spec> Spec const* value_of(std::optional<Spec> const& entry) { return entry ? &*entry : nullptr; }

void append(std::vector<field_change>& out, std::vector<field_change> more) {
  std::ranges::move(more, std::back_inserter(out));
}

// How entries change, as fields. `before` finds an entry as it is.
template <class Spec, class Before>
void append_changes(std::vector<field_change>& out, changed_entries<Spec> const& entries, Before const& before) {
  for (auto const& [id, entry] : entries) append(out, compare(fields_of<Spec>(before(id)), fields_of(value_of(entry))));
}

void append_changes(std::vector<field_change>& out, std::optional<policies_spec> const& after,
                    policies_spec const& before) {
  if (after) append(out, compare(flatten(before), flatten(*after)));
}

// The same of one source's entries.
template <class Spec> auto said_by(layered_list<Spec> const& list, source_id const& source) {
  return [&list, &source](id_of<Spec> const& id) { return list.find_said(source, id); };
}

template <class Spec> auto in_effect(layered_list<Spec> const& list) {
  return [&list](id_of<Spec> const& id) { return list.find(id); };
}

// Whether models[] entries come or go, and their names with them.
bool brings_or_takes_entries(layered_list<model_spec> const& before, changed_entries<model_spec> const& effect) {
  return std::ranges::any_of(effect,
                             [&](auto const& each) { return (before.find(each.first) != nullptr) != !!each.second; });
}

std::set<std::string_view> names_after(layered_list<model_spec> const& before,
                                       changed_entries<model_spec> const& effect) {
  std::set<std::string_view> names;
  for (auto const& [id, entry] : before.merged()) names.insert(id.value);
  for (auto const& [id, entry] : effect) {
    if (entry)
      names.insert(id.value);
    else
      names.erase(id.value);
  }
  return names;
}

} // namespace

result<std::optional<log_record>> desired_state::check(desired_change const& change, wall_time now) const {
  if (change.if_match && *change.if_match != current_ && !is_loose(canary::condition_ignored))
    return fail(error_code::conflict,
                "Desired state is at revision " + std::to_string(current_.value) + ", not at " +
                    std::to_string(change.if_match->value) + ": somebody changed it in between. Nothing was changed.",
                "Read it again, merge your change, and send it with the new ETag.");
  if (!is_valid_utf8(change.source.name)) // snapshots and answers are JSON
    return fail(error_code::invalid_input, "The name of this source is not UTF-8; nothing was changed.",
                "Rename the file.");
  auto wrong = validate_document(change.document);
  if (change.source.kind == source_kind::discovery && !change.document.policies.empty())
    wrong.push_back({std::string(policies_path), "is not for agents to say", "set it by the API or by a file", 0});
  if (!wrong.empty()) return std::unexpected(refusal_of(std::move(wrong)));
  auto const said = table_.difference(change.source, change.document);
  if (said.empty()) return std::nullopt;
  wrong = references(table_.effect(change.source, said), change.document);
  if (!wrong.empty()) return std::unexpected(refusal_of(std::move(wrong)));
  return log_record{current_.next(), now, change.source, change.document, change.origin};
}

// What is wrong with the agents that a change can matter to, as they would be after it. Places are named as in the
// document where they stand there, else as in agents/ID.
std::vector<field_error> desired_state::references(entry_changes const& effect,
                                                   desired_document const& document) const {
  auto const affected = applicable_.affected(table_, effect);
  if (affected.empty()) return {};
  auto const names = names_after(table_.models(), effect.models);
  std::vector<std::string_view> const models(names.begin(), names.end());
  std::map<agent_id, std::size_t> places;
  for (std::size_t i = 0; i < document.agents.size(); ++i) places.emplace(document.agents[i].id, i);

  std::multimap<std::size_t, field_error> found; // by place in the document; others last
  for (auto const& agent : affected) {
    auto const changed = effect.agents.find(agent);
    auto const* entry = changed == effect.agents.end() ? table_.agents().find(agent) : value_of(changed->second);
    if (entry == nullptr) continue;
    auto const at = places.find(agent);
    auto const place = at == places.end() ? document.agents.size() : at->second;
    auto const path = at == places.end() ? entry_path(agent) : "agents[" + std::to_string(place) + "]";
    for (auto& wrong : validate_references(path, *entry, models)) found.emplace(place, std::move(wrong));
  }
  std::vector<field_error> out;
  for (auto& [place, wrong] : found) out.push_back(std::move(wrong));
  return out;
}

desired_news desired_state::apply(log_record const& record) {
  current_ = record.number;
  auto const& source = record.source;
  desired_news news;
  news.entries = table_.difference(source, record.document);
  auto const effect = table_.effect(source, news.entries);
  append_changes(news.said, news.entries.agents, said_by(table_.agents(), source));
  append_changes(news.said, news.entries.models, said_by(table_.models(), source));
  append_changes(news.said, news.entries.policies, table_.policies().said(source));
  append_changes(news.changes, effect.agents, in_effect(table_.agents()));
  append_changes(news.changes, effect.models, in_effect(table_.models()));
  append_changes(news.changes, effect.policies, table_.policies().merged());
  news.policies_changed = effect.policies.has_value();
  if (news.policies_changed) policies_version_ = {current_.value};
  news.names_changed = brings_or_takes_entries(table_.models(), effect.models);

  auto const affected = applicable_.affected(table_, effect);
  table_.apply(source, news.entries, effect);
  auto const claim = [&](std::string const& entry, field_map const& fields) {
    std::ranges::move(claims_.replace(source, entry, fields, current_), std::back_inserter(news.losses));
  };
  for (auto const& [id, entry] : news.entries.agents) claim(entry_path(id), fields_of(value_of(entry)));
  for (auto const& [id, entry] : news.entries.models) claim(entry_path(id), fields_of(value_of(entry)));
  if (news.entries.policies) claim(std::string(policies_path), flatten(*news.entries.policies));
  auto const names_before = applicable_.name_changes();
  news.agents = applicable_.update(table_, effect, affected, generation{current_.value});
  news.names_changed = news.names_changed || applicable_.name_changes() != names_before;
  return news;
}

applicable_state const& desired_state::applicable(agent_id const& agent) const {
  static applicable_state const none;
  auto const at = applicable_.states().find(agent);
  return at == applicable_.states().end() ? none : at->second;
}

std::vector<std::string> desired_state::served_names() const {
  std::set<std::string> names;
  for (auto const& [id, entry] : models()) names.insert(id.value);
  for (auto const& [name, agents] : applicable_.served_names()) names.insert(name);
  return {names.begin(), names.end()};
}

desired_state::desired_state(state_snapshot const& from) : current_(from.at) {
  for (auto const& [source, document, since] : from.sources) {
    auto const said = table_.difference(source, document);
    table_.apply(source, said, table_.effect(source, said));
    std::map<std::string, revision> revisions;
    for (auto const& each : since) revisions.emplace(each.path, each.since);
    for (auto const& entry : document.agents) claims_.restore(source, entry_path(entry.id), flatten(entry), revisions);
    for (auto const& entry : document.models) claims_.restore(source, entry_path(entry.id), flatten(entry), revisions);
    claims_.restore(source, std::string(policies_path), flatten(document.policies), revisions);
  }
  applicable_.restore_references(table_);
  for (auto const& each : from.agents) applicable_.restore(table_, each.agent, each.version);
  policies_version_ = from.policies.value_or(generation{});
}

state_snapshot desired_state::snapshot(wall_time taken) const {
  state_snapshot out{.at = current_, .taken = taken, .sources = {}, .agents = {}, .policies = {}};
  if (policies_version_ != generation{}) out.policies = policies_version_;
  for (auto& [source, document] : layers()) {
    source_snapshot each{source, document, {}};
    auto const add_since = [&](std::string const& entry) {
      for (auto& [path, since] : claims_.since(source, entry)) each.since.push_back({std::move(path), since});
    };
    for (auto const& entry : document.agents) add_since(entry_path(entry.id));
    for (auto const& entry : document.models) add_since(entry_path(entry.id));
    add_since(std::string(policies_path));
    std::ranges::sort(each.since, {}, &claim_since::path);
    out.sources.push_back(std::move(each));
  }
  for (auto const& [agent, state] : applicable_.states()) out.agents.push_back({agent, state.version});
  return out;
}

state_snapshot fold_snapshot(state_snapshot const& base, std::span<log_record const> records, wall_time taken) {
  desired_state state(base);
  for (auto const& record : records) state.apply(record);
  return state.snapshot(taken);
}

} // namespace paddler
