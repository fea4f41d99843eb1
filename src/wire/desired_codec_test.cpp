#include "wire/desired_codec.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

constexpr std::string_view seed = R"(# Example desired state configuration
agents:
  - id: "agent-1"
    desired_model:
      source: "huggingface"            # huggingface | local | url
      model_id: "Qwen/Qwen3-0.6B-GGUF"
      revision: "main"
    model: "default-chat"
    slots: 4
    max_context_length: 2048

  - id: "agent-2"
    desired_model:
      source: "local"
      path: "/models/llama-7b.gguf"
    slots: 2
    max_context_length: 4096

models:
  - id: "default-chat"
    chat_template: |
      {% for message in messages %}
      {{ message.role }}: {{ message.content }}
      {% endfor %}
    parameters: { temperature: 0.7, top_p: 0.9, max_tokens: 1024 }
)";

std::string errors_of(std::string_view text, document_format format = document_format::yaml) {
  auto const document = parse_desired(text, format);
  return document ? "" : describe(document.error());
}

TEST(DesiredCodec, ReadsTheSeedsExample) {
  auto const document = parse_desired(seed, document_format::yaml);
  ASSERT_TRUE(document) << describe(document.error());
  ASSERT_EQ(document->agents.size(), 2U);
  auto const& first = document->agents[0];
  EXPECT_EQ(first.id.value, "agent-1");
  EXPECT_EQ(first.desired_model->source, model_source::huggingface);
  EXPECT_EQ(first.desired_model->model_id, "Qwen/Qwen3-0.6B-GGUF");
  EXPECT_EQ(first.slots, 4);
  EXPECT_EQ(first.max_context_length, 2048);
  EXPECT_EQ(document->agents[1].model, std::nullopt);
  EXPECT_EQ(document->models[0].chat_template,
            "{% for message in messages %}\n{{ message.role }}: {{ message.content }}\n{% endfor %}\n");
  EXPECT_EQ(document->models[0].parameters->temperature, 0.7);
  EXPECT_EQ(document->models[0].parameters->max_tokens, 1024);
}

TEST(DesiredCodec, ComesBackInBothFormats) {
  auto const document = parse_desired(seed, document_format::yaml).value();
  for (auto const format : {document_format::yaml, document_format::json}) {
    auto const text = print_desired(document, format);
    EXPECT_EQ(parse_desired(text, format).value(), document) << text;
  }
  EXPECT_EQ(print_desired({}, document_format::json), R"({"agents":[],"models":[]})");
  EXPECT_EQ(print_desired({}, document_format::yaml), "agents: []\nmodels: []\n");
}

TEST(DesiredCodec, ListsAllThatIsWrongWithLines) {
  EXPECT_EQ(errors_of(R"(agents:
  - id: &m a
    slotz: 4
    slots: "4"
    max_context_length: 1.5
  - slots: 010
    desired_model: { source: hugginface, revision: 1234567 }
    model: *m
    model: x
  - id: b
    desired_model:
agent: []
)"),
            R"(the document has 12 errors
  line 2: agents[0].id: anchors (`&name`) are not supported (remove the anchor)
  line 3: agents[0].slotz: unknown key (did you mean "slots"? valid keys: id, desired_model, model, slots, max_context_length, drain, drain_seconds)
  line 4: agents[0].slots: expected a whole number, got text "4" (write it without quotes)
  line 5: agents[0].max_context_length: expected a whole number, got the number 1.5 (write it without a fraction)
  line 6: agents[1].slots: `010` begins with a zero: some read it as octal (write a decimal number, or put it in quotes if it is text)
  line 7: agents[1].desired_model.source: expected huggingface, local or url, got text "hugginface" (did you mean "huggingface"?)
  line 7: agents[1].desired_model.revision: expected text, got the number 1234567 (put it in quotes if it is text)
  line 8: agents[1].model: aliases (`*name`) are not supported (write the value out; text that begins with `*` wants quotes)
  line 9: agents[1].model: the key `model` stands here twice (first on line 8) (keep one of the two)
  line 6: agents[1].id: is missing (give it a value)
  line 11: agents[2].desired_model: expected an object, got null (give it a value, or leave the key out)
  line 12: agent: unknown key (did you mean "agents"? valid keys: agents, models, policies))");
}

TEST(DesiredCodec, ReadsPolicies) {
  constexpr std::string_view text = R"(agents: []
models: []
policies:
  routing:
    strategy: least_loaded
    saturation_percent: 50
  queue:
    max_requests: 100
    timeout_seconds: 2.5
  limits:
    requests_per_minute: 600
    priority_header: accept
)";
  auto const document = parse_desired(text, document_format::yaml);
  ASSERT_TRUE(document) << describe(document.error());
  policies_spec wanted;
  wanted.routing = {.strategy = routing_strategy::least_loaded, .saturation_percent = 50};
  wanted.queue = {.max_requests = 100, .timeout_seconds = 2.5};
  wanted.limits = {.requests_per_minute = 600, .priority_header = priority_trust::accept};
  EXPECT_EQ(document->policies, wanted);
  EXPECT_EQ(print_desired(*document, document_format::yaml), text) << "what is not set is left out";
  auto const json = print_desired(*document, document_format::json);
  EXPECT_EQ(parse_desired(json, document_format::json).value(), *document) << json;
}

TEST(DesiredCodec, AGroupWithoutAPolicyIsNoWord) {
  auto const document = parse_desired("policies: { routing: {}, queue: {} }", document_format::yaml);
  ASSERT_TRUE(document) << describe(document.error());
  EXPECT_EQ(*document, desired_document{});
}

TEST(DesiredCodec, NamesWhatIsWrongInPolicies) {
  EXPECT_EQ(errors_of(R"(policies:
  routing: { stratgy: prefix }
  queue: { max_requests: many }
  limits: { priority_header: yes }
  retrys: { burst: 1 }
  resume: 3
)"),
            R"(the document has 5 errors
  line 2: policies.routing.stratgy: unknown key (did you mean "strategy"? valid keys: strategy, saturation_percent)
  line 3: policies.queue.max_requests: expected a whole number, got text "many" (write a number, as in 4)
  line 4: policies.limits.priority_header: expected lower_only or accept, got text "yes" (write lower_only or accept)
  line 5: policies.retrys: unknown key (did you mean "retries"? valid keys: routing, queue, limits, retries, resume)
  line 6: policies.resume: expected an object, got the number 3 (write keys with their values))");
  EXPECT_NE(errors_of("policies: { routing: { strategy: least-loaded } }").find("did you mean \"least_loaded\"?"),
            std::string::npos);
}

TEST(DesiredCodec, AnEmptyTextIsAnErrorAndNotAnEmptyState) {
  for (auto const* text : {"", " \n\t\r\n", "# nothing\n", "---\n", "null", "~"}) {
    EXPECT_EQ(errors_of(text), "the document is empty: is it cut off?\nto want nothing at all, write `agents: []`")
        << text;
  }
  EXPECT_EQ(errors_of(" ", document_format::json),
            "the document is empty: is it cut off?\nto want nothing at all, write {\"agents\":[]}");
  EXPECT_EQ(errors_of("null", document_format::json),
            "the document is empty: is it cut off?\nto want nothing at all, write {\"agents\":[]}");
}

TEST(DesiredCodec, NothingCanBeWantedInSoManyWords) {
  EXPECT_EQ(parse_desired("agents: []", document_format::yaml).value(), desired_document{});
  EXPECT_EQ(parse_desired("{}", document_format::json).value(), desired_document{});
}

TEST(DesiredCodec, NoStartOfADocumentIsReadAsNothing) {
  for (std::size_t length = 0; length < seed.size(); ++length) {
    auto const document = parse_desired(seed.substr(0, length), document_format::yaml);
    if (document) EXPECT_FALSE(document->agents.empty()) << seed.substr(0, length);
  }
}

} // namespace
} // namespace paddler
