// FUZ-05: desired state from anywhere. What is not accepted is explained; what is accepted comes back from both of its
// printed forms, is resolved for each agent, and is a fixpoint: said again it changes nothing, printed as it is in
// effect it is the same again, released it leaves what was there before.
#include "core/state/desired_state.hpp"
#include "core/state/layers.hpp"
#include "core/state/validation.hpp"
#include "target.hpp"
#include "wire/desired_codec.hpp"
#include "wire/mapper.hpp"

#include <algorithm>

namespace paddler {
namespace {

source_id const api{source_kind::api, ""};
source_id const file{source_kind::file, "/etc/paddler.yaml"};

void must_explain(error const& refusal) {
  must(!refusal.message.empty());
  for (auto const& field : refusal.fields) must(!field.message.empty());
}

void must_come_back(desired_document const& document) {
  for (auto const other : {document_format::json, document_format::yaml}) {
    auto const again = parse_desired(print_desired(document, other), other);
    must(again.has_value());
    must(*again == document);
  }
}

// What a file says already: an agent and a model that the document may speak of, too.
desired_state with_a_file() {
  agent_spec agent{.id = {"agent-1"},
                   .desired_model = model_reference{.source = model_source::local, .path = "/m.gguf"},
                   .model = "default-chat",
                   .slots = 3,
                   .max_context_length = std::nullopt};
  model_spec model{{"default-chat"}, "a template", model_parameters{.temperature = 0.5}};
  desired_state out;
  out.apply({{1}, {}, file, {{std::move(agent)}, {std::move(model)}}, {}});
  return out;
}

void must_be_sound(desired_state const& state) {
  auto const effective = state.effective();
  must(effective == merge_layers(state.layers()));
  must(validate_document(effective).empty() && validate_effective(effective).empty());
  must_come_back(effective);
  desired_state const resumed(state.snapshot({}));
  must(resumed.applicable_states() == state.applicable_states());
  must(resumed.snapshot({}) == state.snapshot({}));
  for (auto const& [agent, resolved] : state.applicable_states()) {
    must(resolved.version.value > 0 && resolved.version.value <= state.current().value);
    if (resolved.model) must(resolved.model->slots > 0 && resolved.model->max_context_length > 0);
  }
}

void resolve(desired_document const& document) {
  auto state = with_a_file();
  auto const before = state.effective();
  auto const record = state.check({api, document, std::nullopt, {}}, {});
  if (!record) {
    must_explain(record.error());
    must(record.error().code == error_code::invalid_input && !record.error().fields.empty());
    must(std::ranges::none_of(record.error().fields, [](auto const& field) { return field.path.empty(); }));
    return;
  }
  if (!*record) return; // it says nothing
  state.apply(**record);
  must_be_sound(state);
  auto const again = state.check({api, document, std::nullopt, {}}, {});
  must(again.has_value() && !*again);
  auto const released = state.check({api, {}, std::nullopt, {}}, {});
  must(released.has_value() && *released);
  state.apply(**released);
  must(state.effective() == before);
  must_be_sound(state);
}

void check(std::string_view text, document_format format) {
  auto const document = parse_desired(text, format);
  if (!document) {
    must_explain(document.error());
    must(document.error().fields.size() <= max_listed_errors);
    return;
  }
  must_come_back(*document);
  resolve(*document);
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = paddler::as_text(data, size);
  paddler::check(text, paddler::document_format::yaml);
  paddler::check(text, paddler::document_format::json);
  return 0;
}
