#include "core/state/provenance.hpp"

#include "core/state/field_map.hpp"

#include <algorithm>
#include <set>

namespace paddler {
namespace {

constexpr std::string_view reference_field = ".desired_model.";

// "agents/a1.desired_model.path" → "agents/a1.desired_model.source"; empty for what is no part of a model reference.
std::string kind_path(std::string_view path) {
  auto const at = path.rfind(reference_field);
  if (at == std::string_view::npos) return {};
  return std::string(path.substr(0, at)) + std::string(reference_field) + "source";
}

} // namespace

bool field_provenance::in_conflict() const {
  return owner && std::ranges::any_of(others, [this](field_claim const& other) { return other.value != owner->value; });
}

void field_claims::replace(source_id const& source, desired_document const& document, revision at) {
  claims_of_source renewed;
  auto& claims = sources_[source];
  for (auto& [path, value] : flatten(document)) {
    auto const before = claims.find(path);
    bool const same = before != claims.end() && before->second.value == value;
    renewed.emplace(path, claim{value, same ? before->second.since : at});
  }
  claims = std::move(renewed);
  if (claims.empty()) sources_.erase(source);
}

// A reference's fields count only where its source agrees with the highest one about what kind it is.
bool field_claims::takes_part(source_id const& source, std::string_view path) const {
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

field_provenance field_claims::provenance_of(std::string const& path) const {
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

std::vector<field_provenance> field_claims::explain(std::string_view path) const {
  std::set<std::string> paths;
  for (auto const& [source, claims] : sources_)
    for (auto const& [each, claim] : claims)
      if (path_covers(path, each)) paths.insert(each);
  std::vector<field_provenance> out;
  for (auto const& each : paths) out.push_back(provenance_of(each));
  return out;
}

std::vector<field_provenance> field_claims::conflicts() const {
  auto out = explain("");
  std::erase_if(out, [](field_provenance const& each) { return !each.in_conflict(); });
  return out;
}

std::vector<lost_field> field_claims::losses() const {
  std::vector<lost_field> out;
  for (auto const& each : conflicts())
    for (auto const& other : each.others)
      if (other.value != each.owner->value) out.push_back({each.path, other, *each.owner});
  return out;
}

} // namespace paddler
