// The engine service with the real llama.cpp as its child: what it serves, and what cannot hurt its owner.
#include "engine/engine_service.hpp"
#include "hub/local_models.hpp"
#include "net/http_client.hpp"
#include "net/transport.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr auto patience = 120s;
constexpr std::size_t answer_limit = 16 * 1024 * 1024;

std::string model_file(std::string const& name) { return std::string(PADDLER_MODELS) + "/" + name + ".gguf"; }

engine_spec spec_of(std::string const& model) {
  engine_spec spec;
  spec.model_path = model_file(model);
  spec.alias = "test-model";
  spec.slots = 2;
  spec.context_per_slot = 300;
  spec.threads = 1;
  return spec;
}

class RealEngine : public testing::Test {
public:
  RealEngine() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-real-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    settings_.program.path = PADDLER_BINARY;
    settings_.runtime_directory = folder_ + "/run";
    settings_.blocking_inspect = blocking_inspect_model;
    settings_.policy.start_probe_interval = 10ms;
    settings_.policy.probe_interval = 20ms;
    settings_.policy.backoff_first = settings_.policy.backoff_limit = 1ms;
  }

  ~RealEngine() override {
    if (service_) loop_.run_until_done(service_->stop(0ms));
    service_.reset();
    std::filesystem::remove_all(folder_);
  }

protected:
  void want(engine_spec spec) {
    if (!service_)
      service_.emplace(loop_.executor(), pool_, settings_, [this](engine_condition const& now) {
        seen_.push_back(now);
        changed_.notify_all();
      });
    service_->want(std::move(spec), 0ms);
  }

  void until(std::function<bool()> holds) {
    ASSERT_TRUE(loop_.run_until_done(waiting(std::move(holds)))) << service_->condition().reason;
  }

  task<bool> waiting(std::function<bool()> holds) {
    co_return co_await with_deadline(patience, watch(std::move(holds)));
  }

  task<> watch(std::function<bool()> holds) {
    while (!holds()) co_await changed_.wait();
  }

  [[nodiscard]] engine_condition const& condition() const { return service_->condition(); }

  void until_ready() {
    until([this] { return condition().status == engine_status::ready; });
  }

  void until_failed() {
    until([this] { return condition().status == engine_status::failed; });
  }

  void until_another_is_ready(std::int64_t pid) {
    until([this, pid] { return condition().status == engine_status::ready && service_->pid() != pid; });
  }

  // Status 0 where there was no answer.
  task<http_answer> fetch(std::string method, std::string path, std::string body) {
    http_answer out;
    auto stream = co_await connect_unix(service_->socket_path(), patience);
    if (!stream) co_return out;
    std::vector<std::pair<std::string, std::string>> headers;
    http_client_config config;
    auto answer = co_await http_fetch(std::move(*stream), std::move(config), std::move(method), std::move(path),
                                      std::move(headers), std::move(body), answer_limit);
    if (answer) out = std::move(*answer);
    co_return out;
  }

  json::value ask(std::string method, std::string path, std::string body) {
    auto const answer = loop_.run_until_done(fetch(std::move(method), std::move(path), std::move(body)));
    EXPECT_EQ(answer.status, 200) << answer.body;
    boost::system::error_code ec;
    return json::parse(answer.body, ec);
  }

  std::string chat() {
    auto const answer = ask("POST", "/v1/chat/completions", R"({"messages":[{"role":"user","content":"Hi"}]})");
    return std::string(answer.at_pointer("/choices/0/message/content").as_string());
  }

  event_loop loop_;
  blocking_executor pool_{"test", 1, 16};
  std::string folder_;
  engine_settings settings_;
  wakeup changed_{loop_.executor()};
  std::vector<engine_condition> seen_;
  std::optional<engine_service> service_;
};

constexpr std::string_view scripted_text = "Hello! I am a scripted model, and I always say the same.";

TEST_F(RealEngine, ServesAModelWithTheContextThatWasAskedFor) {
  want(spec_of("scripted-hello"));
  until_ready();
  EXPECT_EQ(chat(), scripted_text);
  auto const slots = ask("GET", "/slots", {});
  ASSERT_EQ(slots.as_array().size(), 2U);
  EXPECT_EQ(slots.at_pointer("/0/n_ctx"), 300);
  EXPECT_EQ(ask("GET", "/v1/models", {}).at_pointer("/data/0/id"), "test-model");
}

TEST_F(RealEngine, ServesAnEmbeddingModelForWhatItsFileSays) {
  want(spec_of("random-embedding"));
  until_ready();
  auto const answer = ask("POST", "/v1/embeddings", R"({"input":["a","b"]})");
  EXPECT_EQ(answer.at_pointer("/data").as_array().size(), 2U);
}

TEST_F(RealEngine, UsesATemplateOfTheOperators) {
  auto spec = spec_of("scripted-hello");
  spec.chat_template = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}";
  want(spec);
  until_ready();
  auto const answer = ask("POST", "/apply-template", R"({"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(answer.at("prompt"), "user: Hi\n");
}

TEST_F(RealEngine, RunsAnotherLlamaServer) {
  settings_.program.kind = engine_kind::llama_server;
  settings_.program.path = LLAMA_SERVER;
  want(spec_of("scripted-hello"));
  until_ready();
  EXPECT_EQ(chat(), scripted_text);
}

TEST_F(RealEngine, IsBackAfterKillMinusNine) {
  want(spec_of("scripted-hello"));
  until_ready();
  for (int round = 0; round < 3; ++round) {
    auto const pid = service_->pid();
    ::kill(static_cast<pid_t>(pid), SIGKILL);
    until_another_is_ready(pid);
    EXPECT_EQ(chat(), scripted_text);
  }
}

TEST_F(RealEngine, IsReplacedWhenItHangs) {
  settings_.policy.probe_deadline = 100ms;
  settings_.policy.hang_after = 500ms;
  want(spec_of("scripted-hello"));
  until_ready();
  auto const pid = service_->pid();
  ::kill(static_cast<pid_t>(pid), SIGSTOP);
  until_another_is_ready(pid);
  EXPECT_EQ(chat(), scripted_text);
}

TEST_F(RealEngine, SaysThatATemplateIsBad) {
  auto spec = spec_of("scripted-hello");
  spec.chat_template = "{% for %}";
  want(spec);
  until_failed();
  EXPECT_TRUE(condition().reason.contains("chat template")) << condition().reason;
  EXPECT_TRUE(condition().hint.contains("chat_template")) << condition().hint;
}

struct bad_model {
  std::string kind;
  std::string reason; // a part of it
};

std::ostream& operator<<(std::ostream& out, bad_model const& bad) { return out << bad.kind; }

class BadModel : public RealEngine, public testing::WithParamInterface<bad_model> {};

TEST_P(BadModel, IsExplainedAndAnotherModelServesAfterIt) {
  want(spec_of("bad-" + GetParam().kind));
  until_failed();
  EXPECT_TRUE(condition().reason.contains(GetParam().reason)) << condition().reason;
  EXPECT_NE(condition().hint, "");
  EXPECT_EQ(service_->pid(), 0);
  want(spec_of("scripted-hello"));
  until_ready();
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BadModel,
    testing::Values(bad_model{"empty", "is empty"}, bad_model{"not-gguf", "is not a GGUF file"},
                    bad_model{"magic", "is not a GGUF file"}, bad_model{"version", "version 99"},
                    bad_model{"truncated-header", "is cut short"}, bad_model{"truncated", "is cut short"},
                    bad_model{"no-tensors", "holds no tensors"}, bad_model{"huge-tensor-count", "tensors, more than"},
                    bad_model{"huge-metadata-count", "metadata entries, more than"},
                    bad_model{"huge-string", "a key of"}, bad_model{"missing-tensor", "not found"},
                    bad_model{"wrong-shape", "wrong shape"}, bad_model{"unknown-architecture", "phlogiston"},
                    bad_model{"duplicate-token", "SIGABRT"}, bad_model{"bad-template", "chat template"}),
    [](auto const& about) {
      std::string name = about.param.kind;
      std::ranges::replace(name, '-', '_');
      return name;
    });

} // namespace
} // namespace paddler
