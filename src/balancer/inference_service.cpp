#include "balancer/inference_service.hpp"

#include "base/canary.hpp"
#include "runtime/clock.hpp"
#include "runtime/timer.hpp"
#include "wire/json_text.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace paddler {
namespace {

// What the engine serves for clients. Nothing else reaches it.
struct relayed_path {
  std::string_view path;
  std::string_view operation;
};

constexpr relayed_path relayed_paths[] = {
    {"/v1/chat/completions", "create_chat_completion"},
    {"/v1/completions", "create_completion"},
    {"/v1/embeddings", "create_embedding"},
    {"/v1/responses", "create_response"},
    {"/v1/messages", "create_message"},
    {"/v1/messages/count_tokens", "count_message_tokens"},
    {"/v1/rerank", "rerank"},
    {"/tokenize", "tokenize"},
    {"/detokenize", "detokenize"},
};

constexpr int looks_an_interval = 8; // of comments

// Of all that the answer depends on.
std::uint64_t digest_of(hash_key key, std::string_view path, std::string_view body) {
  keyed_hash out(key);
  out.add(path);
  out.add("\n");
  out.add(body);
  return out.value();
}

// Why a request with an Idempotency-Key gets no answer.
inference_error error_of(idempotent_answers::standing standing) {
  if (standing == idempotent_answers::standing::other_request)
    return {422, "idempotency_key_reused", "",
            "this Idempotency-Key came with another request before; each request needs a key of its own", false};
  if (standing == idempotent_answers::standing::not_kept)
    return {409, "answer_not_kept", "",
            "a request with this Idempotency-Key was answered, and its answer was too large to be kept; to have it "
            "made again, send another key",
            false};
  return {503, "server_is_overloaded", "", "too many requests with an Idempotency-Key run; try again later", true};
}

task<> give_again(answer_writer& writer, kept_answer const& answer) {
  std::vector<header_view> const replayed = {{"Idempotent-Replayed", "true"}};
  if (!writer.committed())
    co_await writer.respond(answer.status, answer.content_type, answer.body, replayed);
  else if (is_event_stream(answer.content_type))
    co_await writer.write(answer.body, {}, answer_writer::position::last);
  else
    co_await writer.tell(error_of_engine(static_cast<int>(answer.status), answer.body));
}

// A request that runs for all that come with its key. Whatever becomes of it, the others are told.
class key_in_use {
public:
  key_in_use(idempotent_answers& answers, wakeup& changed, idempotency_key const& key)
      : answers_(answers), changed_(changed), key_(key) {}

  key_in_use(key_in_use const&) = delete;
  key_in_use& operator=(key_in_use const&) = delete;

  ~key_in_use() {
    if (!answered_) answers_.failed(key_);
    changed_.notify_all();
  }

  void answered(std::optional<kept_answer> answer) {
    answered_ = true;
    answer ? answers_.answered(key_, std::move(*answer)) : answers_.answered_at_length(key_);
  }

private:
  idempotent_answers& answers_;
  wakeup& changed_;
  idempotency_key const& key_;
  bool answered_ = false;
};

// For as long as it lives.
class counted_bytes {
public:
  counted_bytes(std::uint64_t& sum, std::uint64_t bytes) : sum_(sum), bytes_(bytes) { sum_ += bytes_; }

  counted_bytes(counted_bytes const&) = delete;
  counted_bytes& operator=(counted_bytes const&) = delete;

  ~counted_bytes() { sum_ -= bytes_; }

private:
  std::uint64_t& sum_;
  std::uint64_t bytes_;
};

// While its client gets comments.
class listed_stream {
public:
  listed_stream(writer_list& list, answer_writer& writer) : list_(list), place_(list.insert(list.end(), &writer)) {}

  listed_stream(listed_stream const&) = delete;
  listed_stream& operator=(listed_stream const&) = delete;

  ~listed_stream() { list_.erase(place_); }

private:
  writer_list& list_;
  writer_list::iterator place_;
};

std::string model_object(std::string_view name) {
  return R"({"id":)" + json_text(name) + R"(,"object":"model","created":0,"owned_by":"paddler"})";
}

} // namespace

std::vector<route> inference_service::routes() {
  std::vector<route> out;
  for (auto const& [path, operation] : relayed_paths)
    out.push_back({"POST", std::string(path), std::string(operation), max_body_bytes_,
                   [this](http_exchange& e) { return infer(e); }});
  out.push_back({"GET", "/v1/models", "list_models", 0, [this](http_exchange& e) { return list_models(e); }});
  out.push_back({"GET", "/v1/models/{model}", "show_model", 0, [this](http_exchange& e) { return show_model(e); }});
  return out;
}

void inference_service::run(run_request const& decision) {
  if (auto const at = live_.find(decision.serial); at != live_.end()) at->second->on_run(decision);
}

void inference_service::fail(fail_request const& decision) {
  if (auto const at = live_.find(decision.serial); at != live_.end()) at->second->on_fail(decision);
}

void inference_service::interrupt(interrupt_attempt const& decision) {
  if (auto const at = live_.find(decision.serial); at != live_.end()) at->second->on_interrupt(decision);
}

void inference_service::abort_all() {
  for (auto const& [serial, request] : live_) request->abort_for_shutdown();
}

void inference_service::give_up_largest() {
  auto const held = [](auto const& each) { return each.second->held_bytes(); };
  auto const largest = std::ranges::max_element(live_, {}, held);
  if (largest != live_.end() && held(*largest) > 0) largest->second->give_up_for_memory();
}

task<> inference_service::infer(http_exchange& exchange) {
  auto const bytes = exchange.head().content_length.value_or(max_body_bytes_);
  if (refuses_new_ || bytes > max_bodies_ - std::min(max_bodies_, bodies_))
    co_return co_await refuse(exchange, error_of_failure(request_failure::short_of_memory, ""));
  counted_bytes const counted(bodies_, bytes);
  co_await serve(exchange);
}

task<> inference_service::serve(http_exchange& exchange) {
  request_probe probe(prompts_);
  auto look = [&probe](std::string_view piece) { (void)probe.feed(piece); }; // finish() tells what was wrong
  auto body = co_await exchange.read_body(max_body_bytes_, look);
  if (!body) co_return co_await refuse(exchange, error_of_input(body.error()));
  auto asked = probe.finish();
  if (!asked) co_return co_await refuse(exchange, error_of_input(asked.error()));

  auto const trust = core_.core().policies().settings.limits.priority_header.value_or(priority_trust::lower_only);
  auto const wishes = read_wishes(exchange.head(), exchange.connection().peer(), trust);
  if (!wishes) co_return co_await refuse(exchange, error_of_input(wishes.error()));

  answer_writer writer(exchange);
  std::optional<listed_stream> listed;
  if (asked->stream.value_or(false)) listed.emplace(streams_, writer);
  if (wishes->idempotency_key.empty())
    co_await run(exchange, writer, *wishes, std::move(*body), std::move(*asked));
  else
    co_await run_once(exchange, writer, *wishes, std::move(*body), std::move(*asked));
  listed.reset();
  co_await writer.settle();
}

void inference_service::spawn_into(task_group& group) { group.spawn("comments", keep_awake(group)); }

// One look at all of them costs less than a timer for each.
task<> inference_service::keep_awake(task_group& group) {
  auto const pause = limits_.comment_interval / looks_an_interval;
  while (co_await sleep_for(pause)) {
    auto const since = mono_now() + pause - limits_.comment_interval;
    for (auto* const writer : streams_)
      if (writer->is_silent(since)) group.spawn("comment", writer->comment());
  }
}

// Whether it was answered.
task<bool> inference_service::run(http_exchange& exchange, answer_writer& writer, request_wishes const& wishes,
                                  std::string body, probed_request asked) {
  request_serial const serial{++serials_};
  inference_request request(exchange, writer, core_, slots_, memory_, serial, std::move(body), std::move(asked));
  live_.emplace(serial, &request);
  co_await request.run(wishes);
  live_.erase(serial);
  co_return request.answered();
}

// Who comes with the key of a request that runs waits for its answer; where there will be none, one of those who wait
// runs in its place.
task<> inference_service::run_once(http_exchange& exchange, answer_writer& writer, request_wishes const& wishes,
                                   std::string body, probed_request asked) {
  using standing = idempotent_answers::standing;
  idempotency_key const key{wishes.client, std::string(wishes.idempotency_key)};
  auto const digest = digest_of(prompts_, exchange.head().path, body);
  auto found = answers_.ask(key, digest, mono_now());
  bool const waits = found.what == standing::runs;
  bool const left = waits && !co_await exchange.run_unless_client_leaves(wait_for_answer(key, digest, found));
  if (found.what == standing::begins) {
    key_in_use in_use(answers_, answers_changed_, key);
    if (left) co_return exchange.abort();
    writer.keep(answers_.max_answer());
    bool const answered = co_await run(exchange, writer, wishes, std::move(body), std::move(asked));
    if (answered && !is_loose(canary::answer_of_key_forgotten)) in_use.answered(writer.take_kept());
    co_return;
  }
  if (left) co_return exchange.abort();
  if (found.what == standing::answered) co_return co_await give_again(writer, *found.answer);
  co_await writer.tell(error_of(found.what));
}

task<> inference_service::wait_for_answer(idempotency_key const& key, std::uint64_t digest,
                                          idempotent_answers::found& found) {
  while (found.what == idempotent_answers::standing::runs) {
    if (!co_await answers_changed_.wait()) co_return;
    found = answers_.ask(key, digest, mono_now());
  }
}

task<> inference_service::list_models(http_exchange& exchange) {
  std::string body = R"({"object":"list","data":[)";
  bool first = true;
  for (auto const& name : core_.core().desired().served_names()) {
    if (!first) body += ',';
    first = false;
    body += model_object(name);
  }
  body += "]}";
  std::vector<header_view> const headers = {{"Content-Type", "application/json"}};
  co_await exchange.respond(200, headers, body);
}

task<> inference_service::show_model(http_exchange& exchange) {
  auto const name = exchange.param("model");
  auto const names = core_.core().desired().served_names();
  if (std::ranges::find(names, name) == names.end()) {
    co_return co_await refuse(exchange, error_of_failure(request_failure::no_model, name, names));
  }
  std::vector<header_view> const headers = {{"Content-Type", "application/json"}};
  auto const body = model_object(name);
  co_await exchange.respond(200, headers, body);
}

task<> inference_service::refuse(http_exchange& exchange, inference_error wrong) {
  auto const wait = retry_seconds({});
  auto const headers = error_headers(wrong, wait);
  auto const body = error_body(wrong, dialect_of(exchange.head().path));
  co_await exchange.respond(static_cast<unsigned>(wrong.status), headers, body);
}

} // namespace paddler
