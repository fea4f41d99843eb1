#include "cli/canned_api_test.hpp"
#include "cli/get.hpp"
#include "cli/watch.hpp"
#include "wire/json_codec.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

api_list list(std::string const& body) { return parse_list({.status = 200, .body = body}).value(); }

std::vector<std::string> changed(row_changes& rows, std::string const& body) {
  std::vector<std::string> out;
  for (auto const& row : rows.look_at(list(body)).value().changed.items().items) out.push_back(print_json(row));
  return out;
}

TEST(RowChanges, AreRowsThatAreNewOrOtherwise) {
  row_changes rows({.kind = view_kind::slots});
  constexpr auto idle = R"({"id":"a/0","agent":"a","model":"m","status":"idle"})";
  constexpr auto other = R"({"id":"a/1","agent":"a","model":"m","status":"idle"})";
  constexpr auto busy = R"({"id":"a/0","agent":"a","model":"m","status":"busy"})";
  auto const both = [](std::string const& a, std::string const& b) { return R"({"items":[)" + a + "," + b + "]}"; };
  EXPECT_THAT(changed(rows, both(idle, other)), ElementsAre(idle, other));
  EXPECT_THAT(changed(rows, both(idle, other)), IsEmpty());
  EXPECT_THAT(changed(rows, both(busy, other)), ElementsAre(busy));
  EXPECT_THAT(rows.look_at(list(R"({"items":[]})"))->gone, ElementsAre("a/0", "a/1"));
  EXPECT_THAT(changed(rows, both(busy, other)), ElementsAre(busy, other));
}

TEST(RowChanges, DoNotCountWhenARowWasSeen) {
  row_changes rows({.kind = view_kind::agents, .name = "a"});
  auto const agent = [](std::string const& name, int second, int busy) {
    return R"({"items":[{"id":")" + name + R"(","wanted":1,"applied":1,"last_seen":"2026-03-01T12:00:0)" +
           std::to_string(second) + R"(Z","slots_busy":)" + std::to_string(busy) + "}]}";
  };
  EXPECT_EQ(changed(rows, agent("a", 1, 0)).size(), 1U);
  EXPECT_THAT(changed(rows, agent("a", 2, 0)), IsEmpty());
  EXPECT_EQ(changed(rows, agent("a", 2, 1)).size(), 1U);
  EXPECT_THAT(changed(rows, agent("b", 2, 1)), IsEmpty()) << "another one was asked for";
}

TEST(RenderRows, StandBelowWhatWasPrinted) {
  get_command const wanted{.kind = view_kind::slots};
  table::widths kept;
  auto const first = render_rows(
      wanted, list(R"({"items":[{"id":"agent/0","agent":"agent","model":"m","status":"idle"}]})"), {}, 80, kept);
  EXPECT_EQ(first.value(), "NAME     STATUS  MODEL  REQUEST\nagent/0  idle    m      -\n");
  auto const second = render_rows(
      wanted, list(R"({"items":[{"id":"a/0","agent":"a","model":"m","status":"busy","request":"r"}]})"), {}, 80, kept);
  EXPECT_EQ(second.value(), "a/0      busy    m      r\n");
  auto const json =
      render_rows({.kind = view_kind::slots, .output = output_format::json},
                  list(R"({"items":[{"id":"a/0","agent":"a","model":"m","status":"busy"}]})"), {}, 80, kept);
  EXPECT_EQ(json.value(), "{\"id\":\"a/0\",\"agent\":\"a\",\"model\":\"m\",\"status\":\"busy\"}\n");
}

TEST(RunWatch, EndsWhereThereIsNothingToAsk) {
  test_console alone;
  EXPECT_EQ(run_watch({.management = deserted_address(), .kind = view_kind::agents, .watch = true}, alone.terminal),
            exit_code::unreachable);
  canned_api api({{"GET /slots", {canned_api::problem(500, "broken")}}});
  test_console broken;
  EXPECT_EQ(run_watch({.management = api.address(), .kind = view_kind::slots, .watch = true}, broken.terminal),
            exit_code::failure);
  EXPECT_THAT(broken.noted(), HasSubstr("broken"));
}

} // namespace
} // namespace paddler
