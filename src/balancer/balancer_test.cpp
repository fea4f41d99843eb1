#include "balancer/balancer.hpp"
#include "runtime/event_loop.hpp"

#include <gtest/gtest.h>

namespace paddler {
namespace {

balancer_config config_at(std::string inference, std::string management) {
  balancer_config out;
  out.inference_address = std::move(inference);
  out.management_address = std::move(management);
  return out;
}

constexpr auto any_port = "127.0.0.1:0";

TEST(balancer, leaves_nothing_behind_where_it_cannot_listen) {
  event_loop loop;
  balancer first(loop.executor(), config_at(any_port, any_port));
  ASSERT_TRUE(loop.run_until_done(first.start()));
  auto const taken = first.inference_address();
  for (auto const& config : {config_at(taken, any_port), config_at(any_port, taken)}) {
    balancer second(loop.executor(), config);
    auto const started = loop.run_until_done(second.start());
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, error_code::conflict);
    auto const* const flag = config.inference_address == taken ? "--inference-addr: " : "--management-addr: ";
    EXPECT_TRUE(started.error().message.starts_with(flag)) << started.error().message;
    EXPECT_NE(started.error().message.find(taken), std::string::npos) << started.error().message;
    loop.run_until_done(second.stop());
  }
  loop.run_until_done(first.stop());
}

TEST(balancer, leaves_nothing_behind_where_state_cannot_be_kept) {
  event_loop loop;
  auto config = config_at(any_port, any_port);
  config.state_directory = "/dev/null/state";
  balancer refused(loop.executor(), config);
  auto const started = loop.run_until_done(refused.start());
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().message.starts_with("the state directory: ")) << started.error().message;
  EXPECT_NE(started.error().hint.find("--state-dir"), std::string::npos) << started.error().hint;
}

} // namespace
} // namespace paddler
