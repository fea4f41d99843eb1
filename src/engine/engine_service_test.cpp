#include "engine/engine_service.hpp"
#include "net/http_parser.hpp"
#include "net/transport.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/files.hpp"
#include "runtime/race.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

engine_spec simulated_spec(std::string alias = "sim") {
  engine_spec spec;
  spec.model_path = "/no/file/is/opened";
  spec.alias = std::move(alias);
  spec.slots = 2;
  return spec;
}

// An engine service on a loop of its own, with a real child: the program paddler_test_engine.
class EngineService : public testing::Test {
public:
  EngineService() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-engine-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    settings_.program.kind = engine_kind::simulated;
    settings_.program.path = PADDLER_TEST_ENGINE;
    settings_.runtime_directory = folder_ + "/run";
    settings_.policy.start_probe_interval = 5ms;
    settings_.policy.probe_interval = 5ms;
    settings_.policy.drain_probe_interval = 5ms;
    settings_.policy.backoff_first = 1ms;
    settings_.policy.backoff_limit = 2ms;
  }

  ~EngineService() override {
    loop_.run_until_done(service_->stop(0ms));
    service_.reset();
    EXPECT_TRUE(files_left().empty()) << files_left().front();
    std::filesystem::remove_all(folder_);
  }

protected:
  void make() {
    service_.emplace(loop_.executor(), pool_, settings_, [this](engine_condition const& now) {
      seen_.push_back(now);
      changed_.notify_all();
    });
  }

  void want(engine_spec spec = simulated_spec()) { service_->want(std::move(spec), 1s); }

  // Runs the loop until `holds`.
  void until(std::function<bool()> holds) {
    auto const in_time = loop_.run_until_done(waiting(std::move(holds)));
    ASSERT_TRUE(in_time) << to_string_of(service_->condition());
  }

  task<bool> waiting(std::function<bool()> holds) {
    co_return co_await with_deadline(patience, watch(std::move(holds)));
  }

  task<> watch(std::function<bool()> holds) {
    while (!holds()) co_await changed_.wait();
  }

  // With another process than `first`; none is there between the end of one and the start of the next.
  void until_ready_again(std::int64_t first) {
    until([&] {
      bool const replaced = service_->pid() > 0 && service_->pid() != first;
      return replaced && service_->condition().status == engine_status::ready;
    });
  }

  void until_ready() {
    until([this] { return service_->condition().status == engine_status::ready; });
  }

  static std::string to_string_of(engine_condition const& c) { return c.reason + " / " + c.hint; }

  std::vector<std::string> files_left() const {
    std::vector<std::string> out;
    if (!std::filesystem::exists(settings_.runtime_directory)) return out;
    for (auto const& entry : std::filesystem::directory_iterator(settings_.runtime_directory))
      if (entry.path().filename() != "no-config") out.push_back(entry.path().string());
    return out;
  }

  // Whether a request that never ends by itself is under way when it returns.
  task<std::unique_ptr<transport>> open_stream(std::string body) {
    auto stream = co_await connect_unix(service_->socket_path(), patience);
    std::string const request = "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                "Content-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body;
    std::array<asio::const_buffer, 1> const bytes{asio::buffer(request)};
    co_await (*stream)->write(bytes);
    std::array<char, 1024> buffer{};
    co_await (*stream)->read_some(asio::buffer(buffer));
    co_return std::move(*stream);
  }

  event_loop loop_;
  blocking_executor pool_{"test", 1, 16};
  std::string folder_;
  engine_settings settings_;
  wakeup changed_{loop_.executor()};
  std::vector<engine_condition> seen_;
  std::optional<engine_service> service_;
};

TEST_F(EngineService, StartsServesAndStops) {
  make();
  want();
  EXPECT_EQ(service_->condition().status, engine_status::loading);
  until_ready();
  auto const pid = service_->pid();
  EXPECT_GT(pid, 0);
  EXPECT_TRUE(std::filesystem::exists(service_->socket_path()));
  EXPECT_EQ(service_->resumes(), (resumable_apis{.chat = true, .completions = true}));
  EXPECT_EQ(service_->build(), "simulated");
  struct stat facts{};
  ASSERT_EQ(::stat(settings_.runtime_directory.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0700U);
  loop_.run_until_done(service_->stop(1s));
  EXPECT_EQ(service_->condition().status, engine_status::none);
  EXPECT_EQ(service_->pid(), 0);
  EXPECT_NE(::kill(static_cast<pid_t>(pid), 0), 0);
}

TEST_F(EngineService, TheSameWishDoesNothing) {
  make();
  want();
  until_ready();
  auto const pid = service_->pid();
  want();
  until([] { return true; });
  EXPECT_EQ(service_->condition().status, engine_status::ready);
  EXPECT_EQ(service_->pid(), pid);
}

TEST_F(EngineService, BringsAKilledChildBack) {
  make();
  want();
  until_ready();
  auto const first = service_->pid();
  ::kill(static_cast<pid_t>(first), SIGKILL);
  until_ready_again(first);
  EXPECT_EQ(service_->condition().restarts, 1U);
  auto const died = std::ranges::find(seen_, engine_status::backoff, &engine_condition::status);
  ASSERT_NE(died, seen_.end());
  EXPECT_EQ(died->reason.substr(0, 31), "the engine was ended by SIGKILL") << died->reason;
}

TEST_F(EngineService, KillsAStoppedChildAndStartsAnother) {
  settings_.policy.probe_deadline = 50ms;
  settings_.policy.hang_after = 200ms;
  make();
  want();
  until_ready();
  auto const first = service_->pid();
  ::kill(static_cast<pid_t>(first), SIGSTOP);
  until_ready_again(first);
  auto const hung = std::ranges::find(seen_, engine_status::backoff, &engine_condition::status);
  ASSERT_NE(hung, seen_.end());
  EXPECT_TRUE(hung->reason.starts_with("the engine hung")) << hung->reason;
}

TEST_F(EngineService, KillsAnEngineWhoseQueueHangs) {
  settings_.policy.probe_deadline = 50ms;
  settings_.policy.hang_after = 200ms;
  settings_.program.simulation.hang_at = 2;
  make();
  want();
  until_ready();
  auto const first = service_->pid();
  auto const client = loop_.run_until_done(open_stream(R"({"prompt":"x","stream":true})"));
  until_ready_again(first);
}

TEST_F(EngineService, SurvivesARequestThatCrashesTheEngine) {
  make();
  want();
  until_ready();
  auto const first = service_->pid();
  auto const client = loop_.run_until_done(open_stream(R"({"prompt":"[[crash 3]]","stream":true})"));
  until_ready_again(first);
  auto const died = std::ranges::find(seen_, engine_status::backoff, &engine_condition::status);
  ASSERT_NE(died, seen_.end());
  EXPECT_TRUE(died->reason.starts_with("the engine was ended by SIGABRT (it aborted); it said: ")) << died->reason;
}

TEST_F(EngineService, SaysWhatTheEngineSaidWhenItCannotLoad) {
  settings_.program.simulation.fail_load = true;
  make();
  want();
  until([this] { return service_->condition().status == engine_status::failed; });
  EXPECT_TRUE(service_->condition().reason.starts_with("the engine ended with status 1; it said: "))
      << seen_.back().reason;
  EXPECT_TRUE(service_->condition().reason.contains("error loading model")) << seen_.back().reason;
  EXPECT_EQ(service_->condition().child, 3U);
  EXPECT_TRUE(service_->condition().retry_at.has_value());
}

TEST_F(EngineService, WaitsForALoadThatTakesLong) {
  settings_.program.simulation.load_time = 200ms;
  make();
  want();
  until_ready();
  EXPECT_EQ(service_->condition().child, 1U);
}

TEST_F(EngineService, KillsWhatIsNeverReady) {
  settings_.program.simulation.refuse_health = true;
  settings_.policy.start_timeout = 100ms;
  make();
  want();
  until([this] { return service_->condition().status == engine_status::failed; });
  EXPECT_TRUE(service_->condition().reason.contains("it answered 503 Loading model")) << seen_.back().reason;
}

TEST_F(EngineService, ParksWithoutAChildWhenTheCommandIsWrong) {
  make();
  auto spec = simulated_spec();
  spec.slots = 1000;
  want(spec);
  until([this] { return service_->condition().status == engine_status::failed; });
  EXPECT_EQ(service_->pid(), 0);
  EXPECT_EQ(service_->condition().reason, "the engine cannot be started as specified: slots: is 1000");
  want();
  until_ready();
}

TEST_F(EngineService, ParksWithTheWordsOfTheModelFilesInspection) {
  settings_.program.kind = engine_kind::built_in;
  settings_.blocking_inspect = [](std::string const& path) -> result<gguf_info> {
    return fail(error_code::not_found, "there is no model file '" + path + "'", "name another");
  };
  make();
  want();
  until([this] { return service_->condition().status == engine_status::failed; });
  EXPECT_EQ(service_->condition().reason, "there is no model file '/no/file/is/opened'");
  EXPECT_EQ(service_->condition().hint, "name another");
}

TEST_F(EngineService, ParksWhenTheProgramDoesNotExist) {
  settings_.program.kind = engine_kind::llama_server;
  settings_.program.path = "/no/such/llama-server";
  make();
  want();
  until([this] { return service_->condition().status == engine_status::failed; });
  EXPECT_TRUE(service_->condition().reason.contains("No such file")) << seen_.back().reason;
}

TEST_F(EngineService, ReplacesTheEngineOnAnotherWish) {
  make();
  want();
  until_ready();
  auto const first = service_->pid();
  want(simulated_spec("other"));
  until_ready_again(first);
  EXPECT_EQ(service_->running().alias, "other");
  EXPECT_EQ(service_->condition().restarts, 0U);
}

TEST_F(EngineService, DrainsUntilTheDeadlineAndThenBreaksWhatIsLeft) {
  settings_.program.simulation.stall_at = 2;
  make();
  want();
  until_ready();
  auto const client = loop_.run_until_done(open_stream(R"({"prompt":"x","stream":true})"));
  until([this] { return service_->condition().slots_busy == 1; });
  loop_.run_until_done(service_->stop(100ms));
  EXPECT_EQ(service_->condition().status, engine_status::none);
  bool const drained = std::ranges::find(seen_, engine_status::draining, &engine_condition::status) != seen_.end();
  EXPECT_TRUE(drained);
}

TEST_F(EngineService, AClientThatLeavesFreesItsSlot) {
  settings_.program.simulation.stall_at = 2;
  make();
  want();
  until_ready();
  auto client = loop_.run_until_done(open_stream(R"({"prompt":"x","stream":true})"));
  until([this] { return service_->condition().slots_busy == 1; });
  client.reset();
  until([this] { return service_->condition().slots_busy == 0; });
}

TEST_F(EngineService, RefusesAFolderThatOthersMayOpen) {
  ASSERT_EQ(::mkdir(settings_.runtime_directory.c_str(), 0755), 0);
  make();
  want();
  until([this] { return service_->condition().status == engine_status::backoff; });
  EXPECT_TRUE(service_->condition().reason.contains("open to other users")) << seen_.back().reason;
}

TEST_F(EngineService, StopsInTheMiddleOfAStart) {
  settings_.program.simulation.load_time = 3600s;
  make();
  want();
  loop_.run_until_done(service_->stop(1h));
  EXPECT_EQ(service_->condition().status, engine_status::none);
}

} // namespace
} // namespace paddler
