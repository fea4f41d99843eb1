#include "engine/engine_main.hpp"
#include "engine/simulated_engine.hpp"
#include "net/http_client.hpp"
#include "net/transport.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "runtime/timer.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

namespace paddler {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr auto patience = 60s;
constexpr std::size_t answer_limit = 16 * 1024 * 1024;

// A simulated engine and its clients on one loop.
class SimulatedEngine : public testing::Test {
public:
  SimulatedEngine() {
    std::string pattern = (std::filesystem::temp_directory_path() / "paddler-simulated-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    config_.socket_path = folder_ + "/engine.sock";
    config_.alias = "sim";
  }

  ~SimulatedEngine() override {
    group_.cancel();
    loop_.run_until_done(group_.join());
    if (engine_) loop_.run_until_done(engine_->stop());
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

protected:
  void start() {
    engine_.emplace(loop_.executor(), config_);
    ASSERT_TRUE(engine_->start());
    group_.spawn("engine", run_engine());
  }

  task<> run_engine() { load_result_ = co_await engine_->run(); }

  // Status 0 when the test gave it up.
  task<http_answer> fetch(std::string method, std::string path, std::string body) {
    auto stream = co_await connect_unix(config_.socket_path, patience);
    std::vector<std::pair<std::string, std::string>> headers;
    http_client_config config;
    auto answer = co_await http_fetch(std::move(*stream), std::move(config), std::move(method), std::move(path),
                                      std::move(headers), std::move(body), answer_limit);
    http_answer out;
    if (answer) out = std::move(*answer);
    co_return out;
  }

  http_answer get(std::string path) { return loop_.run_until_done(fetch("GET", std::move(path), {})); }

  http_answer post(std::string path, std::string body) {
    return loop_.run_until_done(fetch("POST", std::move(path), std::move(body)));
  }

  // A client beside the others; its answer goes into answers_[number].
  void ask(std::size_t number, std::string path, std::string body) {
    answers_.resize(std::max(answers_.size(), number + 1));
    group_.spawn("client", keep(number, std::move(path), std::move(body)));
  }

  task<> keep(std::size_t number, std::string path, std::string body) {
    answers_[number] = co_await fetch("POST", std::move(path), std::move(body));
    order_.push_back(number);
  }

  int busy() {
    int count = 0;
    auto const slots = json::parse(get("/slots").body);
    for (auto const& slot : slots.as_array()) count += slot.at("is_processing").as_bool() ? 1 : 0;
    return count;
  }

  event_loop loop_;
  task_group group_{loop_.executor(), "test"};
  std::string folder_;
  simulated_engine_config config_;
  std::optional<simulated_engine> engine_;
  std::optional<bool> load_result_;
  std::vector<http_answer> answers_;
  std::vector<std::size_t> order_; // in which they were answered
};

std::string streamed_text(std::string const& stream) {
  std::string out;
  std::string_view rest = stream;
  for (auto at = rest.find("data: {"); at != rest.npos; at = rest.find("data: {")) {
    rest.remove_prefix(at + 6);
    auto const chunk = json::parse(rest.substr(0, rest.find('\n')));
    boost::system::error_code ec;
    auto const* text = chunk.find_pointer("/choices/0/delta/content", ec);
    if (text != nullptr && text->is_string()) out += text->as_string();
  }
  return out;
}

TEST_F(SimulatedEngine, ManyStreamsEachSayTheirOwnChain) {
  config_.slots = 4;
  config_.simulation.token_time = 100us;
  start();
  constexpr std::size_t clients = 64;
  std::vector<std::string> prompts;
  for (std::size_t i = 0; i < clients; ++i) {
    std::string const text = "question " + std::to_string(i);
    prompts.push_back(canonical_prompt(std::vector<chat_message>{{"user", text}}));
    ask(i, "/v1/chat/completions",
        R"({"stream":true,"max_tokens":30,"messages":[{"role":"user","content":")" + text + R"("}]})");
  }
  while (order_.size() < clients) get("/health");
  for (std::size_t i = 0; i < clients; ++i) {
    EXPECT_EQ(answers_[i].status, 200);
    EXPECT_TRUE(answers_[i].content_type.starts_with("text/event-stream"));
    EXPECT_EQ(streamed_text(answers_[i].body), expected_answer("sim", prompts[i], 30).text);
    EXPECT_TRUE(answers_[i].body.ends_with("data: [DONE]\n\n"));
  }
}

TEST_F(SimulatedEngine, WhoWaitsIsServedInOrder) {
  config_.simulation.token_time = 1ms;
  start();
  for (std::size_t i = 0; i < 8; ++i) {
    ask(i, "/v1/completions", R"({"prompt":"x","max_tokens":2})");
    get("/health"); // its request has arrived
  }
  while (order_.size() < 8) get("/health");
  EXPECT_TRUE(std::ranges::is_sorted(order_));
}

TEST_F(SimulatedEngine, RefusesUntilItIsLoaded) {
  config_.simulation.load_time = 50ms;
  start();
  auto const early = get("/health");
  EXPECT_EQ(early.status, 503);
  EXPECT_EQ(early.body, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})");
  EXPECT_EQ(post("/v1/completions", R"({"prompt":"x"})").status, 503);
  while (get("/health").status != 200) {
  }
}

TEST_F(SimulatedEngine, FailsToLoad) {
  config_.simulation.fail_load = true;
  start();
  while (!load_result_) get("/health");
  EXPECT_EQ(load_result_, false);
}

TEST_F(SimulatedEngine, AHangStopsAllButHealth) {
  config_.slots = 2;
  start();
  ask(0, "/v1/completions", R"({"prompt":"[[hang 3]]"})");
  while (!get("/metrics").body.contains("tokens_predicted_total 2")) {
  }
  EXPECT_EQ(get("/health").status, 200);
  auto const slots = loop_.run_until_done(with_deadline(20ms, fetch("GET", "/slots", {})));
  EXPECT_FALSE(slots.has_value());
  auto const other = loop_.run_until_done(with_deadline(20ms, fetch("POST", "/v1/completions", R"({"prompt":"x"})")));
  EXPECT_FALSE(other.has_value());
}

TEST_F(SimulatedEngine, AStallStopsOneAnswer) {
  config_.slots = 2;
  start();
  ask(0, "/v1/completions", R"({"prompt":"[[stall 3]]"})");
  while (busy() == 0) {
  }
  EXPECT_EQ(post("/v1/completions", R"({"prompt":"x"})").status, 200);
  EXPECT_EQ(busy(), 1);
}

TEST_F(SimulatedEngine, ServesWhatSurroundsAnswers) {
  start();
  EXPECT_EQ(json::parse(get("/v1/models").body).at_pointer("/data/0/id"), "sim");
  EXPECT_EQ(json::parse(get("/props").body).at("total_slots"), 1);
  EXPECT_TRUE(get("/metrics").body.contains("llamacpp:requests_processing 0"));
  EXPECT_EQ(post("/v1/messages/count_tokens", R"({"messages":[{"role":"user","content":"a b"}]})").body,
            R"({"input_tokens":3})");
  EXPECT_EQ(post("/v1/chat/completions/input_tokens", R"({"messages":[]})").body,
            R"({"input_tokens":0,"object":"response.input_tokens"})");
  EXPECT_EQ(json::parse(post("/tokenize", R"({"content":"a b a"})").body).at("tokens").as_array().size(), 3U);
  EXPECT_EQ(post("/apply-template", R"({"messages":[{"role":"user","content":"a"}]})").body,
            R"({"prompt":"user 1:a\n"})");
  EXPECT_EQ(post("/apply-template", R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],
                                       "continue_final_message":"content","add_generation_prompt":false})")
                .body,
            R"({"prompt":"user 1:a\nb"})");
  EXPECT_EQ(get("/nope").status, 404);
  EXPECT_EQ(post("/nope", "{}").body, R"({"error":{"code":404,"message":"File Not Found","type":"not_found_error"}})");
}

TEST_F(SimulatedEngine, MakesEmbeddingsInBothEncodings) {
  start();
  auto const plain = json::parse(post("/v1/embeddings", R"({"input":["a b","c"]})").body);
  EXPECT_EQ(plain.at_pointer("/data/1/embedding").as_array().size(), embedding_dimensions);
  EXPECT_EQ(plain.at_pointer("/usage/prompt_tokens"), 3);
  auto const coded = json::parse(post("/v1/embeddings", R"({"input":"c","encoding_format":"base64"})").body);
  EXPECT_EQ(coded.at_pointer("/data/0/embedding").as_string().size(), (embedding_dimensions * 4 + 2) / 3 * 4);
}

TEST_F(SimulatedEngine, AnEmbeddingEngineDoesNotChat) {
  config_.embeddings_only = true;
  start();
  EXPECT_EQ(post("/v1/embeddings", R"({"input":"c"})").status, 200);
  EXPECT_EQ(post("/v1/chat/completions", R"({"messages":[]})").status, 500);
}

result<simulated_engine_config> parse(std::vector<char const*> arguments) { return parse_simulated_engine(arguments); }

TEST(SimulatedEngineArguments, AreThoseThatTheSupervisorGives) {
  auto const config = parse({"--simulate", "token-time=2ms", "--host", "/x.sock", "--alias", "a", "--parallel", "4",
                             "--ctx-size", "400", "--predict", "9", "--embeddings"});
  ASSERT_TRUE(config) << describe(config.error());
  EXPECT_EQ(config->socket_path, "/x.sock");
  EXPECT_EQ(config->slots, 4U);
  EXPECT_EQ(config->context_per_slot, 100U);
  EXPECT_EQ(config->default_max_tokens, 9U);
  EXPECT_TRUE(config->embeddings_only);
  EXPECT_EQ(config->simulation.token_time, 2ms);
}

TEST(SimulatedEngineArguments, AreExplainedWhenWrong) {
  for (auto const& bad : std::vector<std::vector<char const*>>{{},
                                                               {"--host"},
                                                               {"--hots", "x"},
                                                               {"--host", "/x", "--parallel", "0"},
                                                               {"--host", "/x", "--parallel", "257"},
                                                               {"--host", "/x", "--ctx-size", "-1"},
                                                               {"--host", "/x", "--simulate", "speed=1"}})
    EXPECT_FALSE(parse(bad));
  EXPECT_EQ(parse({"--hots", "x"}).error().hint, "did you mean '--host'?");
}

} // namespace
} // namespace paddler
