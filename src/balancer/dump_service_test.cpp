// A dump as it is written, read and decided again.
#include "balancer/dump_service.hpp"
#include "core/core_testing.hpp"
#include "core/replay.hpp"
#include "wire/dump_codec.hpp"
#include "wire/json_codec.hpp"

#include <gmock/gmock.h>

namespace paddler {
namespace {

instant at(int second) { return {mono_time{std::chrono::seconds(second)}, wall_time{std::chrono::seconds(second)}}; }

// An agent of two slots; a request whose first attempt was lost, and one that waits.
balancer_core used_core(client_key client) {
  balancer_core core({}, {1});
  desired_document wanted;
  wanted.agents.emplace_back().id.value = "a";
  wanted.agents.back().desired_model = model_reference{.source = model_source::local, .path = "/models/m.gguf"};
  apply_durably(core, desired_submitted{{1}, {{source_kind::api, ""}, wanted, std::nullopt, {}}}, at(1));
  link_greeted greeting;
  greeting.link = {1};
  greeting.hello.agent.value = "a";
  greeting.hello.process.value = 7;
  apply_durably(core, greeting, at(2));
  for (std::uint64_t slot = 1; slot <= 2; ++slot)
    apply_durably(core, slot_arrived{{{slot}, {"a"}, {7}, {1}, "m"}}, at(2));
  for (std::uint64_t serial = 1; serial <= 3; ++serial)
    apply_durably(core,
                  request_arrived{{.serial = {serial},
                                   .id = {"r" + std::to_string(serial)},
                                   .model = "m",
                                   .endpoint = "/v1/completions",
                                   .body_bytes = 1,
                                   .client = client}},
                  at(3));
  apply_durably(core, attempt_ended{{1}, {1}, attempt_outcome::refused, {}, 0}, at(4));
  return core;
}

TEST(DumpDocument, HasRequestsThatAreDecidedAgain) {
  auto const core = used_core(client_key::others);
  auto const read = parse_dump(print_json(dump_document(core, at(5).wall)));
  ASSERT_TRUE(read) << describe(read.error());
  auto const report = replay(*read).value();
  for (auto const& each : report.differences) {
    if (each.request) ADD_FAILURE() << each.request->value << ": " << each.what;
  }
  EXPECT_EQ(report.requests_compared, 3U);
  EXPECT_EQ(report.routes_compared, 3U);
  EXPECT_EQ(report.requests_left_out, 0U);
}

TEST(DumpDocument, TellsNoClient) {
  constexpr std::uint64_t digest = 1'234'567'890'123'456'789;
  auto const text = print_json(dump_document(used_core(client_key{digest}), at(5).wall));
  EXPECT_THAT(text, testing::HasSubstr("r2"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr(std::to_string(digest))));
}

} // namespace
} // namespace paddler
