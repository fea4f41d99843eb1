#include "agent/engine_relay.hpp"
#include "agent/slot_service.hpp"
#include "agent/test_support.hpp"
#include "runtime/event_loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <span>

namespace paddler {
namespace {

std::array<std::string, 5> const forbidden_paths = {"/slots/0?action=save", "/props", "/metrics",
                                                    "/v1/chat/completions/", "/"};

class SlotServiceTest : public ::testing::Test {
public:
  SlotServiceTest()
      : socket(::testing::TempDir() + "slots_" + std::to_string(::getpid()) + ".sock"),
        engine(loop.executor(), listener::unix_socket(loop.executor(), socket).value()),
        balancer(loop.executor()),
        it(loop.executor(), limits(),
           {.busy_changed = [this] { busy_seen.push_back(it.busy()); },
            .engine_failed = [this](ready_engine const&) { ++engine_failures; }}) {}

  ~SlotServiceTest() override { loop.run_until_done(clean_up()); }

  static slot_limits limits() {
    return {.backoff_first = std::chrono::milliseconds(1), .backoff_limit = std::chrono::milliseconds(5)};
  }

  std::shared_ptr<slot_target const> target(std::uint64_t version, int slots) const {
    return std::make_shared<slot_target const>(
        slot_target{{{"127.0.0.1", balancer.port}, {"agent 1"}, {77}}, {{version}, "m", socket, slots}});
  }

  // An engine of which all is known.
  std::shared_ptr<slot_target const> known_target() const {
    auto out = *target(3, 1);
    out.engine.number = 5;
    out.engine.resumes = {.chat = true, .completions = true};
    out.engine.identity = 0xab;
    return std::make_shared<slot_target const>(out);
  }

  void run(task<> (*test)(SlotServiceTest&)) { loop.run_until_done(in_time(test(*this))); }

  task<> clean_up() {
    it.serve(nullptr);
    it.drop();
    co_await it.join();
    co_await balancer.stop();
    co_await engine.stop();
  }

  task<std::shared_ptr<held_request>> next_request() { return next_of(engine.requests); }

  // One request from end to end.
  task<> expect_served(open_slot& slot) {
    co_await slot.send("/v1/chat/completions");
    auto const request = co_await next_request();
    EXPECT_EQ(it.busy(), 1);
    std::vector<header_view> const headers{{"Content-Type", "application/json"}};
    co_await request->exchange.respond(200, headers, "{1}");
    request->release();
    EXPECT_EQ(co_await slot.status(), 200);
    EXPECT_EQ(co_await slot.rest(), "{1}");
  }

  // A request whose stream has begun.
  task<std::shared_ptr<held_request>> begin_stream(open_slot& slot) {
    co_await slot.send("/v1/chat/completions");
    auto request = co_await next_request();
    std::vector<header_view> const headers{{"Content-Type", "text/event-stream"}};
    co_await request->exchange.start_stream(200, headers);
    co_await request->exchange.write_chunk("data: a\n\n");
    EXPECT_EQ(co_await slot.status(), 200);
    EXPECT_EQ(co_await slot.piece(), "data: a\n\n");
    co_return request;
  }

  // The agent closed this connection.
  task<> expect_closed(open_slot& slot) { co_await in_time(slot.connection->stream().wait_peer_closed()); }

  event_loop loop;
  std::string const socket;
  held_server engine;
  test_balancer balancer;
  std::vector<int> busy_seen;
  int engine_failures = 0;
  slot_service it;
};

TEST_F(SlotServiceTest, OpensOneConnectionForEachSlot) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 2));
    auto const first = co_await t.balancer.next_slot();
    auto const second = co_await t.balancer.next_slot();
    EXPECT_EQ(first->target, "POST /management/v1/agents/agent%201/slots");
    EXPECT_EQ(first->process, "77");
    EXPECT_EQ(first->version, "3");
    EXPECT_EQ(first->model, "m");
    EXPECT_EQ(first->engine, "0");
    EXPECT_EQ(first->resumes, "") << "what is not known is not said";
    EXPECT_EQ(first->identity, "");
    EXPECT_EQ(t.balancer.slots.size(), 0U);
  });
}

TEST_F(SlotServiceTest, RES_06_ItsPapersSayWhatAnotherEngineNeedsToGoOn) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.known_target());
    auto const slot = co_await t.balancer.next_slot();
    EXPECT_EQ(slot->engine, "5");
    EXPECT_EQ(slot->resumes, "chat, completions");
    EXPECT_EQ(slot->identity, "00000000000000ab");
  });
}

TEST_F(SlotServiceTest, PassesRequestsAndAnswersOn) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    for (int i = 0; i < 3; ++i) {
      co_await t.expect_served(*slot);
      EXPECT_TRUE(slot->connection->reusable());
    }
    EXPECT_THAT(t.busy_seen, ::testing::ElementsAre(1, 0, 1, 0, 1, 0));
  });
}

TEST_F(SlotServiceTest, KeepsItsConnectionToTheEngine) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    for (int i = 0; i < 3; ++i) {
      co_await t.expect_served(*slot);
      EXPECT_EQ(t.engine.connections(), 1U);
    }
    co_await t.engine.stop();
    auto again = listener::unix_socket(t.loop.executor(), t.socket).value();
    held_server second(t.loop.executor(), std::move(again));
    co_await slot->send("/v1/chat/completions");
    auto const request = co_await next_of(second.requests); // on a new connection: nobody notices
    co_await request->exchange.respond(200, {}, "{2}");
    request->release();
    EXPECT_EQ(co_await slot->status(), 200);
    EXPECT_EQ(co_await slot->rest(), "{2}");
    EXPECT_EQ(t.engine_failures, 0);
    co_await second.stop();
  });
}

TEST_F(SlotServiceTest, TheEngineSeesWhatItNeedsAndNoKeys) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    co_await slot->send("/v1/embeddings?a=b", "{\"x\":1}");
    auto const request = co_await t.next_request();
    auto const& head = request->exchange.head();
    EXPECT_EQ(head.target, "/v1/embeddings?a=b");
    EXPECT_EQ(head.header("Content-Type"), "application/json");
    EXPECT_EQ(head.header("X-Request-Id"), "req_test");
    EXPECT_FALSE(head.has_header("Authorization"));
    EXPECT_FALSE(head.has_header("X-Paddler-Version"));
    EXPECT_EQ(request->body, "{\"x\":1}");
    co_await request->exchange.respond_error(400, "no such thing");
    request->release();
    EXPECT_EQ(co_await slot->status(), 400) << "the engine's own errors go on as they are";
    EXPECT_NE((co_await slot->rest()).find("no such thing"), std::string::npos);
  });
}

TEST_F(SlotServiceTest, StreamsPieceByPiece) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    auto const request = co_await t.begin_stream(*slot);
    co_await request->exchange.write_chunk("data: b\n\n");
    EXPECT_EQ(co_await slot->piece(), "data: b\n\n");
    co_await request->exchange.finish_stream();
    request->release();
    EXPECT_EQ(co_await slot->piece(), "");
    EXPECT_TRUE(slot->connection->reusable());
  });
}

TEST_F(SlotServiceTest, RefusesAnotherVersionAndStaysUsable) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    slot->version = "2";
    co_await slot->send("/v1/chat/completions");
    EXPECT_EQ(co_await slot->status(), 409);
    EXPECT_EQ(slot->refused, "version");
    co_await slot->rest();
    slot->version = "3";
    co_await t.expect_served(*slot);
  });
}

// The fence: what counts is the version when the request is whole, not when its connection was opened.
TEST_F(SlotServiceTest, LDR_03_ARequestUnderAGenerationThatIsOverIsRefusedBeforeTheEngineSeesIt) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    auto& stream = slot->connection->stream();
    std::string const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: p\r\nX-Paddler-Version: 3\r\n"
                             "Content-Length: 2\r\n\r\n";
    asio::const_buffer const first = asio::buffer(head);
    co_await stream.write(std::span(&first, 1));
    while (t.it.busy() == 0) co_await next_turn();
    t.it.serve(t.target(4, 1)); // the same engine, under another version
    asio::const_buffer const rest = asio::buffer("{}", 2);
    co_await stream.write(std::span(&rest, 1));
    std::string answer(4096, '\0');
    auto const read = co_await in_time(stream.read_some(asio::buffer(answer)));
    answer.resize(read.n);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 409")) << answer;
    EXPECT_NE(answer.find("X-Paddler-Refused: version"), std::string::npos) << answer;
    EXPECT_EQ(t.engine.requests.size(), 0U);
  });
}

TEST_F(SlotServiceTest, LetsOnlyInferenceThrough) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    for (auto const& path : forbidden_paths) {
      co_await slot->send(path);
      EXPECT_EQ(co_await slot->status(), 404) << path;
      co_await slot->rest();
    }
    EXPECT_EQ(t.engine.requests.size(), 0U);
    EXPECT_FALSE(is_relayed("GET", "/v1/chat/completions"));
    EXPECT_TRUE(is_relayed("POST", "/v1/chat/completions"));
    EXPECT_TRUE(is_relayed("POST", "/v1/chat/completions/input_tokens"));
  });
}

TEST_F(SlotServiceTest, SaysSoWhenTheEngineCannotBeReached) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    co_await t.engine.stop();
    co_await slot->send("/v1/chat/completions");
    EXPECT_EQ(co_await slot->status(), 502);
    EXPECT_EQ(slot->refused, "engine");
    co_await slot->rest();
    EXPECT_EQ(t.engine_failures, 1);
  });
}

TEST_F(SlotServiceTest, AnEngineThatBreaksOffLeavesTheAnswerCutOff) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto slot = co_await t.balancer.next_slot();
    auto request = co_await t.begin_stream(*slot);
    request->exchange.abort();
    request->release();
    EXPECT_EQ(co_await slot->piece(), "cut off");
    EXPECT_EQ(t.engine_failures, 1);

    slot = co_await t.balancer.next_slot();
    co_await slot->send("/v1/chat/completions");
    request = co_await t.next_request();
    request->exchange.abort(); // before the first byte
    request->release();
    EXPECT_EQ(co_await slot->status(), 0);

    slot = co_await t.balancer.next_slot();
    co_await t.expect_served(*slot);
  });
}

TEST_F(SlotServiceTest, ABalancerThatClosesFreesTheEngine) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto slot = co_await t.balancer.next_slot();
    auto request = co_await t.begin_stream(*slot);
    slot->connection->close();
    co_await in_time(request->exchange.wait_client_gone());
    request->release();

    slot = co_await t.balancer.next_slot();
    co_await slot->send("/v1/chat/completions");
    request = co_await t.next_request(); // no byte was answered yet
    slot->connection->close();
    co_await in_time(request->exchange.wait_client_gone());
    request->release();

    slot = co_await t.balancer.next_slot();
    co_await t.expect_served(*slot);
    EXPECT_EQ(t.it.busy(), 0);
    EXPECT_EQ(t.engine_failures, 0);
  });
}

TEST_F(SlotServiceTest, AnotherTargetReplacesIdleConnectionsAtOnceAndBusyOnesAfterTheirAnswer) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 2));
    auto const busy = co_await t.balancer.next_slot();
    auto const idle = co_await t.balancer.next_slot();
    auto const request = co_await t.begin_stream(*busy);
    t.it.serve(t.target(4, 2));
    co_await t.expect_closed(*idle);
    auto const fresh = co_await t.balancer.next_slot();
    EXPECT_EQ(fresh->version, "4");
    EXPECT_EQ(t.balancer.slots.size(), 0U) << "the other slot is still in use";
    co_await request->exchange.finish_stream();
    request->release();
    EXPECT_EQ(co_await busy->piece(), "");
    co_await t.expect_closed(*busy);
    EXPECT_EQ((co_await t.balancer.next_slot())->version, "4");
  });
}

TEST_F(SlotServiceTest, ServesNothingWithoutATarget) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 3));
    std::vector<open_slot_ptr> slots;
    for (int i = 0; i < 3; ++i) slots.push_back(co_await t.balancer.next_slot());
    t.it.serve(nullptr);
    for (auto const& slot : slots) co_await t.expect_closed(*slot);
    t.it.serve(t.target(3, 1));
    co_await t.balancer.next_slot();
    EXPECT_EQ(t.balancer.slots.size(), 0U);
  });
}

TEST_F(SlotServiceTest, TriesAgainWhenTheBalancerRefuses) {
  run([](SlotServiceTest& t) -> task<> {
    t.balancer.refuses_slots = true;
    t.it.serve(t.target(3, 1));
    while (t.balancer.refused_slots < 5) co_await next_turn();
    t.balancer.refuses_slots = false;
    co_await t.expect_served(*co_await t.balancer.next_slot());
  });
}

TEST_F(SlotServiceTest, DropBreaksWhatRuns) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto const slot = co_await t.balancer.next_slot();
    auto const request = co_await t.begin_stream(*slot);
    t.it.serve(nullptr);
    t.it.drop();
    EXPECT_EQ(co_await slot->piece(), "cut off");
    co_await in_time(request->exchange.wait_client_gone());
    request->release();
    EXPECT_TRUE(co_await t.it.wait_idle());
  });
}

TEST_F(SlotServiceTest, LeaksNoDescriptorOverManyRounds) {
  run([](SlotServiceTest& t) -> task<> {
    t.it.serve(t.target(3, 1));
    auto slot = co_await t.balancer.next_slot();
    auto const before = open_descriptors();
    for (int round = 0; round < 50; ++round) {
      auto const request = co_await t.begin_stream(*slot);
      slot->connection->close();
      co_await in_time(request->exchange.wait_client_gone());
      request->release();
      slot = co_await t.balancer.next_slot();
    }
    while (t.engine.connections() > 0) co_await next_turn();
    EXPECT_LE(open_descriptors(), before);
  });
}

} // namespace
} // namespace paddler
