#include "balancer/inference_request.hpp"

#include "base/canary.hpp"
#include "model/words.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/race.hpp"
#include "wire/event_boundary.hpp"
#include "wire/inference_error.hpp"
#include "wire/json_codec.hpp"
#include "wire/stream_splice.hpp"

#include <array>
#include <functional>

namespace paddler {
namespace {

// An answer that is not a stream is kept until it is whole, up to this size: it can then still be tried elsewhere.
constexpr std::size_t max_kept_answer = std::size_t{1} << 20;
constexpr std::size_t max_counted_answer = std::size_t{8} << 20; // a list of the tokens of an answer or a prompt
constexpr std::string_view event_stream = "text/event-stream";
constexpr std::string_view waiting_comment = ": waiting\n\n";

bool is_event_stream(http_response_head const& head) { return head.header("content-type").starts_with(event_stream); }

// What the engine said went wrong, in our words where it said nothing that can be read.
inference_error engine_said(int status, std::string_view body) {
  inference_error out;
  out.status = status;
  out.code = status < 500 ? "invalid_request_error" : "server_error";
  out.message = "The engine refused the request with status " + std::to_string(status) + ".";
  auto const document = parse_json(body);
  if (!document) return out;
  auto const* inside = document->find("error");
  auto const* message = inside ? inside->find("message") : nullptr;
  if (message && message->kind == node_kind::text) out.message = message->text;
  return out;
}

} // namespace

inference_request::inference_request(http_exchange& exchange, core_service& core, slot_registry& slots,
                                     stream_memory& memory, inference_limits const& limits, request_serial serial,
                                     std::string body, probed_request asked)
    : exchange_(exchange),
      core_(core),
      slots_(slots),
      limits_(limits),
      serial_(serial),
      id_(exchange.request_id()),
      body_(std::move(body)),
      asked_(std::move(asked)),
      kept_(memory, exchange.head().path, body_, asked_),
      changed_(exchange.connection().executor()),
      last_write_(mono_now()) {}

task<> inference_request::run(request_wishes wishes) {
  core_.apply(request_arrived{{.serial = serial_,
                               .id = {id_},
                               .model = asked_.model.value_or(""),
                               .endpoint = std::string(exchange_.head().path),
                               .body_bytes = body_.size(),
                               .client = wishes.client,
                               .level = wishes.level,
                               .patience = wishes.patience,
                               .fingerprint = std::hash<std::string>{}(body_),
                               .session = wishes.session,
                               .prompt_bytes = asked_.prompt_bytes,
                               .blocks = std::move(asked_.blocks)}});
  bool const told = co_await run_unless(drive(), watch_client());
  if (borrowed_) slots_.give_back(*borrowed_, false);
  // The client left before its turn was taken: the slot was assigned, and the core counts it as closed.
  if (decision_) slots_.give_back(decision_->slot->serial, false);
  if (!told || client_lost_) {
    core_.apply(request_left{serial_});
    exchange_.abort();
  }
}

void inference_request::on_run(run_request const& decision) {
  decision_ = decision;
  changed_.notify_all();
}

void inference_request::on_fail(fail_request const& decision) {
  failure_ = decision;
  changed_.notify_all();
}

void inference_request::abort_for_shutdown() {
  shutting_down_ = true;
  // The relay notices by its failing read, and the core ends the request.
  if (borrowed_) slots_.interrupt(*borrowed_);
}

// Ends when the client is gone. Meanwhile a stream that has nothing to say gets a comment now and then: proxies and
// clients take a silent connection for dead.
task<> inference_request::watch_client() {
  while (!co_await with_deadline(limits_.comment_interval, exchange_.wait_client_gone())) {
    bool const silent = mono_now() - last_write_ >= limits_.comment_interval;
    if (!asked_.stream.value_or(false) || writing_ || !silent) continue;
    writing_ = true;
    if (!committed_) prepare_stream(200, event_stream, nullptr);
    bool const sent = co_await exchange_.write_chunk(waiting_comment);
    writing_ = false;
    last_write_ = mono_now();
    changed_.notify_all();
    if (!sent) co_return;
  }
}

task<> inference_request::drive() {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  while (co_await next_decision()) {
    if (failure_) co_return co_await tell_failure();
    auto const decision = *std::exchange(decision_, std::nullopt);
    auto const ended = co_await try_on(decision);
    // A cancelled task broke the attempt off itself, because the client is gone: that says nothing about the engine.
    if (is_cancelled(cancellation)) co_return;
    // Without an outcome the client could not be written to.
    client_lost_ = !ended;
    if (client_lost_ && exchange_.client_was_slow())
      core_.apply(attempt_ended{serial_, decision.number, attempt_outcome::slow_client});
    if (client_lost_) co_return;
    std::optional<resume_refusal> refusal;
    if (*ended == attempt_outcome::lost_late || *ended == attempt_outcome::not_continued) refusal = why_not_resumable();
    core_.apply(attempt_ended{serial_, decision.number, *ended, refusal, status_});
    if (*ended == attempt_outcome::completed || *ended == attempt_outcome::completed_last) co_return;
  }
}

task<bool> inference_request::next_decision() {
  while (!decision_ && !failure_)
    if (!co_await changed_.wait()) co_return false;
  co_return true;
}

task<inference_request::outcome> inference_request::try_on(run_request const& decision) {
  auto* engine = slots_.borrow(decision.slot->serial);
  if (!engine) co_return attempt_outcome::lost_early;
  borrowed_ = decision.slot->serial;
  auto ended = co_await relay(*engine, decision);
  borrowed_.reset();
  // Once cancelled, the request ends as left, which closes its slot, even where the answer was whole.
  bool const left = is_cancelled(co_await asio::this_coro::cancellation_state);
  bool const whole = ended == attempt_outcome::completed || ended == attempt_outcome::refused;
  bool const reusable = !left && whole && engine->reusable();
  if (ended == attempt_outcome::completed && !reusable) ended = attempt_outcome::completed_last;
  slots_.give_back(decision.slot->serial, reusable);
  co_return ended;
}

task<inference_request::outcome> inference_request::relay(http_connection& engine, run_request const& decision) {
  if (decision.resumes) co_return co_await continue_stream(engine, decision);
  co_return co_await relay_answer(engine, decision);
}

task<inference_request::outcome> inference_request::relay_answer(http_connection& engine, run_request const& decision) {
  auto const head = co_await ask(engine, decision, exchange_.head().path, body_);
  if (!head) co_return head.error();
  if (is_event_stream(**head)) co_return co_await relay_stream(engine, **head, decision);
  if (committed_) co_return co_await relay_error_into_stream(engine, **head);
  co_return co_await relay_whole(engine, **head, decision);
}

// Sends and waits for the head of the answer, which is not an agent's refusal.
task<std::expected<http_response_head const*, attempt_outcome>> inference_request::ask(http_connection& engine,
                                                                                       run_request const& decision,
                                                                                       std::string_view path,
                                                                                       std::string_view body) {
  auto const version = std::to_string(decision.slot->version.value);
  auto const number = std::to_string(decision.number.value);
  // Nothing of the client's own address, keys or connection goes to the engine.
  std::vector<header_view> headers = {{"Host", "paddler"},
                                      {"Content-Type", "application/json"},
                                      {"X-Request-Id", id_},
                                      {"X-Paddler-Version", version},
                                      {"X-Paddler-Attempt", number}};
  for (std::string_view passed : {"traceparent", "tracestate", "anthropic-version"})
    if (auto const value = exchange_.head().header(passed); !value.empty()) headers.push_back({passed, value});
  auto const sent = co_await engine.send("POST", path, headers, body);
  if (!sent) co_return std::unexpected(lost(sent.error()));
  core_.apply(attempt_sent{serial_, decision.number});
  auto const head = co_await engine.read_head();
  if (!head) co_return std::unexpected(lost(head.error()));
  status_ = static_cast<unsigned>((*head)->status);
  auto const refused = (*head)->header("x-paddler-refused");
  if (refused.empty()) co_return *head;
  bool const for_its_version = refused == "version";
  auto const drained = co_await engine.read_body(max_kept_answer);
  bool const usable = for_its_version && drained.has_value();
  co_return std::unexpected(usable ? attempt_outcome::refused : attempt_outcome::lost_early);
}

// Keeps the answer until it is whole, so that its loss costs the client nothing; a large one is passed on as it comes.
task<inference_request::outcome> inference_request::relay_whole(http_connection& engine, http_response_head const& head,
                                                                run_request const& decision) {
  std::string kept;
  auto const status = static_cast<unsigned>(head.status);
  auto const content_type = head.header("content-type");
  for (;;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return lost(piece.error());
    if (piece->empty()) break;
    kept.append(piece->data(), piece->size());
    if (kept.size() <= max_kept_answer) continue;
    prepare_stream(status, content_type, &decision);
    delivered_ = true;
    core_.apply(attempt_first_byte{serial_, decision.number});
    if (!co_await write_to_client(kept, {}, position::middle)) co_return std::nullopt;
    co_return co_await relay_rest(engine);
  }
  delivered_ = committed_ = true;
  core_.apply(attempt_first_byte{serial_, decision.number});
  auto const headers = answer_headers(content_type, &decision);
  if (!co_await exchange_.respond(status, headers, kept)) co_return std::nullopt;
  co_return attempt_outcome::completed;
}

task<inference_request::outcome> inference_request::relay_rest(http_connection& engine) {
  for (bool done = false; !done;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return lost(piece.error());
    done = piece->empty() || engine.body_done();
    auto const where = done ? position::last : position::middle;
    if (!co_await write_to_client({piece->data(), piece->size()}, {}, where)) co_return std::nullopt;
  }
  co_return attempt_outcome::completed;
}

task<inference_request::outcome>
inference_request::relay_stream(http_connection& engine, http_response_head const& head, run_request const& decision) {
  event_boundary events;
  for (bool done = false; !done;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return lost(piece.error());
    done = piece->empty() || engine.body_done();
    std::string_view const bytes{piece->data(), piece->size()};
    auto const whole = done || is_loose(canary::half_event_passed_on) ? events.finish(bytes) : events.feed(bytes);
    if (whole.empty() && !done) continue;
    if (!committed_) prepare_stream(static_cast<unsigned>(head.status), event_stream, &decision);
    if (!delivered_) core_.apply(attempt_first_byte{serial_, decision.number});
    delivered_ = true;
    auto const where = done ? position::last : position::middle;
    if (!co_await write_to_client(whole.kept, whole.fresh, where)) co_return std::nullopt;
    kept_.delivered(whole.kept);
    kept_.delivered(whole.fresh);
  }
  co_return attempt_outcome::completed;
}

// The head has left with a comment, so the engine's own error follows as an event.
task<inference_request::outcome> inference_request::relay_error_into_stream(http_connection& engine,
                                                                            http_response_head const& head) {
  auto const answer = co_await engine.read_body(max_kept_answer);
  if (!answer) co_return lost(answer.error());
  delivered_ = true;
  auto const frame = error_frame(engine_said(head.status, *answer), dialect_of(exchange_.head().path));
  if (!co_await write_to_client(frame, {}, position::last)) co_return std::nullopt;
  co_return attempt_outcome::completed;
}

// --- a stream that lost its engine ---

// Why no other engine can go on with what the client has.
std::optional<resume_refusal> inference_request::why_not_resumable() {
  if (refused_) return refused_;
  auto const kept = kept_.read();
  if (!kept) return kept.error();
  return std::nullopt;
}

// As the engine's own limit would begin anew, what is left of the model's is asked for.
model_limits inference_request::limits_of(run_request const& decision) const {
  model_limits out;
  auto const& model = core_.core().desired().applicable(decision.slot->agent).model;
  if (model && model->parameters.max_tokens) out.max_tokens = static_cast<std::uint64_t>(*model->parameters.max_tokens);
  return out;
}

// The steps of wire/resume_request.hpp.
task<inference_request::outcome> inference_request::continue_stream(http_connection& engine,
                                                                    run_request const& decision) {
  auto const kept = kept_.read();
  if (!kept) co_return attempt_outcome::not_continued; // as it was asked before, and said so then
  auto const& so_far = kept->so_far;
  std::uint64_t made = 0;
  if (!so_far.text.empty() || !so_far.reasoning.empty()) {
    auto const counted = co_await count_tokens(engine, decision, count_answer(so_far));
    if (!counted) co_return counted.error();
    if (!is_loose(canary::continued_tokens_forgotten)) made = *counted;
  }
  auto const body = resumed_body(kept->request, so_far, made, limits_of(decision));
  if (!body) {
    refused_ = body.error();
    co_return attempt_outcome::not_continued;
  }
  if (!*body) co_return co_await close_stream(engine, decision, *kept, made);
  auto const head = co_await ask(engine, decision, exchange_.head().path, **body);
  if (!head) co_return head.error();
  if (is_event_stream(**head)) co_return co_await relay_continued(engine, decision, so_far, made);
  auto const answer = co_await engine.read_body(max_kept_answer);
  log_warn("request.not_continued", answer ? engine_said((*head)->status, *answer).message : answer.error().message,
           {{"request_id", id_}, {"agent", decision.slot->agent.value}});
  refused_ = resume_refusal::not_capable;
  co_return attempt_outcome::not_continued;
}

task<inference_request::outcome> inference_request::relay_continued(http_connection& engine,
                                                                    run_request const& decision,
                                                                    answer_so_far const& so_far, std::uint64_t made) {
  stream_splice splice(so_far, made);
  bool begun = false;
  for (bool done = false; !done;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return lost(piece.error());
    done = piece->empty() || engine.body_done();
    auto const events = splice.feed({piece->data(), piece->size()});
    if (!events) co_return attempt_outcome::engine_error;
    if (events->empty() && !done) continue;
    if (!begun) core_.apply(attempt_first_byte{serial_, decision.number});
    begun = true;
    auto const where = done ? position::last : position::middle;
    if (!co_await write_to_client(*events, {}, where)) co_return std::nullopt;
    if (!is_loose(canary::continued_text_forgotten)) kept_.delivered(*events);
  }
  co_return attempt_outcome::completed;
}

// Nothing of the answer remains to be made: what is missing of its end is said here.
task<inference_request::outcome> inference_request::close_stream(http_connection& engine, run_request const& decision,
                                                                 kept_stream::content const& kept, std::uint64_t made) {
  std::uint64_t prompt = 0;
  if (owes_usage(kept.request, kept.so_far)) {
    auto const counted = co_await count_tokens(engine, decision, count_prompt(kept.request));
    if (!counted) co_return counted.error();
    prompt = *counted;
  }
  core_.apply(attempt_first_byte{serial_, decision.number});
  auto const events = closing_events(kept.request, kept.so_far, prompt, made);
  if (!co_await write_to_client(events, {}, position::last)) co_return std::nullopt;
  co_return attempt_outcome::completed;
}

task<std::expected<std::uint64_t, attempt_outcome>>
inference_request::count_tokens(http_connection& engine, run_request const& decision, token_question question) {
  auto const head = co_await ask(engine, decision, question.path, question.body);
  if (!head) co_return std::unexpected(head.error());
  auto const answer = co_await engine.read_body(max_counted_answer);
  if (!answer) co_return std::unexpected(lost(answer.error()));
  if (auto const counted = counted_tokens(*answer)) co_return *counted;
  refused_ = resume_refusal::not_capable;
  co_return std::unexpected(attempt_outcome::not_continued);
}

// --- the end ---

task<> inference_request::tell_failure() {
  auto const reason = shutting_down_ ? request_failure::shutdown : failure_->reason;
  auto const& path = exchange_.head().path;
  auto const model = asked_.model.value_or("");
  log_info("request.failed", to_string(reason), {{"request_id", id_}, {"path", path}, {"model", model}});
  auto const names = core_.core().desired().served_names();
  auto wrong = error_of_failure(reason, model, names);
  if (reason == request_failure::agent_lost && failure_->not_resumed)
    wrong.message += "; another engine did not go on with it: " + std::string(describe(*failure_->not_resumed));
  if (committed_) {
    auto frame = error_frame(wrong, dialect_of(path));
    if (is_loose(canary::failure_not_told)) frame.clear();
    co_await write_to_client(frame, {}, position::last);
    co_return;
  }
  auto const wait = retry_seconds(failure_->retry_after);
  auto const headers = error_headers(wrong, wait);
  auto const body = error_body(wrong, dialect_of(path));
  co_await exchange_.respond(static_cast<unsigned>(wrong.status), headers, body);
}

// Two tasks write: the relay and the comments. Each waits for the other's write to end.
task<bool> inference_request::write_to_client(std::string_view first, std::string_view second, position where) {
  while (writing_)
    if (!co_await changed_.wait()) co_return false;
  writing_ = true;
  std::array<asio::const_buffer, 2> const pieces{asio::buffer(first), asio::buffer(second)};
  bool written = false;
  if (where == position::last)
    written = co_await exchange_.finish_stream(pieces);
  else
    written = co_await exchange_.write_chunk(pieces);
  writing_ = false;
  last_write_ = mono_now();
  co_return written;
}

// The head leaves with the first piece.
void inference_request::prepare_stream(unsigned status, std::string_view content_type, run_request const* decision) {
  committed_ = true;
  exchange_.prepare_stream(status, answer_headers(content_type, decision));
}

std::vector<header_view> inference_request::answer_headers(std::string_view content_type, run_request const* decision) {
  std::vector<header_view> out = {{"Content-Type", content_type.empty() ? "application/json" : content_type}};
  if (content_type.starts_with(event_stream)) {
    out.push_back({"Cache-Control", "no-cache"});
    out.push_back({"X-Accel-Buffering", "no"});
  }
  if (decision) {
    queue_milliseconds_ = std::to_string(decision->queue_milliseconds);
    out.push_back({"X-Paddler-Agent", decision->slot->agent.value});
    out.push_back({"X-Paddler-Queue-Ms", queue_milliseconds_});
  }
  return out;
}

attempt_outcome inference_request::lost(error const& cause) const {
  if (cause.code == error_code::timeout) return attempt_outcome::timeout;
  if (cause.code == error_code::protocol) return attempt_outcome::engine_error;
  return delivered_ ? attempt_outcome::lost_late : attempt_outcome::lost_early;
}

} // namespace paddler
