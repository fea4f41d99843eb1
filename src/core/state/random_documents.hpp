// For tests: documents and sources drawn from few names and values, so that they meet often.
#pragma once
#include "base/random.hpp"
#include "model/desired.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace paddler {

class random_documents {
public:
  explicit random_documents(std::uint64_t seed) : random_(seed) {}

  // Any document; many are not valid.
  desired_document next() {
    desired_document out;
    for (char const* id : {"a", "b", "c"})
      if (maybe()) out.agents.push_back(agent(id));
    for (char const* id : {"m", "n"})
      if (random_.below(3) == 0) out.models.push_back({{id}, text({"x", "y"}), parameters()});
    if (maybe()) out.policies = policies();
    return out;
  }

  // The document with one entry more, less or changed: what most changes are.
  desired_document next_to(desired_document document) {
    auto const fresh = next();
    if (random_.below(4) == 0) {
      document.policies = fresh.policies;
    } else if (!fresh.models.empty() && maybe()) {
      replace(document.models, fresh.models.front());
    } else if (!fresh.agents.empty() && maybe()) {
      replace(document.agents, fresh.agents.front());
    } else if (!document.models.empty() && maybe()) {
      document.models.pop_back();
    } else if (!document.agents.empty()) {
      document.agents.erase(document.agents.begin());
    }
    return document;
  }

  source_id const& source() { return sources_.at(random_.below(sources_.size())); }

  random_source& random() { return random_; }

private:
  template <class Spec> static void replace(std::vector<Spec>& entries, Spec const& with) {
    for (auto& entry : entries)
      if (entry.id == with.id) {
        entry = with;
        return;
      }
    entries.push_back(with);
  }

  bool maybe() { return random_.below(2) == 0; }

  std::optional<int> number() { return maybe() ? std::optional(1 + static_cast<int>(random_.below(3))) : std::nullopt; }

  std::optional<std::string> text(std::array<char const*, 2> words) {
    return maybe() ? std::optional<std::string>(words.at(random_.below(2))) : std::nullopt;
  }

  std::optional<model_parameters> parameters() {
    if (maybe()) return std::nullopt;
    model_parameters out;
    out.temperature = 0.5 * static_cast<double>(random_.below(3));
    out.max_tokens = number();
    return out;
  }

  policies_spec policies() {
    policies_spec out;
    if (maybe()) out.routing.strategy = maybe() ? routing_strategy::session : routing_strategy::round_robin;
    if (maybe()) out.queue.max_requests = 10 * static_cast<std::int64_t>(random_.below(3));
    if (maybe()) out.queue.timeout_seconds = 0.5 * static_cast<double>(random_.below(3)); // 0 is not valid
    if (maybe()) out.limits.priority_header = priority_trust::accept;
    out.resume.max_resumes = number();
    return out;
  }

  agent_spec agent(std::string id) {
    agent_spec out;
    out.id.value = std::move(id);
    if (maybe()) out.model = text({"m", "n"});
    out.slots = number();
    if (maybe()) out.drain = maybe();
    out.drain_seconds = number();
    if (maybe()) out.max_context_length = 16 * *number().or_else([] { return std::optional(1); });
    if (maybe()) {
      bool const local = maybe();
      model_reference wanted;
      wanted.source = local ? model_source::local : model_source::huggingface;
      (local ? wanted.path : wanted.model_id) = maybe() ? "/x" : "/y";
      if (!local) wanted.revision = text({"main", "v2"});
      out.desired_model = wanted;
    }
    return out;
  }

  random_source random_;
  std::array<source_id, 4> sources_{source_id{source_kind::api, ""}, source_id{source_kind::file, "/etc/paddler.yaml"},
                                    source_id{source_kind::discovery, "a"}, source_id{source_kind::discovery, "b"}};
};

} // namespace paddler
