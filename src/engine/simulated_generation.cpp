// How the simulated engine spends its time on a request, and fails at it as it is told to.
#include "engine/simulated_engine.hpp"
#include "runtime/check.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/evp.h>

#include <memory>
#include <utility>
#include <vector>

namespace paddler {
namespace {

namespace json = boost::json;

constexpr std::string_view event_stream_type = "text/event-stream";

bool is_at(std::uint32_t for_all, std::uint32_t for_this, std::size_t number) {
  return number == for_all || number == for_this;
}

bool is_from(std::uint32_t start, std::size_t number) { return start > 0 && number >= start; }

std::string base64(std::span<float const> numbers) {
  std::size_t const bytes = numbers.size() * sizeof(float);
  std::string out(4 * ((bytes + 2) / 3) + 1, '\0'); // EVP_EncodeBlock() ends with a zero
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  auto const* from = reinterpret_cast<unsigned char const*>(numbers.data());
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(to, from, static_cast<int>(bytes))));
  return out;
}

json::value embedding_value(std::vector<float> const& numbers, bool as_base64) {
  if (as_base64) return json::string(base64(numbers));
  json::array out;
  for (float number : numbers) out.emplace_back(number);
  return out;
}

} // namespace

struct simulated_engine::job {
  job() = default;

  generation_request request;
  answer_plan plan;
  std::unique_ptr<simulated_writer> writer; // refers to both
  mono_time begun{};                        // to read the prompt, and
  mono_time read{};                         // was done with it

  [[nodiscard]] answer_times took() const { return {read - begun, mono_now() - read}; }
};

task<> simulated_engine::generate(http_exchange& exchange, generation_api api) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
    co_return;
  }
  auto request = parse_generation(api, *body);
  if (!request) {
    co_await refuse(exchange, request.error());
    co_return;
  }
  auto plan =
      plan_answer(*request, config_.alias, config_.simulation, config_.context_per_slot, config_.default_max_tokens);
  if (!plan) {
    co_await refuse(exchange, plan.error());
    co_return;
  }
  job work;
  work.request = std::move(*request);
  work.plan = std::move(*plan);
  work.writer = make_simulated_writer(work.request, work.plan, next_identity());
  co_await exchange.run_unless_client_leaves(serve_generation(exchange, work));
}

// The slot is held as long as this runs: a client that leaves ends it at once.
task<> simulated_engine::serve_generation(http_exchange& exchange, job& work) {
  auto const lease = co_await slots_.take();
  if (!lease) co_return;
  if (work.request.stream) {
    co_await stream_answer(exchange, work);
    co_return;
  }
  if (!co_await prefill(work)) co_return;
  for (std::size_t number = 1; number <= work.plan.tokens.size(); ++number)
    if (!co_await before_token(work.request.faults, work.plan.made + number)) co_return;
  co_await respond(exchange, work.writer->whole(work.took()));
}

task<> simulated_engine::stream_answer(http_exchange& exchange, job& work) {
  std::vector<header_view> const headers = {{"Content-Type", event_stream_type}, {"X-Accel-Buffering", "no"}};
  if (!co_await exchange.start_stream(200, headers)) co_return;
  if (!co_await prefill(work)) co_return;
  std::string begin = work.writer->begin();
  for (std::size_t number = 1; number <= work.plan.tokens.size(); ++number) {
    if (!co_await before_token(work.request.faults, work.plan.made + number)) co_return;
    std::string const chunk = std::exchange(begin, {}) + work.writer->token(work.plan.tokens[number - 1]);
    if (!co_await exchange.write_chunk(chunk)) co_return;
  }
  std::string const last = begin + work.writer->end(work.took());
  if (co_await exchange.write_chunk(last)) co_await exchange.finish_stream();
}

// False when the task is cancelled.
task<bool> simulated_engine::prefill(job& work) {
  work.begun = mono_now();
  bool const done = co_await read_tokens(work.plan.prompt_tokens);
  work.read = mono_now();
  co_return done;
}

// False when the task is cancelled.
task<bool> simulated_engine::read_tokens(std::size_t count) {
  tokens_read_ += count;
  auto const time = config_.simulation.prefill_time * count;
  if (time.count() == 0) co_return true;
  co_return co_await sleep_for(time);
}

// Waits as long as the token takes, or fails as it should at it. False when the task is cancelled.
task<bool> simulated_engine::before_token(requested_faults faults, std::size_t number) {
  auto const& s = config_.simulation;
  if (faults.crash_always || is_at(s.crash_at, faults.crash_at, number)) {
    if (!config_.crash) fail_process("the simulated engine crashes at this token, as it was told");
    config_.crash();
    co_await hang();
    co_return false;
  }
  if (is_at(s.hang_at, faults.hang_at, number)) hung_ = true;
  if (hung_ || is_at(s.stall_at, faults.stall_at, number)) {
    co_await hang();
    co_return false;
  }
  ++tokens_sent_;
  bool const drips = is_from(s.drip_at, number) || is_from(faults.drip_at, number);
  if (auto const time = drips ? s.drip_time : s.token_time; time.count() > 0) co_return co_await sleep_for(time);
  // Without a pause the others get their turn all the same.
  co_await asio::post(executor_, as_result);
  co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

task<> simulated_engine::hang() {
  while (co_await never_.wait()) {
  }
}

task<> simulated_engine::embed(http_exchange& exchange) {
  auto const body = co_await exchange.read_body();
  if (!body) {
    co_await exchange.respond_error(body.error());
    co_return;
  }
  auto const request = parse_embedding(*body);
  if (!request) {
    co_await refuse(exchange, request.error());
    co_return;
  }
  co_await exchange.run_unless_client_leaves(serve_embedding(exchange, *request));
}

task<> simulated_engine::serve_embedding(http_exchange& exchange, embedding_request const& request) {
  auto const lease = co_await slots_.take();
  if (!lease) co_return;
  if (hung_) co_await hang();
  json::array data;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    tokens += chain_token_count(request.inputs[i]);
    data.push_back(
        json::object{{"embedding", embedding_value(embedding_of(config_.alias, request.inputs[i]), request.base64)},
                     {"index", i},
                     {"object", "embedding"}});
  }
  if (!co_await read_tokens(tokens)) co_return;
  json::object const answer{{"model", config_.alias},
                            {"object", "list"},
                            {"usage", json::object{{"prompt_tokens", tokens}, {"total_tokens", tokens}}},
                            {"data", std::move(data)}};
  co_await respond(exchange, json::serialize(answer));
}

answer_identity simulated_engine::next_identity() {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  answer_identity out;
  for (int i = 0; i < 32; ++i) out.key.push_back(letters[random_.below(letters.size())]);
  out.model = config_.alias;
  out.created = static_cast<std::int64_t>(unix_milliseconds(wall_now()) / 1000);
  return out;
}

} // namespace paddler
