#include "engine/engine_probe.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"
#include "runtime/event_loop.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace paddler {
namespace {

using namespace std::chrono_literals;

struct rendering {
  unsigned status = 0; // 0: it breaks off
  std::string_view body;
};

constexpr rendering open_message{200, R"({"prompt":"<user>a<assistant>b"})"};
constexpr rendering closed_message{200, R"({"prompt":"<user>a<assistant>b<end>"})"};
constexpr rendering refusal{400, R"({"error":{"message":"Cannot set both"}})"};

struct template_case {
  char const* name;
  rendering open;  // asked to continue the last message
  rendering twice; // asked to open another one as well
  bool chat;
};

void PrintTo(template_case const& of, std::ostream* out) { *out << of.name; }

class ResumableApis : public testing::TestWithParam<template_case> {
protected:
  task<> answer(http_exchange& exchange) {
    auto const body = co_await exchange.read_body();
    bool const twice = body->contains(R"("add_generation_prompt":true)");
    auto const& says = twice ? GetParam().twice : GetParam().open;
    if (says.status == 0) {
      exchange.abort();
      co_return;
    }
    co_await exchange.respond(says.status, {}, says.body);
  }

  event_loop loop;
  std::string const socket = testing::TempDir() + "probe_" + std::to_string(::getpid()) + ".sock";
};

TEST_P(ResumableApis, AreThoseWhoseFieldsTheEngineKnows) {
  http_server server(loop.executor(), {.name = "engine"}, [this](http_exchange& exchange) { return answer(exchange); });
  server.start(listener::unix_socket(loop.executor(), socket).value());
  auto const found = loop.run_until_done(probe_resumable_apis({.socket_path = socket, .embedding = false}, 10s));
  EXPECT_EQ(found, (resumable_apis{.chat = GetParam().chat, .completions = true}));
  loop.run_until_done(server.stop({}));
}

INSTANTIATE_TEST_SUITE_P(Engines, ResumableApis,
                         testing::Values(template_case{"knows_the_fields", open_message, refusal, true},
                                         template_case{"closes_the_message", closed_message, refusal, false},
                                         template_case{"passes_over_the_fields", open_message, open_message, false},
                                         template_case{"knows_no_templates", {404, "{}"}, {404, "{}"}, false},
                                         template_case{"fails", {500, "{}"}, refusal, false},
                                         template_case{"breaks_off", {}, {}, false},
                                         template_case{"dies_between", open_message, {}, false},
                                         template_case{"says_no_prompt", {200, R"({"prompt":7})"}, refusal, false},
                                         template_case{"says_no_json", {200, "b"}, refusal, false}),
                         [](auto const& info) { return std::string(info.param.name); });

TEST(ProbeOfResumableApis, OfAnEngineThatIsNotThereAreTheTextsAlone) {
  event_loop loop;
  auto const found =
      loop.run_until_done(probe_resumable_apis({.socket_path = "/no/such.sock", .embedding = false}, 10s));
  EXPECT_EQ(found, (resumable_apis{.chat = false, .completions = true}));
}

TEST(ProbeOfResumableApis, OfAnEngineThatMakesVectorsAreNone) {
  event_loop loop;
  auto const found =
      loop.run_until_done(probe_resumable_apis({.socket_path = "/no/such.sock", .embedding = true}, 10s));
  EXPECT_EQ(found, resumable_apis{});
}

// However long it is silent, it serves.
TEST(ProbeOfResumableApis, OfASilentEngineAreTheTextsAlone) {
  event_loop loop;
  auto const socket = testing::TempDir() + "silent_" + std::to_string(::getpid()) + ".sock";
  auto const nobody = listener::unix_socket(loop.executor(), socket).value(); // takes connections and answers none
  auto const found = loop.run_until_done(probe_resumable_apis({.socket_path = socket, .embedding = false}, 20ms));
  EXPECT_EQ(found, (resumable_apis{.chat = false, .completions = true}));
}

} // namespace
} // namespace paddler
