#include "model/link.hpp" // describes field_error
#include "wire/dump_codec.hpp"
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"
#include "wire/rfc3339.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace paddler {
namespace {

wall_time const now = parse_rfc3339("2026-03-01T12:00:00.5Z").value();

document_node event(std::uint64_t number, cluster_event const& told) {
  auto out = object_node();
  out.add("id", text_node("7-" + std::to_string(number))).add("type", text_node(std::string(type_of(told))));
  out.add("revision", number_node(told.at.value)).add("time", to_document(told.time));
  return out.add("data", std::visit([](auto const& content) { return to_document(content); }, told.what));
}

std::vector<cluster_event> one_of_each() {
  source_id const api{source_kind::api, ""};
  field_claim const four{api, field_value{std::int64_t{4}}, {2}};
  logged_action action{.agent = {"a1"}, .process = {9}, .by_balancer = true, .action = {}};
  action.action.action = reconcile_action::deliver;
  action.action.content = action.action.goal_content = "none";
  std::vector<event_content> const contents = {
      agent_joined{{"a1"}, {9}, "host", "0.1.0"},
      agent_left{{"a1"}, {9}},
      config_changed{api, {"anna", "here"}, {{"agents/a1", std::nullopt, field_value{}}}, 3, {{"a1"}}},
      config_lost{{"agents/a1.slots", four, four}},
      config_accepted{{"a1"}, {2}},
      config_refused{{"a1"}, {2}, {{"slots", "is 0", "give 1", 0}}},
      health_changed{{"a1"}, engine_status::ready, "m", ""},
      reconcile_changed{action}};
  std::vector<cluster_event> out;
  for (auto const& content : contents) out.push_back({out.size() + 1, {2}, now, content});
  return out;
}

// Nothing in it is as it would be if it were left out.
dumped_ledger ledger() {
  dumped_candidate const candidate{.agent = {"a1"},
                                   .engine = 1,
                                   .busy = 2,
                                   .total = 3,
                                   .filter = route_filter::drained,
                                   .lost_it = true,
                                   .kept = true,
                                   .has_session = true,
                                   .cached_blocks = 4,
                                   .prefill_speed = 5,
                                   .decode_speed = 6,
                                   .ahead_nanoseconds = INT64_MAX,
                                   .score = {route_filter::suspect_aboard, true, true, UINT64_MAX, 7, 8, 9, 10, -1}};
  dumped_route const route{.attempt = 2,
                           .agent = {"a1"},
                           .engine = 1,
                           .reason = route_reason::turn,
                           .policies = {3},
                           .strategy = routing_strategy::round_robin,
                           .saturation_percent = 4,
                           .full_load_nanoseconds = 5,
                           .pace_percent = 6,
                           .prompt_blocks = 7,
                           .turn = UINT16_MAX,
                           .candidates = {candidate, candidate}};
  return {.left_out = 9,
          .requests = {{.id = {"r"},
                        .state = request_state::completed,
                        .tries = 2,
                        .steps = {{now, request_state::routed, 2}},
                        .attempts = {{2, {"a1"}, {4}, attempt_outcome::lost_early}, {3, {"a1"}, {4}, {}}},
                        .routes = {route}}}};
}

document_node dump() {
  auto out = object_node();
  auto events = list_node();
  for (auto const& told : one_of_each()) events.items.push_back(event(told.number, told));
  state_snapshot const base{{1}, now, {}, {{{"a1"}, {1}}}};
  log_record const record{{2}, now, {source_kind::file, "/c.yaml"}, {}, {"file", "/c.yaml"}};
  out.add("format", text_node(std::string(dump_format))).add("version", text_node("0.1.0"));
  out.add("taken", to_document(now)).add("revision", number_node(2)).add("later", text_node("of a newer balancer"));
  out.add("base", to_document(base)).add("log", to_document(std::vector{record}));
  out.add("desired", to_document(desired_document{}));
  out.add("applicable", to_document(std::vector{agent_applicable{{"a1"}, {{2}, std::nullopt}}}));
  out.add("conflicts", list_node()).add("reconciliations", to_document(std::vector{logged_action{.agent = {"a1"}}}));
  out.add("ledger", to_document(ledger()));
  return out.add("events", std::move(events));
}

TEST(ParseDump, ReadsWhatABalancerWrites) {
  auto const read = parse_dump(print_json(dump()));
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_EQ(read->at.value, 2U);
  EXPECT_EQ(read->taken, now);
  EXPECT_EQ(read->base.value().agents.front().version.value, 1U);
  EXPECT_EQ(read->log.front().source.name, "/c.yaml");
  EXPECT_EQ(read->applicable.front().agent.value, "a1");
  EXPECT_EQ(read->actions.size(), 1U);
  EXPECT_EQ(print_json(to_document(read->ledger.value())), print_json(to_document(ledger())));
  auto const told = one_of_each();
  ASSERT_EQ(read->events.size(), told.size());
  for (std::size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(read->events[i].number, told[i].number);
    EXPECT_EQ(print_json(event(told[i].number, read->events[i])), print_json(event(told[i].number, told[i])));
  }
}

TEST(ParseDump, AFoldThatBeginsAtTheBeginningHasNoBase) {
  auto begun = dump();
  begun.items.at(5) = null_node();
  EXPECT_FALSE(parse_dump(print_json(begun))->base);
}

TEST(ParseDump, OneOfBeforeThereWereLedgersHasNone) {
  auto older = dump();
  auto const at = std::ranges::find(older.keys, "ledger");
  older.items.erase(older.items.begin() + (at - older.keys.begin()));
  older.keys.erase(at);
  auto const read = parse_dump(print_json(older));
  ASSERT_TRUE(read) << describe(read.error());
  EXPECT_FALSE(read->ledger);
}

TEST(ParseDump, SaysWhatOfALedgerCannotBeRead) {
  auto const whole = print_json(dump());

  struct row {
    std::string before, after, path;
  };

  for (auto const& [before, after, path] :
       std::vector<row>{{R"("reason":"turn")", R"("reason":"luck")", "ledger.requests[0].routes[0].reason"},
                        {R"("lost_it":true)", R"("lost_it":7)", "ledger.requests[0].routes[0].candidates[0].lost_it"},
                        {R"("busy":2)", R"("busy":65536)", "ledger.requests[0].routes[0].candidates[0].busy"},
                        {R"("pace_nanoseconds":-1)", R"("pace_nanoseconds":0.5)",
                         "ledger.requests[0].routes[0].candidates[0].score.pace_nanoseconds"},
                        {R"("state":"routed")", R"("state":"lost")", "ledger.requests[0].steps[0].state"},
                        {R"("left_out":9)", R"("left_out":-9)", "ledger.left_out"},
                        {R"("id":"r")", R"("id":"")", "ledger.requests[0].id"}}) {
    auto text = whole;
    auto const at = text.find(before);
    ASSERT_NE(at, std::string::npos) << before;
    auto const read = parse_dump(text.replace(at, before.size(), after));
    ASSERT_FALSE(read) << after;
    ASSERT_FALSE(read.error().fields.empty()) << after;
    EXPECT_EQ(read.error().fields.front().path, path);
  }
}

// Cut anywhere, it is refused with its reason; with any one item left out, too, unless that tells of other things.
TEST(ParseDump, RefusesHalfADump) {
  auto const whole = print_json(dump());
  for (std::size_t end = 0; end < whole.size(); end += 13) {
    auto const cut = parse_dump(whole.substr(0, end));
    ASSERT_FALSE(cut) << end;
    EXPECT_EQ(cut.error().code, error_code::invalid_input);
    EXPECT_FALSE(cut.error().hint.empty());
  }
  auto const all = dump();
  for (std::size_t i = 0; i < all.keys.size(); ++i) {
    auto less = all;
    less.keys.erase(less.keys.begin() + static_cast<std::ptrdiff_t>(i));
    less.items.erase(less.items.begin() + static_cast<std::ptrdiff_t>(i));
    bool const may_lack = all.keys[i] == "base" || all.keys[i] == "later" || all.keys[i] == "ledger";
    EXPECT_EQ(parse_dump(print_json(less)).has_value(), may_lack) << all.keys[i];
  }
}

} // namespace
} // namespace paddler
