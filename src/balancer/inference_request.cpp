#include "balancer/inference_request.hpp"

#include "base/canary.hpp"
#include "model/words.hpp"
#include "runtime/log.hpp"
#include "wire/event_boundary.hpp"
#include "wire/event_text.hpp"
#include "wire/inference_error.hpp"
#include "wire/stream_splice.hpp"

#include <functional>

namespace paddler {
namespace {

// An answer that is not a stream is kept until it is whole, up to this size: it can then still be tried elsewhere.
constexpr std::size_t max_kept_answer = std::size_t{1} << 20;
constexpr std::size_t max_counted_answer = std::size_t{8} << 20; // a list of the tokens of an answer or a prompt

} // namespace

inference_request::inference_request(http_exchange& exchange, answer_writer& writer, core_service& core,
                                     slot_registry& slots, stream_memory& memory, request_serial serial,
                                     std::string body, probed_request asked)
    : exchange_(exchange),
      writer_(writer),
      core_(core),
      slots_(slots),
      serial_(serial),
      id_(exchange.request_id()),
      body_(std::move(body)),
      asked_(std::move(asked)),
      kept_(memory, exchange.head().path, body_, asked_),
      changed_(exchange.connection().executor()) {}

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
  bool const told = co_await exchange_.run_unless_client_leaves(drive());
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

// Its agent is to become empty. The relay notices by its failing read; the core then has it go on elsewhere. An attempt
// that is over by now says so by itself.
void inference_request::on_interrupt(interrupt_attempt const& decision) {
  if (delivered_ && why_not_resumable()) return core_.apply(attempt_stays{serial_, decision.number});
  if (decision_ && decision_->number == decision.number) return give_up_before_it_began();
  if (borrowed_ && attempt_ == decision.number) slots_.interrupt(*borrowed_);
}

void inference_request::give_up_before_it_began() {
  auto const decision = *std::exchange(decision_, std::nullopt);
  slots_.give_back(decision.slot->serial, false);
  core_.apply(attempt_ended{serial_, decision.number, attempt_outcome::lost_early});
}

void inference_request::abort_for_shutdown() {
  shutting_down_ = true;
  // The relay notices by its failing read, and the core ends the request.
  if (borrowed_) slots_.interrupt(*borrowed_);
}

void inference_request::give_up_for_memory() {
  given_up_ = true;
  core_.apply(request_left{serial_, request_failure::short_of_memory});
  if (borrowed_) slots_.interrupt(*borrowed_);
  on_fail({.serial = serial_, .reason = request_failure::short_of_memory, .not_resumed = {}, .retry_after = {}});
}

task<> inference_request::drive() {
  auto const cancellation = co_await asio::this_coro::cancellation_state;
  while (co_await next_decision()) {
    if (failure_) co_return co_await tell_failure();
    auto const decision = *std::exchange(decision_, std::nullopt);
    auto const ended = co_await try_on(decision);
    // A cancelled task broke the attempt off itself, because the client is gone: that says nothing about the engine.
    // One that went when it had its whole answer was served.
    if (is_cancelled(cancellation) && !told_all_) co_return;
    // Without an outcome the client could not be written to.
    client_lost_ = !ended;
    if (client_lost_ && exchange_.client_was_slow())
      core_.apply(attempt_ended{serial_, decision.number, attempt_outcome::slow_client});
    if (client_lost_) co_return;
    std::optional<resume_refusal> refusal;
    if (*ended == attempt_outcome::lost_late || *ended == attempt_outcome::not_continued) refusal = why_not_resumable();
    core_.apply(attempt_ended{serial_, decision.number, *ended, refusal, status_});
    answered_ = status_ < 500 && (*ended == attempt_outcome::completed || *ended == attempt_outcome::completed_last);
    if (*ended == attempt_outcome::completed || *ended == attempt_outcome::completed_last) co_return;
  }
}

task<bool> inference_request::next_decision() {
  while (!decision_ && !failure_)
    if (!co_await changed_.wait()) co_return false;
  co_return true;
}

task<inference_request::outcome> inference_request::try_on(run_request const& decision) {
  auto* engine = slots_.borrow(decision.slot->serial, serial_);
  if (!engine) co_return attempt_outcome::lost_early;
  borrowed_ = decision.slot->serial;
  attempt_ = decision.number;
  auto ended = co_await relay(*engine, decision);
  borrowed_.reset();
  // Whoever left may have broken off a read, also one behind the end of the answer.
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
  if (is_event_stream((*head)->header("content-type"))) co_return co_await relay_stream(engine, **head, decision);
  if (writer_.committed()) co_return co_await relay_error_into_stream(engine, **head);
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
    writer_.prepare_stream(status, content_type, headers_about(decision));
    delivered_ = true;
    core_.apply(attempt_first_byte{serial_, decision.number});
    if (!co_await writer_.write(kept, {}, answer_writer::position::middle)) co_return std::nullopt;
    co_return co_await relay_rest(engine);
  }
  delivered_ = true;
  core_.apply(attempt_first_byte{serial_, decision.number});
  auto const about = headers_about(decision);
  told_all_ = co_await writer_.respond(status, content_type, kept, about);
  if (!told_all_) co_return std::nullopt;
  co_return attempt_outcome::completed;
}

task<inference_request::outcome> inference_request::relay_rest(http_connection& engine) {
  for (bool done = false; !done;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return lost(piece.error());
    done = piece->empty() || engine.body_done();
    auto const where = done ? answer_writer::position::last : answer_writer::position::middle;
    if (!co_await writer_.write({piece->data(), piece->size()}, {}, where)) co_return std::nullopt;
  }
  told_all_ = true;
  co_return attempt_outcome::completed;
}

task<inference_request::outcome>
inference_request::relay_stream(http_connection& engine, http_response_head const& head, run_request const& decision) {
  event_boundary events;
  auto const dialect = dialect_of(exchange_.head().path);
  for (bool done = false; !done;) {
    auto const piece = co_await engine.read_body_some();
    if (!piece) co_return co_await broken_off(piece.error());
    done = piece->empty() || engine.body_done();
    std::string_view const bytes{piece->data(), piece->size()};
    auto whole = events.feed(bytes);
    if (is_loose(canary::half_event_passed_on)) whole = {.kept = {}, .fresh = bytes};
    bool const last = ends_stream(events.newest_event(), dialect);
    bool const ended = done && last;
    if (whole.empty() && !ended) continue;
    if (!writer_.committed())
      writer_.prepare_stream(static_cast<unsigned>(head.status), head.header("content-type"), headers_about(decision));
    if (!delivered_) core_.apply(attempt_first_byte{serial_, decision.number});
    delivered_ = true;
    auto const where = ended ? answer_writer::position::last : answer_writer::position::middle;
    if (!co_await writer_.write(whole.kept, whole.fresh, where)) co_return std::nullopt;
    kept_.delivered(whole.kept);
    kept_.delivered(whole.fresh);
    told_all_ = last; // clients leave then, before the body has its end
    if (ended) co_return attempt_outcome::completed;
  }
  co_return ended_early(decision);
}

// The head has left with a comment, so the engine's own error follows as an event.
task<inference_request::outcome> inference_request::relay_error_into_stream(http_connection& engine,
                                                                            http_response_head const& head) {
  auto const answer = co_await engine.read_body(max_kept_answer);
  if (!answer) co_return lost(answer.error());
  delivered_ = true;
  told_all_ = co_await writer_.tell(error_of_engine(head.status, *answer));
  if (!told_all_) co_return std::nullopt;
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
  if (is_event_stream((*head)->header("content-type")))
    co_return co_await relay_continued(engine, decision, so_far, made);
  auto const answer = co_await engine.read_body(max_kept_answer);
  log_warn("request.not_continued", answer ? error_of_engine((*head)->status, *answer).message : answer.error().message,
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
    if (!piece) co_return co_await broken_off(piece.error());
    done = piece->empty() || engine.body_done();
    auto const events = splice.feed({piece->data(), piece->size()});
    if (!events) co_return attempt_outcome::engine_error;
    bool const ended = done && splice.ended();
    if (events->empty() && !ended) continue;
    if (!begun) core_.apply(attempt_first_byte{serial_, decision.number});
    begun = true;
    auto const where = ended ? answer_writer::position::last : answer_writer::position::middle;
    if (!co_await writer_.write(*events, {}, where)) co_return std::nullopt;
    if (!is_loose(canary::continued_text_forgotten)) kept_.delivered(*events);
    told_all_ = splice.ended();
    if (ended) co_return attempt_outcome::completed;
  }
  co_return ended_early(decision);
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
  told_all_ = co_await writer_.write(events, {}, answer_writer::position::last);
  if (!told_all_) co_return std::nullopt;
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
  auto const model = asked_.model.value_or("");
  log_info("request.failed", to_string(reason),
           {{"request_id", id_}, {"path", exchange_.head().path}, {"model", model}});
  auto const names = core_.core().desired().served_names();
  auto wrong = error_of_failure(reason, model, names);
  if (reason == request_failure::agent_lost && failure_->not_resumed)
    wrong.message += "; another engine did not go on with it: " + std::string(describe(*failure_->not_resumed));
  co_await writer_.tell(wrong, failure_->retry_after);
}

// What a client may want to know of where its answer comes from. Shown until the next call.
std::vector<header_view> inference_request::headers_about(run_request const& decision) {
  queue_milliseconds_ = std::to_string(decision.queue_milliseconds);
  return {{"X-Paddler-Agent", decision.slot->agent.value}, {"X-Paddler-Queue-Ms", queue_milliseconds_}};
}

// A stream whose body broke off. Where that was behind its last event, nothing is missing but the end of the body.
task<inference_request::outcome> inference_request::broken_off(error cause) {
  if (!told_all_) co_return lost(cause);
  co_await writer_.write({}, {}, answer_writer::position::last);
  co_return attempt_outcome::completed_last;
}

// A stream whose body is over, but which lacks the event that ends it.
attempt_outcome inference_request::ended_early(run_request const& decision) const {
  log_warn("request.ended_early", "the engine's stream ended without its last event",
           {{"request_id", id_}, {"agent", decision.slot->agent.value}});
  return delivered_ ? attempt_outcome::lost_late : attempt_outcome::lost_early;
}

attempt_outcome inference_request::lost(error const& cause) const {
  if (cause.code == error_code::timeout) return attempt_outcome::timeout;
  if (cause.code == error_code::protocol) return attempt_outcome::engine_error;
  return delivered_ ? attempt_outcome::lost_late : attempt_outcome::lost_early;
}

} // namespace paddler
