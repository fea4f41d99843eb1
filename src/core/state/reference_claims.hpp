// For tests: who decides each field, by the plain rule and from the log alone, worked out anew after each record
// (LIN-08). It shares nothing with core/state but the names of fields.
#pragma once
#include "core/state/field_map.hpp"
#include "model/record.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace paddler {

class reference_claims {
public:
  // The losses that begin with this record: each is to be told once.
  std::vector<lost_field> apply(log_record const& record) {
    auto const before = losses();
    std::map<std::string, field_claim> renewed;
    auto& said = words_[record.source];
    for (auto const& [path, value] : flatten(record.document)) {
      auto const at = said.find(path);
      bool const same = at != said.end() && at->second.value == value;
      renewed.emplace(path, field_claim{record.source, value, same ? at->second.since : record.number});
    }
    said = std::move(renewed);
    std::vector<lost_field> out;
    for (auto const& [key, loss] : losses())
      if (!before.contains(key)) out.push_back(loss);
    return out;
  }

  // The word of the source of highest priority that has one.
  [[nodiscard]] std::map<std::string, field_claim> owners() const {
    std::map<std::string, field_claim> out;
    for (auto const& path : paths())
      if (auto const owner = owner_of(path)) out.emplace(path, *owner);
    return out;
  }

  [[nodiscard]] field_map effective() const {
    field_map out;
    for (auto const& [path, owner] : owners()) out.emplace(path, owner.value);
    return out;
  }

  // Every loss that there is now.
  [[nodiscard]] std::vector<lost_field> in_force() const {
    std::vector<lost_field> out;
    for (auto const& [key, loss] : losses()) out.push_back(loss);
    return out;
  }

private:
  using key = std::tuple<std::string, source_id, field_value, source_id, field_value>;

  [[nodiscard]] std::set<std::string> paths() const {
    std::set<std::string> out;
    for (auto const& [source, said] : words_)
      for (auto const& [path, claim] : said) out.insert(path);
    return out;
  }

  // Sources come in order of priority.
  [[nodiscard]] std::optional<field_claim> owner_of(std::string const& path) const {
    for (auto const& [source, said] : words_)
      if (auto const at = said.find(path); at != said.end() && agrees(said, path)) return at->second;
    return std::nullopt;
  }

  // Parts of a reference to another kind of model than the one in force count for nothing.
  [[nodiscard]] bool agrees(std::map<std::string, field_claim> const& said, std::string const& path) const {
    static constexpr std::string_view part = ".desired_model.";
    auto const at = path.rfind(part);
    if (at == std::string::npos) return true;
    auto const kind = path.substr(0, at + part.size()) + "source";
    auto const own = said.find(kind);
    if (path == kind || own == said.end()) return true;
    for (auto const& [source, others] : words_)
      if (auto const first = others.find(kind); first != others.end()) return first->second.value == own->second.value;
    return true;
  }

  [[nodiscard]] std::map<key, lost_field> losses() const {
    std::map<key, lost_field> out;
    for (auto const& [path, owner] : owners())
      for (auto const& [source, said] : words_) {
        auto const other = said.find(path);
        if (other == said.end() || source == owner.source || other->second.value == owner.value) continue;
        out.emplace(key{path, source, other->second.value, owner.source, owner.value},
                    lost_field{path, other->second, owner});
      }
    return out;
  }

  std::map<source_id, std::map<std::string, field_claim>> words_;
};

} // namespace paddler
