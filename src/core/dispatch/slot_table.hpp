// The slot connections of all engines: which are idle, and which engines are least busy. Every slot is in one place,
// and no operation looks at every engine or every slot: each costs the logarithm of how many there are.
//
// Engines get ordinals, which routing and the prefix index count by. An engine without slots is forgotten, and its
// ordinal given to another one later.
//
// Pure. Owned by one thread.
#pragma once
#include "base/ids.hpp"
#include "core/dispatch/prefix_index.hpp"
#include "model/route.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_routed_engines = std::size_t{1} << 16;
inline constexpr std::size_t max_slots_of_engine = std::numeric_limits<std::uint16_t>::max();

// One process of an engine, which serves one model.
struct engine_key {
  std::string model;
  agent_id agent;
  incarnation process;      // of the agent
  std::uint64_t number = 0; // of the engine, among those of that process
  friend auto operator<=>(engine_key const&, engine_key const&) = default;
};

struct engine_load {
  std::uint16_t busy = 0;
  std::uint16_t total = 0;
  friend bool operator==(engine_load const&, engine_load const&) = default;
};

class slot_table {
public:
  // A connection that takes requests from now on. Nothing where there are too many engines, or slots of one.
  std::optional<engine_ordinal> open(slot_serial slot, engine_key const& engine);

  // The slot that was idle longest, which is busy from now on.
  std::optional<slot_serial> take(engine_ordinal engine);

  // It can take the next request.
  void give_back(slot_serial slot);

  // Idle or busy. The engine whose last slot it was, if it was that.
  std::optional<engine_ordinal> close(slot_serial slot);

  // Why the engine is left out of `least_busy` and `in_turn`, for as long as it has slots; none: it is not.
  void withhold(engine_ordinal engine, route_filter why);

  [[nodiscard]] route_filter withheld_for(engine_ordinal engine) const;

  [[nodiscard]] bool is_withheld(engine_ordinal engine) const { return withheld_for(engine) != route_filter::none; }

  // So many engines with an idle slot, those with the smallest share of busy ones first; of equals those first that
  // come next after `turn`, itself included.
  [[nodiscard]] std::vector<engine_ordinal> least_busy(std::string const& model, std::size_t count,
                                                       engine_ordinal turn) const;

  // The one with an idle slot that comes next.
  [[nodiscard]] std::optional<engine_ordinal> in_turn(std::string const& model, engine_ordinal turn) const;

  [[nodiscard]] engine_load load_of(engine_ordinal engine) const;
  [[nodiscard]] engine_key const* key_of(engine_ordinal engine) const;
  [[nodiscard]] std::optional<engine_ordinal> find(engine_key const& engine) const;

  // Of all processes of the agent, in order.
  [[nodiscard]] std::vector<engine_ordinal> engines_at(std::string const& model, agent_id const& agent) const;

  struct totals {
    std::size_t slots = 0, busy = 0, engines = 0;
    std::size_t models = 0; // with an idle slot
    friend bool operator==(totals const&, totals const&) = default;
  };

  [[nodiscard]] totals count() const;

  // Idle or busy, of all engines of the model; how many these are, how many of them are withheld, and how many of these
  // as they are drained.
  [[nodiscard]] std::size_t slots_of(std::string const& model) const { return of_model(model).slots; }

  [[nodiscard]] std::size_t engines_of(std::string const& model) const { return of_model(model).engines; }

  [[nodiscard]] std::size_t withheld_of(std::string const& model) const { return of_model(model).withheld; }

  [[nodiscard]] std::size_t drained_of(std::string const& model) const { return of_model(model).drained; }

private:
  struct place {
    engine_ordinal engine{};
    std::optional<std::uint64_t> idle_since; // counted in moves; busy without
  };

  // One without slots is not there.
  struct engine {
    engine_key key;
    std::set<std::pair<std::uint64_t, slot_serial>> idle; // by how long
    engine_load load;
    route_filter withheld_for = route_filter::none;
  };

  // By the share of slots that are busy.
  struct by_share {
    bool operator()(engine_load const& a, engine_load const& b) const {
      return std::uint64_t{a.busy} * b.total < std::uint64_t{b.busy} * a.total;
    }
  };

  // Engines with an idle slot that are not withheld.
  struct offers {
    std::map<engine_load, std::set<engine_ordinal>, by_share> least_busy_first;
    std::set<engine_ordinal> all;
  };

  [[nodiscard]] engine const* engine_at(engine_ordinal ordinal) const;

  struct model_totals {
    std::size_t slots = 0, engines = 0, withheld = 0, drained = 0;

    void count(route_filter why);
    void count_off(route_filter why);
  };

  [[nodiscard]] model_totals of_model(std::string const& model) const;
  [[nodiscard]] std::optional<engine_ordinal> ordinal_for(engine_key const& key);
  void list(engine_ordinal ordinal, engine const& it);
  void unlist(engine_ordinal ordinal, engine const& it);
  template <class Change> void change(engine_ordinal ordinal, Change what);

  std::map<slot_serial, place> slots_;
  std::vector<engine> engines_; // by ordinal
  std::set<engine_ordinal> free_;
  std::map<engine_key, engine_ordinal> ordinals_;
  std::map<std::string, offers> offers_; // by model
  std::map<std::string, model_totals> by_model_;
  std::size_t busy_ = 0;
  std::uint64_t moves_ = 0;
};

} // namespace paddler
