#include "wire/link_codec.hpp"
#include "wire/mapper.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

link_hello sample_hello() {
  link_hello hello;
  hello.agent = {"agent-1"};
  hello.process = {17};
  hello.capabilities = {"0.1.0", "box", 8, 1'000'000, {"H200"}};
  hello.discovered = agent_spec{{"agent-1"}, model_reference{}, std::nullopt, 4, std::nullopt};
  hello.highest_epoch = {2};
  hello.report.sequence = 3;
  hello.report.applied = {5};
  hello.report.engine.status = engine_status::ready;
  hello.report.engine.reason = "a \"quoted\" reason\n";
  return hello;
}

link_apply sample_apply() {
  link_apply apply;
  apply.leader = {2};
  apply.state.version = {7};
  apply.state.model.emplace();
  apply.state.model->name = "chat";
  apply.state.model->reference.source = model_source::local;
  apply.state.model->reference.path = "/m.gguf";
  apply.state.model->parameters.temperature = 0.7;
  apply.state.model->slots = 4;
  return apply;
}

TEST(LinkCodec, MessagesAreObjectsThatNameTheirType) {
  EXPECT_EQ(encode_agent_message(link_ack{{7}}), R"({"type":"ack","version":7})");
  EXPECT_EQ(encode_balancer_message(link_heartbeat{9}), R"({"type":"heartbeat","sequence":9})");
  EXPECT_EQ(
      encode_agent_message(link_nack{{7}, {{"model.path", "no such file", "", 0}}}),
      R"({"type":"nack","version":7,"errors":[{"path":"model.path","message":"no such file","hint":"","line":0}]})");
}

TEST(LinkCodec, EveryMessageComesBack) {
  agent_report report;
  report.sequence = 9;
  for (agent_message const& message :
       {agent_message{sample_hello()},
        agent_message{link_report{report, {{.number = 3, .difference = "why", .ended_at = wall_time{}}}}},
        agent_message{link_ack{{1}}}, agent_message{link_nack{{2}, {{"a", "b", "c", 3}}}},
        agent_message{link_answer{5, {{"model", "b", "c", 0}}, 1'000}}, agent_message{link_heartbeat{4}}}) {
    auto const text = encode_agent_message(message);
    auto const back = decode_agent_message(text);
    ASSERT_TRUE(back) << describe(back.error());
    ASSERT_TRUE(back->message) << text;
    EXPECT_EQ(back->message->index(), message.index());
    EXPECT_EQ(encode_agent_message(*back->message), text);
    EXPECT_EQ(back->ignored_fields, 0U);
  }
  for (balancer_message const& message :
       {balancer_message{link_welcome{{1}, 500}}, balancer_message{link_refuse{"too old", false}},
        balancer_message{sample_apply()}, balancer_message{link_question{{2}, 5, sample_apply().state}},
        balancer_message{link_notice{}}, balancer_message{link_heartbeat{4}}}) {
    auto const text = encode_balancer_message(message);
    auto const back = decode_balancer_message(text);
    ASSERT_TRUE(back) << describe(back.error());
    EXPECT_EQ(encode_balancer_message(*back->message), text);
  }
}

TEST(LinkCodec, KeepsWhatAHelloSays) {
  auto const back = decode_agent_message(encode_agent_message(sample_hello()));
  auto const& hello = std::get<link_hello>(back->message.value());
  EXPECT_EQ(hello.agent, sample_hello().agent);
  EXPECT_EQ(hello.capabilities, sample_hello().capabilities);
  EXPECT_EQ(hello.discovered, sample_hello().discovered);
  EXPECT_EQ(hello.report, sample_hello().report);
}

TEST(LinkCodec, PassesOverWhatANewerPeerSends) {
  auto const more = decode_agent_message(R"({"type":"ack","version":7,"colour":"red","deep":{"x":[1]}})");
  ASSERT_TRUE(more);
  EXPECT_EQ(std::get<link_ack>(more->message.value()).version.value, 7U);
  EXPECT_EQ(more->ignored_fields, 2U);

  auto const unknown = decode_balancer_message(R"({"type":"dance","version":"?"})");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->message, std::nullopt);
  EXPECT_EQ(unknown->type, "dance");
}

TEST(LinkCodec, SaysWhatIsMalformed) {
  struct row {
    std::string_view text;
    std::string_view wanted;
  };

  for (auto const& [text, wanted] : {
           row{"", "link message: the document is not valid JSON"},
           row{"7", "must be an object, got the number 7"},
           row{"{}", "has no `type`"},
           row{R"({"type":7})", "`type` must be one text, got the number 7"},
           row{R"({"type":"ack"})", "link message `ack`: the document has 1 error\n  version: is missing"},
           row{R"({"type":"ack","version":"7"})", "version: expected a whole number, got text \"7\""},
           row{R"({"type":"ack","version":7,"version":8})", "version: the key `version` stands here twice"},
           row{R"({"type":"ack","type":"nack","version":7})", "type: the key `type` stands here twice"},
           row{R"({"type":"hello","agent":""})", "agent: is empty"},
           row{R"({"type":"report","report":{"applied":1,"engine":{"version":1,"status":"asleep"}}})",
               "report.engine.status: expected none, loading"},
       }) {
    auto const back = decode_agent_message(text);
    ASSERT_FALSE(back) << text;
    EXPECT_EQ(back.error().code, error_code::protocol);
    EXPECT_NE(describe(back.error()).find(wanted), std::string::npos) << text << " gave " << describe(back.error());
  }
}

TEST(LinkCodec, EachSideTakesOnlyTheOthersMessages) {
  EXPECT_EQ(decode_agent_message(encode_balancer_message(link_welcome{{1}, 1}))->message, std::nullopt);
  EXPECT_EQ(decode_balancer_message(encode_agent_message(link_ack{{1}}))->message, std::nullopt);
}

} // namespace
} // namespace paddler
