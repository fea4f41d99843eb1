#include "core/dispatch/slot_table.hpp"

#include <algorithm>

namespace paddler {
namespace {

std::size_t index_of(engine_ordinal ordinal) { return static_cast<std::size_t>(ordinal); }

} // namespace

std::optional<engine_ordinal> slot_table::open(slot_serial slot, engine_key const& key) {
  if (auto const known = slots_.find(slot); known != slots_.end()) return known->second.engine;
  auto const ordinal = ordinal_for(key);
  if (!ordinal || engines_[index_of(*ordinal)].load.total == max_slots_of_engine) return std::nullopt;
  slots_[slot] = {*ordinal, ++moves_};
  auto& of = by_model_[key.model];
  ++of.slots;
  if (engines_[index_of(*ordinal)].load.total == 0) ++of.engines;
  change(*ordinal, [&](engine& it) {
    it.idle.emplace(moves_, slot);
    ++it.load.total;
  });
  return ordinal;
}

std::optional<slot_serial> slot_table::take(engine_ordinal ordinal) {
  auto const* const from = engine_at(ordinal);
  if (from == nullptr || from->idle.empty()) return std::nullopt;
  auto const slot = from->idle.begin()->second;
  slots_[slot].idle_since.reset();
  ++busy_;
  change(ordinal, [](engine& it) {
    it.idle.erase(it.idle.begin());
    ++it.load.busy;
  });
  return slot;
}

void slot_table::give_back(slot_serial slot) {
  auto const at = slots_.find(slot);
  if (at == slots_.end() || at->second.idle_since) return;
  at->second.idle_since = ++moves_;
  --busy_;
  change(at->second.engine, [&](engine& it) {
    it.idle.emplace(moves_, slot);
    --it.load.busy;
  });
}

std::optional<engine_ordinal> slot_table::close(slot_serial slot) {
  auto const at = slots_.find(slot);
  if (at == slots_.end()) return std::nullopt;
  auto const [ordinal, idle_since] = at->second;
  slots_.erase(at);
  if (!idle_since) --busy_;
  auto const of = by_model_.find(engines_[index_of(ordinal)].key.model);
  --of->second.slots;
  change(ordinal, [&](engine& it) {
    if (idle_since)
      it.idle.erase({*idle_since, slot});
    else
      --it.load.busy;
    --it.load.total;
  });
  if (engine_at(ordinal) != nullptr) return std::nullopt;
  of->second.count_off(engines_[index_of(ordinal)].withheld_for);
  if (--of->second.engines == 0) by_model_.erase(of);
  ordinals_.erase(std::exchange(engines_[index_of(ordinal)], {}).key);
  free_.insert(ordinal);
  return ordinal;
}

void slot_table::withhold(engine_ordinal ordinal, route_filter why) {
  auto const before = withheld_for(ordinal);
  if (engine_at(ordinal) == nullptr || before == why) return;
  change(ordinal, [&](engine& it) { it.withheld_for = why; });
  auto& of = by_model_.at(engines_[index_of(ordinal)].key.model);
  of.count_off(before);
  of.count(why);
}

route_filter slot_table::withheld_for(engine_ordinal ordinal) const {
  auto const* const it = engine_at(ordinal);
  return it == nullptr ? route_filter::none : it->withheld_for;
}

void slot_table::model_totals::count(route_filter why) {
  withheld += why == route_filter::none ? 0 : 1;
  drained += why == route_filter::drained ? 1 : 0;
}

void slot_table::model_totals::count_off(route_filter why) {
  withheld -= why == route_filter::none ? 0 : 1;
  drained -= why == route_filter::drained ? 1 : 0;
}

std::vector<engine_ordinal> slot_table::least_busy(std::string const& model, std::size_t count,
                                                   engine_ordinal turn) const {
  std::vector<engine_ordinal> out;
  auto const at = offers_.find(model);
  if (at == offers_.end()) return out;
  auto const add = [&](auto begin, auto end) {
    for (; begin != end && out.size() < count; ++begin) out.push_back(*begin);
  };
  for (auto const& [share, equals] : at->second.least_busy_first) {
    if (out.size() == count) break;
    auto const first = equals.lower_bound(turn);
    add(first, equals.end());
    add(equals.begin(), first);
  }
  return out;
}

std::optional<engine_ordinal> slot_table::in_turn(std::string const& model, engine_ordinal turn) const {
  auto const at = offers_.find(model);
  if (at == offers_.end()) return std::nullopt;
  auto const& all = at->second.all;
  auto const next = all.lower_bound(turn);
  return next == all.end() ? *all.begin() : *next;
}

engine_load slot_table::load_of(engine_ordinal ordinal) const {
  auto const* const it = engine_at(ordinal);
  return it == nullptr ? engine_load{} : it->load;
}

engine_key const* slot_table::key_of(engine_ordinal ordinal) const {
  auto const* const it = engine_at(ordinal);
  return it == nullptr ? nullptr : &it->key;
}

std::optional<engine_ordinal> slot_table::find(engine_key const& key) const {
  auto const at = ordinals_.find(key);
  return at == ordinals_.end() ? std::nullopt : std::optional(at->second);
}

std::vector<engine_ordinal> slot_table::engines_at(std::string const& model, agent_id const& agent) const {
  std::vector<engine_ordinal> out;
  for (auto at = ordinals_.lower_bound({model, agent, {}, 0});
       at != ordinals_.end() && at->first.model == model && at->first.agent == agent; ++at)
    out.push_back(at->second);
  return out;
}

slot_table::totals slot_table::count() const {
  return {.slots = slots_.size(), .busy = busy_, .engines = ordinals_.size(), .models = offers_.size()};
}

slot_table::engine const* slot_table::engine_at(engine_ordinal ordinal) const {
  auto const at = index_of(ordinal);
  return at < engines_.size() && engines_[at].load.total > 0 ? &engines_[at] : nullptr;
}

slot_table::model_totals slot_table::of_model(std::string const& model) const {
  auto const at = by_model_.find(model);
  return at == by_model_.end() ? model_totals{} : at->second;
}

std::optional<engine_ordinal> slot_table::ordinal_for(engine_key const& key) {
  if (auto const known = find(key)) return known;
  if (free_.empty()) {
    if (engines_.size() == max_routed_engines) return std::nullopt;
    free_.insert(engine_ordinal{static_cast<std::uint16_t>(engines_.size())});
    engines_.emplace_back();
  }
  auto const ordinal = free_.extract(free_.begin()).value();
  ordinals_[key] = ordinal;
  engines_[index_of(ordinal)].key = key;
  return ordinal;
}

void slot_table::list(engine_ordinal ordinal, engine const& it) {
  if (it.idle.empty() || it.withheld_for != route_filter::none) return;
  auto& of = offers_[it.key.model];
  of.least_busy_first[it.load].insert(ordinal);
  of.all.insert(ordinal);
}

void slot_table::unlist(engine_ordinal ordinal, engine const& it) {
  if (it.idle.empty() || it.withheld_for != route_filter::none) return;
  auto const of = offers_.find(it.key.model);
  auto const equals = of->second.least_busy_first.find(it.load);
  equals->second.erase(ordinal);
  if (equals->second.empty()) of->second.least_busy_first.erase(equals);
  of->second.all.erase(ordinal);
  if (of->second.all.empty()) offers_.erase(of);
}

template <class Change> void slot_table::change(engine_ordinal ordinal, Change what) {
  auto& it = engines_[index_of(ordinal)];
  unlist(ordinal, it);
  what(it);
  list(ordinal, it);
}

} // namespace paddler
