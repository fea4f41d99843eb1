// Requests that carry an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): of those with the same key only
// one runs, and the others get its answer. A key belongs to the client that sent it, and to the one request that it was
// first sent with. An answer that failed for reasons of ours, or whose client left, is none: the next request with
// the key runs.
//
// Kept in memory only, for a day, within limits; what is forgotten, the oldest first, would run again. Pure: no clock.
// Owned by one thread.
#pragma once
#include "base/time.hpp"
#include "model/request.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace paddler {

// A whole answer of the inference API.
struct kept_answer {
  unsigned status = 0;
  std::string content_type;
  std::string body; // of a stream: all its events
};

struct idempotency_policy {
  std::size_t max_keys = 10'000;
  std::size_t max_bytes = std::size_t{64} << 20; // of answers
  std::size_t max_answer = std::size_t{1} << 20; // of one; a larger one is not kept
  duration keep = std::chrono::hours(24);        // from the first request on
};

struct idempotency_key {
  client_key client = client_key::others;
  std::string text;
  friend auto operator<=>(idempotency_key const&, idempotency_key const&) = default;
};

inline constexpr std::size_t max_idempotency_key = 255; // bytes

class idempotent_answers {
public:
  explicit idempotent_answers(idempotency_policy policy) : policy_(policy) {}

  enum class standing {
    begins,        // it is the first, is to run, and `over` must follow
    runs,          // another one runs: to be asked again when that is over
    answered,      // here is the answer
    not_kept,      // it was answered, and the answer was too large to be kept
    other_request, // the key came with another request
    no_room,       // so many run that no more can be remembered
  };

  struct found {
    standing what = standing::begins;
    std::shared_ptr<kept_answer const> answer = {};
  };

  // `request` is a digest of everything that the answer depends on.
  found ask(idempotency_key const& key, std::uint64_t request, mono_time now);

  // The one that began ended: with its whole answer; with one that was not kept; or with none that counts.
  void answered(idempotency_key const& key, kept_answer answer);
  void answered_at_length(idempotency_key const& key);
  void failed(idempotency_key const& key);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  [[nodiscard]] std::size_t max_answer() const { return policy_.max_answer; }

private:
  struct entry {
    std::uint64_t request = 0;
    standing what = standing::runs;
    std::shared_ptr<kept_answer const> answer;
    mono_time until{};
    std::list<idempotency_key>::iterator place; // in over_, unless it runs
  };

  using entries = std::map<idempotency_key, entry>;

  void end(entries::iterator at, standing how);
  void forget(entries::iterator at);

  idempotency_policy policy_;
  entries entries_;
  std::list<idempotency_key> over_; // those that do not run, in the order of their ends
  std::size_t bytes_ = 0;
};

} // namespace paddler
