#include "base/random.hpp"
#include "wire/document_edit.hpp"
#include "wire/json_codec.hpp"
#include "wire/link_compressor.hpp"

#include <gtest/gtest.h>

#include <array>

namespace paddler {
namespace {

document_node parsed(std::string_view text) { return parse_json(text).value(); }

// Whether both read the same; the order of keys means nothing.
void expect_same(document_node const& a, document_node const& b) {
  auto const patch = merge_patch(a, b);
  ASSERT_TRUE(patch);
  EXPECT_EQ(print_json(*patch), "{}") << print_json(a) << " and " << print_json(b);
}

link_apply apply_of(double temperature, std::string chat_template) {
  link_apply out;
  out.leader = {2};
  out.state.version = {7};
  out.state.model.emplace();
  out.state.model->name = "chat";
  out.state.model->reference.path = "/models/chat.gguf";
  out.state.model->parameters.temperature = temperature;
  out.state.model->chat_template = std::move(chat_template);
  out.state.model->slots = 4;
  return out;
}

link_report report_of(std::uint64_t sequence, int busy) {
  link_report out;
  out.report.sequence = sequence;
  out.report.applied = {7};
  out.report.engine = {.status = engine_status::ready, .model = "chat", .version = {7}, .slots = 8, .slots_busy = busy};
  return out;
}

// The two ends of a link after hello and welcome.
struct linked_ends {
  balancer_link_end balancer;
  agent_link_end agent;

  explicit linked_ends(bool deltas = true) {
    EXPECT_TRUE(agent.decode(balancer.encode(link_welcome{{2}, 1000, deltas})));
  }

  std::string pass(balancer_message const& message) {
    auto text = balancer.encode(message);
    auto const back = agent.decode(text);
    EXPECT_TRUE(back) << describe(back.error());
    EXPECT_EQ(encode_balancer_message(back->message.value()), encode_balancer_message(message));
    EXPECT_EQ(back->ignored_fields, 0U);
    return text;
  }

  std::string pass(agent_message const& message) {
    auto text = agent.encode(message);
    auto const back = balancer.decode(text);
    EXPECT_TRUE(back) << describe(back.error());
    EXPECT_EQ(encode_agent_message(back->message.value()), encode_agent_message(message));
    EXPECT_EQ(back->ignored_fields, 0U);
    return text;
  }
};

// --- the patch ---

// The cases of RFC 7396, appendix A.
TEST(MergePatch, IsThatOfTheRfc) {
  struct row {
    std::string_view target, patch, result;
  };

  for (auto const& [target, patch, wanted] : {
           row{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           row{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           row{R"({"a":"b"})", R"({"a":null})", R"({})"},
           row{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           row{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           row{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
           row{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           row{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           row{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
           row{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
           row{R"({"a":"foo"})", R"("bar")", R"("bar")"},
           row{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           row{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
           row{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
       }) {
    auto document = parsed(target);
    apply_merge_patch(document, parsed(patch));
    EXPECT_EQ(print_json(document), wanted) << target << " with " << patch;
  }
}

// Which of the two would count differs from reader to reader: whoever reads the result is told.
TEST(MergePatch, AKeyThatStandsTwiceInAPatchIsWrongInTheResult) {
  for (auto const* patch : {R"({"a":2,"a":3})", R"({"a":{},"a":{}})"}) {
    auto document = parsed(R"({"a":1})");
    apply_merge_patch(document, parsed(patch));
    ASSERT_NE(document.find("a"), nullptr);
    EXPECT_NE(document.find("a")->problem, "") << patch;
  }
}

TEST(MergePatch, SaysWhatDiffersAndWhatVanished) {
  auto const patch =
      merge_patch(parsed(R"({"a":1,"b":{"c":2,"d":[1,2]},"e":"x"})"), parsed(R"({"b":{"d":[1],"c":2},"a":1,"f":{}})"));
  ASSERT_TRUE(patch);
  EXPECT_EQ(print_json(*patch), R"({"b":{"d":[1]},"f":{},"e":null})");
}

TEST(MergePatch, CannotSayThatAFieldIsNull) {
  EXPECT_FALSE(merge_patch(parsed("{}"), parsed(R"({"a":{"b":null}})")));
  EXPECT_TRUE(merge_patch(parsed("{}"), parsed(R"({"a":[null]})")));
}

// Objects of few keys and values, so that they meet often.
class random_objects {
public:
  explicit random_objects(std::uint64_t seed) : random_(seed) {}

  document_node next(int depth = 3) {
    auto out = object_node();
    for (char const* key : {"a", "b", "c", "d"})
      if (random_.below(3) > 0) out.add(key, value(depth));
    return out;
  }

  random_source& random() { return random_; }

private:
  document_node value(int depth) {
    switch (random_.below(depth > 0 ? 6 : 4)) {
    case 0: return number_node(random_.below(3));
    case 1: return text_node(std::string(random_.below(40), 'x'));
    case 2: return boolean_node(random_.below(2) == 0);
    case 3: {
      auto list = list_node();
      for (std::uint64_t i = random_.below(3); i > 0; --i) list.items.push_back(null_node());
      return list;
    }
    default: return next(depth - 1);
    }
  }

  random_source random_;
};

TEST(MergePatch, MakesOneObjectOutOfAnyOther) {
  random_objects objects(1);
  for (int i = 0; i < 3'000; ++i) {
    auto const from = objects.next();
    auto const to = objects.next();
    auto patched = from;
    auto const patch = merge_patch(from, to);
    ASSERT_TRUE(patch);
    apply_merge_patch(patched, *patch);
    expect_same(patched, to);
  }
}

// --- one direction ---

// Messages of which most differ a little from the last one of their type.
class random_messages {
public:
  explicit random_messages(std::uint64_t seed) : objects_(seed) {}

  document_node next() {
    static constexpr std::array<std::string_view, 4> types = {"report", "apply", "question", "heartbeat"};
    std::string const type(types.at(random().below(types.size())));
    auto& last = last_[type];
    auto const fresh = objects_.next();
    if (random().below(3) == 0 || last.items.empty()) {
      last = object_node();
      last.add("type", text_node(type));
      for (std::size_t i = 0; i < fresh.items.size(); ++i) last.add(fresh.keys[i], fresh.items[i]);
    } else if (!fresh.items.empty()) {
      auto patch = object_node();
      patch.add(fresh.keys.front(), fresh.items.front());
      apply_merge_patch(last, patch);
    }
    return last;
  }

  random_source& random() { return objects_.random(); }

private:
  random_objects objects_;
  std::map<std::string, document_node> last_;
};

TEST(LinkCompressor, WhatIsSentComesBack) {
  std::uint64_t deltas = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    random_messages random(seed);
    link_encoder encoder;
    link_decoder decoder;
    for (int i = 0; i < 200; ++i) {
      if (i == 10) {
        encoder.begin();
        decoder.begin();
      }
      auto const message = random.next();
      auto const back = decoder.decode(encoder.encode(message));
      ASSERT_TRUE(back) << describe(back.error());
      expect_same(*back, message);
    }
    EXPECT_EQ(encoder.traffic(), decoder.traffic());
    EXPECT_EQ(encoder.traffic().messages, 200U);
    deltas += encoder.traffic().deltas;
  }
  EXPECT_GT(deltas, 500U);
}

// Of any sequence, one message lost, doubled or overtaken by the next.
TEST(LinkCompressor, EVT_03_NothingIsMisreadThatWasLostDoubledOrReordered) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    random_messages random(seed);
    link_encoder encoder;
    link_decoder decoder;
    encoder.begin();
    decoder.begin();
    std::vector<std::string> texts;
    std::vector<document_node> messages;
    for (int i = 0; i < 12; ++i) {
      messages.push_back(random.next());
      texts.push_back(encoder.encode(messages.back()));
    }
    auto const at = static_cast<std::ptrdiff_t>(random.random().below(11));
    auto const fault = seed % 3;
    if (fault == 0) texts.erase(texts.begin() + at);
    if (fault == 1) texts.insert(texts.begin() + at, texts[static_cast<std::size_t>(at)]);
    if (fault == 2) std::swap(texts[static_cast<std::size_t>(at)], texts[static_cast<std::size_t>(at) + 1]);
    std::size_t read = 0;
    for (; read < texts.size(); ++read) {
      auto const back = decoder.decode(texts[read]);
      if (!back) {
        EXPECT_EQ(back.error().code, error_code::protocol);
        EXPECT_NE(back.error().message.find("was expected"), std::string::npos) << describe(back.error());
        break;
      }
      expect_same(*back, messages[read]);
    }
    EXPECT_EQ(read, static_cast<std::size_t>(at) + (fault == 1 ? 1 : 0)) << "seed " << seed;
  }
}

TEST(LinkCompressor, RefusesWhatCannotBe) {
  struct row {
    std::string_view text, words;
  };

  for (auto const& [text, words] : {
           row{R"({"type":"report","report":{}})", "without its number"},
           row{R"({"n":"2","type":"report"})", "without its number"},
           row{R"({"n":3,"type":"report"})", "message 3 came on this link where 2 was expected"},
           row{R"({"n":2,"type":"report","on":7,"delta":{}})", "delta on message 7, and the newest `report`"},
           row{R"({"n":2,"type":"report","delta":{}})", "delta on message (none)"},
           row{R"({"n":2,"type":"apply","on":1,"delta":{}})", "the newest `apply` that is kept is none"},
           row{R"({"n":2,"type":"report","on":1,"delta":[]})", "is not one object"},
           row{R"({"n":2,"type":"report","on":1,"delta":{"type":"ack"}})", "changes its type"},
           row{R"({"n":2,"type":"report","on":1,"delta":{"type":null}})", "changes its type"},
       }) {
    link_decoder decoder;
    decoder.begin();
    ASSERT_TRUE(decoder.decode(R"({"n":1,"type":"report","report":{"sequence":1}})"));
    auto const back = decoder.decode(text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code, error_code::protocol);
    EXPECT_NE(back.error().message.find(words), std::string::npos) << text << " gave " << back.error().message;
  }
}

TEST(LinkCompressor, KeepsNoMoreThanItsLimit) {
  link_encoder encoder;
  link_decoder decoder;
  encoder.begin();
  decoder.begin();
  auto large = object_node();
  large.add("type", text_node("report")).add("text", text_node(std::string(max_link_base_bytes, 'x')));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(decoder.decode(encoder.encode(large)));
  EXPECT_EQ(encoder.traffic().deltas, 0U) << "it is not kept, so nothing goes on from it";
}

TEST(LinkCompressor, DeltasThatGrowWithoutEndAreRefused) {
  link_decoder decoder;
  decoder.begin();
  std::string const text(max_link_base_bytes / 4, 'x');
  ASSERT_TRUE(decoder.decode(R"({"n":1,"type":"report"})"));
  std::string refusal;
  for (int i = 2; i < 10 && refusal.empty(); ++i) {
    auto const back =
        decoder.decode("{\"n\":" + std::to_string(i) + R"(,"type":"report","on":)" + std::to_string(i - 1) +
                       ",\"delta\":{\"k" + std::to_string(i) + "\":\"" + text + "\"}}");
    if (!back) refusal = back.error().message;
  }
  EXPECT_EQ(refusal, "a message that came as a delta is too large");
}

// --- two ends ---

TEST(LinkEnds, SendWhatDiffersOnly) {
  linked_ends ends;
  std::string const chat_template(4096, 't');
  EXPECT_GT(ends.pass(apply_of(0.7, chat_template)).size(), 4096U);
  EXPECT_EQ(ends.pass(apply_of(0.8, chat_template)),
            R"({"n":2,"type":"apply","on":1,"delta":{"state":{"model":{"parameters":{"temperature":0.8}}}}})");
  ends.pass(report_of(1, 0));
  EXPECT_EQ(ends.pass(report_of(2, 3)),
            R"({"n":2,"type":"report","on":1,"delta":{"report":{"sequence":2,"engine":{"slots_busy":3}}}})");
  EXPECT_EQ(ends.pass(balancer_message{link_heartbeat{1}}), R"({"n":3,"type":"heartbeat","sequence":1})");
  auto const seen = ends.balancer.traffic();
  EXPECT_EQ(seen.sent, ends.agent.traffic().received);
  EXPECT_EQ(seen.received, ends.agent.traffic().sent);
  EXPECT_EQ(seen.sent.deltas, 1U);
  EXPECT_GT(seen.sent.whole_bytes, seen.sent.bytes + 4'000);
}

TEST(LinkEnds, AFieldThatVanishesIsGone) {
  linked_ends ends;
  auto apply = apply_of(0.7, std::string(500, 't'));
  ends.pass(apply);
  apply.state.model->parameters.temperature.reset();
  EXPECT_NE(ends.pass(apply).find(R"("temperature":null)"), std::string::npos);
  apply.state.model.reset();
  ends.pass(apply);
}

// As many states and reports as come, every one is read as it was meant.
TEST(LinkEnds, RandomMessagesComeBack) {
  linked_ends ends;
  random_source random(7);
  std::uint64_t sequence = 0;
  for (int i = 0; i < 2'000; ++i) {
    if (random.below(3) == 0) {
      auto apply = apply_of(static_cast<double>(random.below(3)) / 10, std::string(random.below(3) * 300, 't'));
      if (random.below(4) == 0) apply.state.model->parameters.temperature.reset();
      if (random.below(6) == 0) apply.state.model.reset();
      ends.pass(apply);
    } else {
      auto report = report_of(++sequence, static_cast<int>(random.below(5)));
      if (random.below(3) == 0) report.report.beside = report.report.engine;
      if (random.below(3) == 0) report.actions.push_back({.number = sequence, .difference = "why"});
      if (random.below(5) == 0) report.capabilities = agent_capabilities{"1", "box", 8, 1, {"H200"}};
      ends.pass(report);
    }
  }
  EXPECT_LT(ends.balancer.traffic().received.bytes, ends.balancer.traffic().received.whole_bytes);
}

TEST(LinkEnds, WithAnOlderPeerEverythingIsWholeAndHasNoNumber) {
  linked_ends ends(false);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ends.pass(apply_of(0.7, "t")), encode_balancer_message(apply_of(0.7, "t")));
    EXPECT_EQ(ends.pass(report_of(1, i)), encode_agent_message(report_of(1, i)));
  }
  EXPECT_EQ(ends.balancer.traffic().sent.bytes, ends.balancer.traffic().sent.whole_bytes);
}

// The law of the fence: a delta is read as the whole message, the epoch of its sender included.
TEST(LinkEnds, ADeltaCarriesTheEpochOfItsSender) {
  linked_ends ends;
  ends.pass(apply_of(0.7, std::string(500, 't')));
  auto const back = ends.agent.decode(ends.balancer.encode(apply_of(0.8, std::string(500, 't'))));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<link_apply>(back->message.value()).leader, epoch{2});
}

} // namespace
} // namespace paddler
