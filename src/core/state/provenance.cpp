#include "core/state/provenance.hpp"

#include "core/state/field_map.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace paddler {
namespace {

constexpr std::string_view reference_field = ".desired_model.";

// "agents/a1.desired_model.path" → "agents/a1.desired_model.source"; empty for what is no part of a model reference.
std::string kind_path(std::string_view path) {
  auto const at = path.rfind(reference_field);
  if (at == std::string_view::npos) return {};
  return std::string(path.substr(0, at)) + std::string(reference_field) + "source";
}

// A loss is an old one as long as the same source wants the same value and loses to the same one: when it began does
// not count.
bool is_same(lost_field const& a, lost_field const& b) {
  auto const same_word = [](field_claim const& x, field_claim const& y) {
    return x.source == y.source && x.value == y.value;
  };
  return a.path == b.path && same_word(a.lost, b.lost) && same_word(a.winner, b.winner);
}

} // namespace

bool field_provenance::in_conflict() const {
  return owner && std::ranges::any_of(others, [this](field_claim const& other) { return other.value != owner->value; });
}

void entry_claims::replace(source_id const& source, field_map const& fields, revision at) {
  claims_of_source renewed;
  auto& claims = sources_[source];
  for (auto const& [path, value] : fields) {
    auto const before = claims.find(path);
    bool const same = before != claims.end() && before->second.value == value;
    renewed.emplace(path, claim{value, same ? before->second.since : at});
  }
  claims = std::move(renewed);
  if (claims.empty()) sources_.erase(source);
}

void entry_claims::restore(source_id const& source, field_map const& fields,
                           std::map<std::string, revision> const& since) {
  for (auto const& [path, value] : fields) {
    auto const at = since.find(path);
    sources_[source].insert_or_assign(path, claim{value, at == since.end() ? revision{} : at->second});
  }
}

// A reference's fields count only where its source agrees with the highest one about what kind it is.
bool entry_claims::takes_part(source_id const& source, std::string_view path) const {
  auto const kind = kind_path(path);
  if (kind.empty() || kind == path) return true;
  field_value const* highest = nullptr;
  for (auto const& [each, claims] : sources_) {
    auto const at = claims.find(kind);
    if (at != claims.end() && highest == nullptr) highest = &at->second.value;
    if (each == source) return at == claims.end() || at->second.value == *highest;
  }
  return true;
}

field_provenance entry_claims::provenance_of(std::string const& path) const {
  field_provenance out;
  out.path = path;
  for (auto const& [source, claims] : sources_) {
    auto const at = claims.find(path);
    if (at == claims.end()) continue;
    field_claim const word{source, at->second.value, at->second.since};
    if (!out.owner && takes_part(source, path))
      out.owner = word;
    else
      out.others.push_back(word);
  }
  return out;
}

std::vector<field_provenance> entry_claims::explain() const {
  std::set<std::string> paths;
  for (auto const& [source, claims] : sources_)
    for (auto const& [path, claim] : claims) paths.insert(path);
  std::vector<field_provenance> out;
  for (auto const& path : paths) out.push_back(provenance_of(path));
  return out;
}

std::vector<lost_field> entry_claims::losses() const {
  if (sources_.size() < 2) return {}; // nobody to lose to
  std::vector<lost_field> out;
  for (auto const& each : explain()) {
    if (!each.owner) continue;
    for (auto const& other : each.others)
      if (other.value != each.owner->value) out.push_back({each.path, other, *each.owner});
  }
  return out;
}

std::vector<std::pair<std::string, revision>> entry_claims::since(source_id const& source) const {
  std::vector<std::pair<std::string, revision>> out;
  auto const at = sources_.find(source);
  if (at == sources_.end()) return out;
  for (auto const& [path, claim] : at->second) out.emplace_back(path, claim.since);
  return out;
}

std::vector<lost_field> field_claims::replace(source_id const& source, std::string const& entry,
                                              field_map const& fields, revision at) {
  auto& claims = entries_[entry];
  auto const before = claims.losses();
  claims.replace(source, fields, at);
  auto out = claims.losses();
  note_dispute(entry, !out.empty());
  std::erase_if(out, [&](lost_field const& now) {
    return std::ranges::any_of(before, [&](lost_field const& old) { return is_same(old, now); });
  });
  if (claims.empty()) entries_.erase(entry);
  return out;
}

void field_claims::restore(source_id const& source, std::string const& entry, field_map const& fields,
                           std::map<std::string, revision> const& since) {
  if (fields.empty()) return;
  auto& claims = entries_[entry];
  claims.restore(source, fields, since);
  note_dispute(entry, !claims.losses().empty());
}

void field_claims::note_dispute(std::string const& entry, bool is_one) {
  if (is_one)
    disputed_.insert(entry);
  else
    disputed_.erase(entry);
}

std::vector<std::pair<std::string, revision>> field_claims::since(source_id const& source,
                                                                  std::string const& entry) const {
  auto const at = entries_.find(entry);
  return at == entries_.end() ? std::vector<std::pair<std::string, revision>>{} : at->second.since(source);
}

std::vector<field_provenance> field_claims::explain(std::string_view path) const {
  std::vector<field_provenance> out;
  for (auto const& [entry, claims] : entries_) {
    if (!path_covers(path, entry) && !path_covers(entry, path)) continue;
    for (auto& each : claims.explain())
      if (path_covers(path, each.path)) out.push_back(std::move(each));
  }
  return out;
}

std::vector<field_provenance> field_claims::conflicts() const {
  std::vector<field_provenance> out;
  for (auto const& entry : disputed_)
    for (auto& each : entries_.at(entry).explain())
      if (each.in_conflict()) out.push_back(std::move(each));
  return out;
}

std::vector<lost_field> field_claims::losses(std::string_view entry) const {
  auto const at = entries_.find(entry);
  return at == entries_.end() ? std::vector<lost_field>{} : at->second.losses();
}

std::vector<lost_field> field_claims::losses() const {
  std::vector<lost_field> out;
  for (auto const& entry : disputed_)
    for (auto& loss : entries_.at(entry).losses()) out.push_back(std::move(loss));
  return out;
}

} // namespace paddler
