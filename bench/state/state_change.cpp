#include "bench/state/state_change.hpp"

#include "bench/state/fleet.hpp"
#include "wire/desired_codec.hpp"
#include "wire/link_codec.hpp"

#include <utility>

namespace paddler {
namespace {

constexpr std::size_t template_bytes = 2'000; // as long as a usual chat template
constexpr int context_length = 4096;

std::string chat_template(std::uint64_t version) {
  auto out = "{# " + std::to_string(version) + " #}";
  while (out.size() < template_bytes)
    out += "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}{% endfor %}\n";
  return out;
}

model_spec model_entry(std::string id, std::uint64_t version) {
  model_spec out;
  out.id = {std::move(id)};
  out.chat_template = chat_template(version);
  out.parameters.emplace().temperature = 0.7;
  return out;
}

} // namespace

concerned_agents agents_of(change_kind kind, std::size_t agents) {
  switch (kind) {
  case change_kind::tenth: return {0, tenth};
  case change_kind::all: return {0, 1};
  case change_kind::one:
  case change_kind::document: break;
  }
  return {agents / 2, agents};
}

task<> state_changer::begin() {
  if (bare_) co_return;
  auto body = document(false);
  co_await client_.want("PUT", "/management/v1/desired", std::move(body));
}

task<> state_changer::make(change_kind kind) {
  ++changes_;
  if (kind == change_kind::tenth || kind == change_kind::all) ++tenth_;
  if (kind == change_kind::all) ++fleet_;
  if (kind == change_kind::one || kind == change_kind::document) ++context_;
  if (bare_) {
    auto const who = agents_of(kind, agents_);
    auto target = "/send?first=" + std::to_string(who.first) + "&every=" + std::to_string(who.every);
    auto body = state();
    co_await client_.want("POST", std::move(target), std::move(body));
    co_return;
  }
  auto body = document(kind == change_kind::document);
  co_await client_.want("PUT", "/management/v1/desired", std::move(body));
}

// Agents say themselves what they serve; the document adds to one of them what no agent says. Where it names every
// agent, it says of the others what they say, too.
std::string state_changer::document(bool every_agent) const {
  desired_document out;
  out.models = {model_entry("fleet", fleet_), model_entry("tenth", tenth_)};
  auto const one = agents_of(change_kind::one, agents_).first;
  for (std::size_t i = 0; i < agents_; ++i) {
    if (i != one && !every_agent) continue;
    auto& entry = out.agents.emplace_back();
    entry.id = {agent_name(i)};
    entry.model = model_of(i);
    if (i == one) entry.max_context_length = context_length + static_cast<int>(context_ % 1000);
  }
  return print_desired(out, document_format::json);
}

std::string state_changer::state() const {
  applicable_model model;
  model.name = "fleet";
  model.reference.source = model_source::local;
  model.reference.path = "/srv/models/fleet-7b-q4_k_m.gguf";
  model.chat_template = chat_template(changes_);
  model.parameters.temperature = 0.7;
  model.slots = 16;
  model.max_context_length = context_length;
  return encode_balancer_message(link_apply{epoch{1}, {generation{changes_}, std::move(model)}});
}

} // namespace paddler
