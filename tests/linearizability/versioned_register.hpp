// The sequential model of desired state as its API shows it: one value with a revision that each change makes larger.
#pragma once
#include <algorithm>
#include <compare>
#include <cstdint>
#include <optional>

namespace paddler {

// Values are names of what was written, each written once; 0 is what there was before the first write.
struct register_operation {
  enum class kind {
    read,   // revision and value are what was answered
    write,  // revision is the one that the change was given
    refused // a conditional write that found another revision than `wanted`
  };
  kind what = kind::read;
  std::uint64_t value = 0;
  std::optional<std::uint64_t> wanted;   // If-Match
  std::optional<std::uint64_t> revision; // nothing: no answer came
};

// Where nobody but the history's own clients writes, revisions follow each other without a gap. Where others write too
// (`SharedRevisions`: agents that report, files), revisions may be skipped, but never go back.
template <bool SharedRevisions> struct versioned_register {
  struct state {
    std::uint64_t revision = 0;
    std::uint64_t value = 0;

    auto operator<=>(state const&) const = default;
  };

  using operation = register_operation;

  static state initial() { return {}; }

  static std::optional<state> step(state const& now, operation const& each) {
    switch (each.what) {
    case operation::kind::read:
      if (!each.revision) return now;
      if (each.value != now.value || !could_be(now, *each.revision)) return std::nullopt;
      return state{*each.revision, now.value};
    case operation::kind::refused:
      if (!SharedRevisions && each.wanted == now.revision) return std::nullopt;
      return now;
    case operation::kind::write: return write(now, each);
    }
    return std::nullopt;
  }

private:
  static bool could_be(state const& now, std::uint64_t revision) {
    return SharedRevisions ? revision >= now.revision : revision == now.revision;
  }

  static std::optional<state> write(state const& now, operation const& each) {
    bool const fits = !each.wanted || could_be(now, *each.wanted);
    auto const before = each.wanted ? std::max(*each.wanted, now.revision) : now.revision;
    // Where it would be refused it changes nothing, which is as if it had never happened: another order has that.
    if (!each.revision) return fits ? std::optional(state{before + 1, each.value}) : std::nullopt;
    bool const next = SharedRevisions && !each.wanted ? *each.revision > before : *each.revision == before + 1;
    if (!fits || !next) return std::nullopt;
    return state{*each.revision, each.value};
  }
};

} // namespace paddler
