#include "core/session/resource_questions.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

instant const begin{mono_time{std::chrono::seconds(1)}, {}};

agent_spec wants(std::string id, std::string path) {
  agent_spec out;
  out.id = {std::move(id)};
  out.desired_model = model_reference{.source = model_source::local, .path = std::move(path)};
  return out;
}

desired_change change_of(std::vector<agent_spec> agents, std::vector<model_spec> models = {}) {
  return {{source_kind::api, ""}, {std::move(agents), std::move(models)}, std::nullopt, {}};
}

class ResourceQuestions : public ::testing::Test {
protected:
  void connect(std::string agent, std::uint64_t link) {
    link_hello hello;
    hello.agent = {std::move(agent)};
    hello.process = {link};
    table.hello({link}, hello, {}, begin);
  }

  void make(desired_change const& change) { state.apply(state.check(change, {}).value().value()); }

  // "ask AGENT@LINK PATH;" for each that is asked, and "AGENT: why;" for the others.
  std::string questions(desired_change const& change) const {
    std::string out;
    auto const found = questions_about(state, table, change);
    for (auto const& each : found.ask)
      out += "ask " + each.agent.value + "@" + std::to_string(each.link.value) + " " +
             each.state.model->reference.path.value_or("") + ";";
    for (auto const& each : found.unasked) out += each.agent.value + ": " + each.why + ";";
    return out;
  }

  desired_state state;
  agent_table table{{}, epoch{1}};
};

TEST_F(ResourceQuestions, GoToThoseWhoseStateWouldBeAnotherOne) {
  connect("a", 1);
  connect("b", 2);
  make(change_of({wants("a", "/x"), wants("b", "/x"), wants("c", "/x")}));
  EXPECT_EQ(questions(change_of({wants("a", "/x"), wants("b", "/x"), wants("c", "/x")})), "") << "nothing changes";
  EXPECT_EQ(questions(change_of({wants("a", "/y"), wants("b", "/x"), wants("c", "/y")})),
            "ask a@1 /y;c: it is not connected;");
  EXPECT_EQ(questions(change_of({wants("b", "/x")})), "") << "an agent that is to run nothing can run it";
  table.closed({1}, begin.mono);
  EXPECT_EQ(questions(change_of({wants("a", "/y")})), "a: it is not connected;");
}

TEST_F(ResourceQuestions, WhatTakesNoOtherFilesAndMemoryAsksNobody) {
  connect("a", 1);
  auto serves = wants("a", "/x");
  serves.model = "m";
  make(change_of({serves}, {{{"m"}, "t", {}}}));
  model_spec warmer{{"m"}, "other", model_parameters{}};
  warmer.parameters->temperature = 1;
  EXPECT_EQ(questions(change_of({serves}, {warmer})), "");
  auto larger = serves;
  larger.slots = 8;
  EXPECT_EQ(questions(change_of({larger}, {warmer})), "ask a@1 /x;");
  larger = serves;
  larger.max_context_length = 8192;
  EXPECT_EQ(questions(change_of({larger}, {warmer})), "ask a@1 /x;");
}

TEST_F(ResourceQuestions, AreBoundedInNumber) {
  std::vector<agent_spec> fleet;
  for (std::size_t i = 0; i < max_questions_a_change + 25; ++i) {
    connect("a" + std::to_string(i), i + 1);
    fleet.push_back(wants("a" + std::to_string(i), "/x"));
  }
  auto const found = questions_about(state, table, change_of(fleet));
  EXPECT_EQ(found.ask.size(), max_questions_a_change);
  EXPECT_EQ(found.unasked.size(), 25U);
  auto const warnings = warnings_of(found.unasked);
  ASSERT_EQ(warnings.size(), max_listed_warnings + 1);
  EXPECT_NE(warnings.front().find("a change asks 512 agents at most"), std::string::npos) << warnings.front();
  EXPECT_EQ(warnings.back(), "and 5 more agents");
}

// Places of the document that was handed in, whatever the agent calls them.
TEST(ErrorsInDocument, StandWhereThePersonWroteThem) {
  desired_document const document{{wants("z", "/x"), wants("a", "/y")}, {{{"m"}, {}, {}}, {{"n"}, {}, {}}}};
  applicable_state state{{1}, applicable_model{}};
  state.model->name = "n";
  auto const place = [&](std::string agent, std::string path) {
    auto const out = errors_in_document(document, {agent}, state, {{std::move(path), "is wrong", "mend it", 0}}).at(0);
    EXPECT_EQ(out.message, "on agent '" + agent + "': is wrong");
    EXPECT_EQ(out.hint, "mend it");
    return out.path;
  };
  EXPECT_EQ(place("a", "model.reference.path"), "agents[1].desired_model.path");
  EXPECT_EQ(place("a", "model.reference.source"), "agents[1].desired_model.source");
  EXPECT_EQ(place("a", "model.slots"), "agents[1].slots");
  EXPECT_EQ(place("z", "model.max_context_length"), "agents[0].max_context_length");
  EXPECT_EQ(place("a", "model"), "agents[1]");
  EXPECT_EQ(place("a", "model.name"), "agents[1]");
  EXPECT_EQ(place("a", "model.chat_template"), "models[1].chat_template");
  EXPECT_EQ(place("a", "model.parameters.temperature"), "models[1].parameters.temperature");
  EXPECT_EQ(place("b", "model.slots"), "agents/b.slots") << "of an entry of another source";
  state.model->name = "elsewhere";
  EXPECT_EQ(place("a", "model.chat_template"), "models/elsewhere.chat_template");
}

} // namespace
} // namespace paddler
