#include "sim/workload.hpp"

#include "core/engine/hash_chain.hpp"
#include "runtime/race.hpp"
#include "runtime/task_group.hpp"
#include "runtime/timer.hpp"
#include "sim/cluster.hpp"
#include "sim/http_call.hpp"
#include "wire/desired_codec.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr std::size_t natural_tokens = 1000;
constexpr std::size_t context_of_each = 4096; // tokens, of each slot

std::string chat_body(std::string const& text, std::size_t tokens) {
  json::object message{{"role", "user"}, {"content", text}};
  return json::serialize(
      json::object{{"model", "sim"}, {"messages", json::array{message}}, {"max_tokens", tokens}, {"stream", true}});
}

std::string chain_of(std::string const& text, std::size_t tokens) {
  std::vector<chat_message> const messages = {{"user", text}};
  return expected_answer("sim", canonical_prompt(messages), tokens, natural_tokens).text;
}

// What a stream's events say, together.
struct stream_reader {
  std::string buffer;
  std::string text;
  std::string events; // as they came, without comments
  bool done = false;
  bool error = false;
  bool finished = false;
  bool garbled = false; // an event that is no JSON

  void take(std::string_view bytes) {
    buffer += bytes;
    for (auto end = buffer.find("\n\n"); end != std::string::npos; end = buffer.find("\n\n")) {
      event(std::string_view(buffer).substr(0, end));
      buffer.erase(0, end + 2);
    }
  }

  void event(std::string_view block) {
    if (!block.starts_with("data:")) return;
    events.append(block).append("\n\n");
    auto const data = block.substr(block.find_first_not_of(' ', 5));
    if (data == "[DONE]") {
      done = true;
      return;
    }
    boost::system::error_code ec;
    auto const value = json::parse(data, ec);
    garbled |= ec || !value.is_object();
    if (garbled) return;
    if (value.as_object().contains("error")) error = true;
    if (auto const* content = value.find_pointer("/choices/0/delta/content", ec);
        content != nullptr && content->is_string())
      text += content->as_string();
    if (auto const* reason = value.find_pointer("/choices/0/finish_reason", ec);
        reason != nullptr && reason->is_string())
      finished = true;
  }
};

revision revision_in(std::string const& body) {
  boost::system::error_code ec;
  auto const value = json::parse(body, ec);
  auto const* number = ec ? nullptr : value.find_pointer("/revision", ec);
  return {number != nullptr ? number->to_number<std::uint64_t>(ec) : 0};
}

// The number under which the ledger keeps the document: the seed that it names.
std::size_t number_of_document(desired_document const& document) {
  for (auto const& model : document.models)
    if (model.parameters && model.parameters->seed) return static_cast<std::size_t>(*model.parameters->seed);
  return 0;
}

} // namespace

duration pause_of(simulator& sim, duration mean) {
  double const drawn = -std::log(1.0 - sim.chance().unit());
  return duration(static_cast<duration::rep>(static_cast<double>(mean.count()) * std::min(drawn, 5.0)));
}

// --- clients ---

task<> client_life::run() {
  std::uint64_t number = 0;
  while (!ending()) {
    auto const pause = pause_of(sim_, what_.client_pause);
    if (co_await with_deadline(pause, changed().wait())) continue;
    auto const text = where().name() + " asks " + std::to_string(++number);
    auto const tokens = 1 + sim_.chance().below(16);
    if (what_.repeated > 0 && sim_.likely(what_.repeated))
      co_await ask_again_and_again(text, tokens);
    else
      co_await ask(text, tokens, nullptr);
  }
}

// At once or one after the other, with one Idempotency-Key (REQ-10). Within the life of one balancer all whole answers
// are the same one.
task<> client_life::ask_again_and_again(std::string text, std::size_t tokens) {
  auto const balancers = [this] {
    auto const at = sim_.log_counts().find("balancer.listening");
    return at == sim_.log_counts().end() ? 0 : at->second;
  };
  auto const before = balancers();
  repeated_request same{.key = text, .answers = {}};
  task_group all(where().executor(), "the same again");
  for (std::size_t times = 2 + sim_.chance().below(2); times > 0; --times) {
    all.spawn("one of them", ask(text, tokens, &same));
    if (sim_.likely(0.5)) co_await sleep_for(sim_.between(1ms, 3s));
  }
  co_await all.join();
  if (same.answers.size() > 1) sim_.count("client.same_again");
  if (same.answers.size() > 1 && before == balancers() &&
      !std::ranges::all_of(same.answers, [&](auto const& each) { return each == same.answers.front(); }))
    book_.violation("REQ-10: " + text + " was answered twice: " + same.answers.front() + " and " + same.answers.back());
}

// Two engines that are killed under one request look like a request that kills engines.
bool client_life::may_look_like_poison(int status) const {
  return status == 422 && what_.faults.contains("kill_engine");
}

task<> client_life::ask(std::string text, std::size_t tokens, repeated_request* repeated) {
  ++book_.asked;
  stream_reader reader;
  asked question;
  question.method = "POST";
  question.target = "/v1/chat/completions";
  question.body = chat_body(text, tokens);
  question.on_piece = [&reader](std::string_view bytes) { reader.take(bytes); };
  if (repeated != nullptr) question.idempotency_key = repeated->key;
  auto const answer = co_await call(std::move(question));
  if (killed()) co_return;
  auto const expected = chain_of(text, tokens);
  if (!expected.starts_with(reader.text))
    book_.violation("P7: " + text + " got foreign tokens: \"" + reader.text + "\" instead of \"" + expected + "\"");
  if (reader.garbled) book_.violation("P7: " + text + " got an event that is no JSON");
  bool const claims_end = reader.done && reader.finished && !reader.error;
  if (answer.status == 0) {
    ++book_.cut_off;
  } else if (answer.status != 200) {
    ++book_.refused;
    if (answer.status != 429 && answer.status != 503 && answer.status != 504 && answer.status != 404 &&
        answer.status != 408 && answer.status != 502 && answer.status != 500 && !may_look_like_poison(answer.status))
      book_.violation("a good request was answered " + std::to_string(answer.status) + ": " + reader.buffer);
    sim_.count("client.status_" + std::to_string(answer.status));
  } else if (claims_end) {
    ++book_.answered;
    if (repeated != nullptr) repeated->answers.push_back(reader.events);
    if (reader.text != expected)
      book_.violation("P7: " + text + " ended early without a word: \"" + reader.text + "\" of \"" + expected + "\"");
  } else if (reader.error) {
    ++book_.told_error;
    sim_.count("client.error_event");
  } else {
    if (answer.whole) book_.violation("P7: " + text + " got a complete body without an end or an error event");
    ++book_.cut_off;
    sim_.count("client.cut_off");
  }
}

// --- those who make trouble ---

task<> troublemaker_life::run() {
  std::uint64_t number = 0;
  while (!ending()) {
    if (co_await with_deadline(pause_of(sim_, what_.trouble_pause), changed().wait())) continue;
    if (book_.poisons < what_.poisons && sim_.likely(0.05))
      co_await ask_for_death();
    else
      co_await ask_too_much(++number);
  }
}

task<int> troublemaker_life::ask(std::string text) {
  asked question;
  question.method = "POST";
  question.target = "/v1/chat/completions";
  question.body = chat_body(text, 4);
  stream_reader reader;
  question.on_piece = [&reader](std::string_view bytes) { reader.take(bytes); };
  auto const answer = co_await call(std::move(question));
  // It has waited so long that a comment left, and so its error came as an event.
  bool const told_later = answer.status == 200 && reader.error && reader.text.empty();
  co_return told_later ? 504 : answer.status;
}

// Of more tokens than any engine's context. An engine that is broken says 500 to it, as to everything.
task<> troublemaker_life::ask_too_much(std::uint64_t number) {
  auto text = std::to_string(number);
  for (std::size_t i = 0; i < context_of_each; ++i) text += " word";
  auto const status = co_await ask(std::move(text));
  if (killed()) co_return;
  sim_.count("trouble.too_long_" + std::to_string(status));
  if (status == 200 || status == 422)
    book_.violation("a prompt that is too long was answered " + std::to_string(status));
}

task<> troublemaker_life::ask_for_death() {
  auto const status = co_await ask("poison " + std::to_string(++book_.poisons) + " [[crash always]]");
  if (!killed()) sim_.count("trouble.poison_" + std::to_string(status));
}

// --- operators ---

std::size_t ledger::called(register_operation::kind what, std::uint64_t value, std::optional<revision> wanted) {
  register_operation each{.what = what, .value = value, .wanted = {}, .revision = {}};
  if (wanted) each.wanted = wanted->value;
  history.push_back({++moments, never_returned, each});
  return history.size() - 1;
}

void ledger::returned(std::size_t which, register_operation::kind what, revision at, std::uint64_t value) {
  history[which].returned = ++moments;
  history[which].what.what = what;
  history[which].what.revision = at.value;
  history[which].what.value = value;
}

namespace {

std::string describe_operation(timed_operation<register_operation> const& each) {
  static constexpr std::array<char const*, 3> names = {"read", "write", "refused write"};
  auto out = std::string(names.at(static_cast<std::size_t>(each.what.what))) + " of " + std::to_string(each.what.value);
  if (each.what.wanted) out += " if at " + std::to_string(*each.what.wanted);
  if (each.what.revision) out += ", revision " + std::to_string(*each.what.revision);
  return out + " [" + std::to_string(each.called) + ", " + std::to_string(each.returned) + "]";
}

template <class Model> std::string verdict_of(std::vector<timed_operation<register_operation>> const& history) {
  auto const verdict = check_linearizable<Model>(history);
  if (verdict.outcome == linearizability::holds) return {};
  if (verdict.outcome == linearizability::too_hard) return "the history is too hard to judge";
  return "nothing explains the " + describe_operation(history[verdict.cannot_follow.value_or(0)]) + "; " +
         std::to_string(verdict.longest_order.size()) + " of " + std::to_string(history.size()) +
         " operations go together";
}

} // namespace

std::string judge_history(ledger const& book, bool shared) {
  auto answered = book.history; // a read without an answer says nothing, nor does what never left
  std::erase_if(answered, [](auto const& each) {
    bool const is_write = each.what.what == register_operation::kind::write;
    return each.returned == never_returned && !is_write;
  });
  return shared ? verdict_of<versioned_register<true>>(answered) : verdict_of<versioned_register<false>>(answered);
}

task<> operator_life::run() {
  co_await put(std::nullopt);
  while (!ending()) {
    auto const pause = pause_of(sim_, what_.operator_pause);
    if (co_await with_deadline(pause, changed().wait())) continue;
    co_await act();
  }
}

task<> operator_life::act() {
  if (what_.racing_operators) co_return co_await race();
  auto const dice = sim_.chance().below(10);
  if (dice < 4) {
    co_await put(std::nullopt);
    co_return;
  }
  auto const at = co_await read();
  if (!at || dice < 7) co_return;
  // Another operator may come in between.
  if (sim_.likely(0.3) && !ending()) co_await with_deadline(pause_of(sim_, what_.operator_pause), changed().wait());
  co_await put(at);
}

// Unique by the seed that it names; not every agent is always wanted. Each swaps the strategy of routing.
std::size_t operator_life::draw_document() {
  auto document = "agents:\n" + std::string();
  bool any = false;
  for (std::size_t i = 0; i < what_.agents; ++i) {
    if (sim_.likely(0.1)) continue;
    any = true;
    document += "  - id: a" + std::to_string(i) + "\n    desired_model: {source: local, path: /models/m" +
                std::to_string(sim_.chance().below(2)) +
                ".gguf}\n    slots: " + std::to_string(1 + sim_.chance().below(4)) +
                "\n    max_context_length: " + std::to_string(context_of_each) + "\n";
    if (what_.drained > 0 && sim_.likely(what_.drained))
      document += "    drain: true\n    drain_seconds: " + std::to_string(sim_.chance().below(4)) + "\n";
  }
  if (!any) document = "agents: []\n";
  auto const number = book_.documents.size();
  document += "models:\n  - id: sim\n    parameters: {seed: " + std::to_string(number) + "}\n";
  static constexpr std::array strategies{"prefix", "least_loaded", "session", "round_robin"};
  document += "policies: {routing: {strategy: " + std::string(strategies.at(number % strategies.size())) + "}}\n";
  book_.documents.push_back(std::move(document));
  return number;
}

task<std::optional<revision>> operator_life::read() {
  auto const which = book_.called(register_operation::kind::read, 0, {});
  auto const before = book_.newest_seen;
  asked question;
  question.place = management_place;
  question.target = "/management/v1/desired?source=api";
  auto const answer = co_await call(std::move(question));
  if (killed() || answer.status != 200 || !answer.whole) co_return std::nullopt;
  auto const said = parse_desired(answer.body, document_format::json);
  auto const number = said ? number_of_document(*said) : 0;
  auto written = parse_desired(book_.documents.at(number), document_format::yaml);
  if (written) std::ranges::sort(written->agents, {}, [](agent_spec const& each) { return each.id.value; });
  if (!said || (number > 0 && (!written || *written != *said)))
    book_.violation("P3: what was read is no document that was written: " + answer.body);
  if (answer.etag < before)
    book_.violation("P3: revision " + std::to_string(answer.etag.value) + " was read after " +
                    std::to_string(before.value) + " had been seen");
  book_.newest_seen = std::max(book_.newest_seen, answer.etag);
  book_.returned(which, register_operation::kind::read, answer.etag, number);
  sim_.count("operator.read");
  co_return answer.etag;
}

task<int> operator_life::put(std::optional<revision> if_match) {
  auto const before = book_.newest_seen;
  auto const number = draw_document();
  auto const which = book_.called(register_operation::kind::write, number, if_match);
  asked question;
  question.place = management_place;
  question.method = "PUT";
  question.target = "/management/v1/desired";
  question.body = book_.documents.at(number);
  question.type = "application/yaml";
  question.if_match = if_match;
  auto const answer = co_await call(std::move(question));
  if (killed()) co_return 0;
  if (answer.status == 200 && answer.whole) {
    auto const given = revision_in(answer.body);
    if (given < before)
      book_.violation("P3: a write was given revision " + std::to_string(given.value) + " after " +
                      std::to_string(before.value) + " had been seen");
    book_.newest_seen = std::max(book_.newest_seen, given);
    book_.returned(which, register_operation::kind::write, given, number);
    book_.acknowledged[given] = book_.documents.at(number);
    ++book_.writes_acknowledged;
    if (if_match) sim_.count("operator.conditional_write");
  } else if (answer.status == 412 && if_match) {
    book_.returned(which, register_operation::kind::refused, {}, number);
    ++book_.writes_refused;
    sim_.count("operator.write_refused");
  } else if (!answer.sent || answer.status == 507 || answer.status == 408) {
    // Never begun, or refused for a full disk or a head that came too slowly: it changed nothing, and must not be seen.
    book_.history[which].what.what = register_operation::kind::refused;
    sim_.count(answer.sent ? "operator.status_" + std::to_string(answer.status) : "operator.not_sent");
  } else if (answer.status >= 400 && answer.status < 500) {
    book_.violation("a good document was answered " + std::to_string(answer.status) + ": " + answer.body);
  } else {
    ++book_.writes_unknown;
    sim_.count("operator.unknown_outcome");
  }
  co_return answer.status;
}

task<> operator_life::race_with(revision at, int& status) { status = co_await put(at); }

// Only one of two may win (LIN-09). Without an answer nobody can say.
task<> operator_life::race() {
  auto const at = co_await read();
  if (!at) co_return;
  std::array<int, 2> statuses{};
  task_group both(where().executor(), "two operators");
  for (auto& status : statuses) both.spawn("one of two", race_with(*at, status));
  co_await both.join();
  auto const won = std::ranges::count(statuses, 200);
  if (won > 1) book_.violation("LIN-09: two changes of revision " + std::to_string(at->value) + " were both taken");
  if (std::ranges::count(statuses, 412) == 2)
    book_.violation("LIN-09: two changes of revision " + std::to_string(at->value) + " were both refused");
  if (won == 1 && std::ranges::count(statuses, 412) == 1) ++book_.pairs_raced;
}

} // namespace paddler_sim
