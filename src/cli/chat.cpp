#include "cli/chat.hpp"

#include "cli/api_client.hpp"
#include "cli/chat_stream.hpp"
#include "net/sse.hpp"
#include "runtime/clock.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"
#include "wire/json_codec.hpp"

#include <array>
#include <cmath>
#include <istream>
#include <ostream>

namespace paddler {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_message_bytes = std::size_t{8} << 20;
// An answer may take as long as it likes: the person is there to stop it.
constexpr http_limits patient_limits{.head_timeout = duration::zero(), .body_silence = duration::zero()};

// One answer on its way to the terminal.
struct printed_answer {
  console& terminal;
  mono_time asked;
  std::optional<mono_time> first_word = {};
  chat_stream stream = {};
  std::string text = {};
  std::string agent = {};
  bool said_waiting = false;
  bool thinking = false;

  void print(chat_piece const& piece);
  void print_waiting();
  void print_summary(std::string const& model) const;
};

void printed_answer::print(chat_piece const& piece) {
  if (!piece.reasoning.empty() && terminal.err_is_terminal) {
    terminal.err << terminal.on_err(text_style::dim, piece.reasoning) << std::flush;
    thinking = true;
  }
  if (piece.content.empty()) return;
  if (std::exchange(thinking, false)) terminal.err << "\n\n" << std::flush;
  if (!first_word) first_word = mono_now();
  text += piece.content;
  terminal.out << piece.content << std::flush;
}

void printed_answer::print_waiting() {
  if (std::exchange(said_waiting, true) || !terminal.err_is_terminal) return;
  terminal.err << terminal.on_err(text_style::dim, "(all slots are busy; waiting for one)") << "\n" << std::flush;
}

void printed_answer::print_summary(std::string const& model) const {
  if (!terminal.err_is_terminal || !first_word) return;
  auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(*first_word - asked).count();
  auto line = "(" + model + ", first word after " + std::to_string(milliseconds) + " ms";
  double const seconds = std::chrono::duration<double>(mono_now() - *first_word).count();
  auto const tokens = stream.completion_tokens();
  if (tokens && *tokens > 1 && seconds > 0) {
    auto const rate = std::llround(static_cast<double>(*tokens - 1) / seconds);
    line += ", " + std::to_string(*tokens) + " tokens, " + std::to_string(rate) + " tok/s";
  }
  if (!agent.empty()) line += ", agent " + agent;
  if (stream.finish_reason() == "length") line += "; cut off at the limit of tokens";
  terminal.err << terminal.on_err(text_style::dim, line + ")") << "\n" << std::flush;
}

task<result<void>> read_events(http_connection& connection, printed_answer& answer) {
  sse_splitter splitter;
  result<void> outcome;
  auto const take = [&](sse_event const& event) {
    if (!outcome) return;
    auto const piece = answer.stream.take(event.data);
    if (piece) {
      answer.print(*piece);
    } else {
      outcome = std::unexpected(piece.error());
    }
  };
  for (;;) {
    auto const bytes = co_await connection.read_body_some();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) break;
    std::string_view const piece(bytes->data(), bytes->size());
    if (piece.starts_with(':') && !answer.first_word) answer.print_waiting();
    if (auto const fed = splitter.feed(piece, take); !fed) co_return fed;
    if (!outcome) co_return outcome;
  }
  if (!answer.stream.complete()) co_return fail(error_code::closed, "the answer broke off before its end");
  co_return outcome;
}

task<result<void>> ask(api_server server, std::string body, printed_answer& answer) {
  auto const connection = co_await connect_api(server, patient_limits);
  if (!connection) co_return std::unexpected(connection.error());
  api_request request{.method = "POST",
                      .target = "/v1/chat/completions",
                      .headers = {{"Content-Type", "application/json"}},
                      .body = std::move(body)};
  auto const head = co_await send_api_request(**connection, std::move(request));
  if (!head) co_return std::unexpected(head.error());
  answer.agent = std::string((*head)->header("X-Paddler-Agent"));
  if (is_success((*head)->status)) co_return co_await read_events(**connection, answer);
  api_answer refusal{.status = (*head)->status};
  if (auto text = co_await (*connection)->read_body(max_api_answer_bytes)) refusal.body = std::move(*text);
  co_return std::unexpected(error_of(refusal));
}

task<> wait_for_stop_signal(event_loop& loop) { co_await loop.next_stop_signal(); }

// `cancelled` when the person stopped it with Ctrl-C. The loop lives for one answer only: at the prompt, Ctrl-C has its
// usual meaning.
result<void> blocking_ask(api_server server, std::string body, printed_answer& answer) {
  event_loop loop;
  auto outcome =
      loop.run_until_done(unless(ask(std::move(server), std::move(body), answer), wait_for_stop_signal(loop)));
  return outcome.value_or(fail(error_code::cancelled, "stopped"));
}

// The model that a person means who names none: the only one there is.
result<std::string> only_model(api_server const& server) {
  auto const answer = blocking_call_api(server, {.target = "/v1/models"});
  if (!answer) return std::unexpected(answer.error());
  auto const list = parse_json(answer->body);
  auto const* const data = list ? item_of(*list, "data") : nullptr;
  if (data == nullptr)
    return fail(error_code::protocol, "the server's list of models makes no sense: " + clipped(answer->body));
  if (data->items.size() == 1) return text_of(item_of(data->items.front(), "id"));
  if (data->items.empty()) {
    return fail(error_code::not_found, "no model is served yet", "See which agents there are: paddler get agents");
  }
  std::string names;
  for (auto const& model : data->items) names += "\n  " + text_of(item_of(model, "id"));
  return fail(error_code::invalid_input, "several models are served:" + names, "Choose one: paddler chat --model NAME");
}

class conversation {
public:
  conversation(chat_command const& wanted, std::string model, console& terminal)
      : server_(inference_server(wanted.inference)), model_(std::move(model)), terminal_(terminal) {
    if (!wanted.system.empty()) turns_.push_back({"system", wanted.system});
  }

  // Says `message` and prints the answer, which becomes part of the conversation.
  result<void> say(std::string message) {
    turns_.push_back({"user", std::move(message)});
    printed_answer answer{.terminal = terminal_, .asked = mono_now()};
    auto const outcome = blocking_ask(server_, chat_request_body(model_, turns_), answer);
    if (!answer.text.empty() && !answer.text.ends_with('\n')) terminal_.out << "\n" << std::flush;
    if (outcome) answer.print_summary(model_);
    if (answer.text.empty()) {
      turns_.pop_back(); // as if it had not been said
    } else {
      turns_.push_back({"assistant", answer.text});
    }
    return outcome;
  }

private:
  api_server server_;
  std::string model_;
  console& terminal_;
  std::vector<chat_turn> turns_;
};

exit_code failed(error const& why, console& terminal) {
  if (why.code == error_code::cancelled) return exit_code::interrupted; // as the person wished
  terminal.print_error(why);
  return why.code == error_code::invalid_input ? exit_code::usage : exit_code_for(why.code);
}

result<std::string> read_message(console& terminal) {
  std::string text(std::istreambuf_iterator<char>(terminal.in), {});
  while (text.ends_with('\n')) text.pop_back();
  if (text.empty())
    return fail(error_code::invalid_input, "there is nothing to say: standard input is empty",
                "As in: paddler chat \"hello\"");
  if (text.size() > max_message_bytes)
    return fail(error_code::too_large, "the message is longer than " + std::to_string(max_message_bytes) + " bytes");
  return text;
}

exit_code keep_talking(conversation& with, console& terminal) {
  std::string line;
  for (;;) {
    terminal.err << terminal.on_err(text_style::bold, "> ") << std::flush;
    if (!std::getline(terminal.in, line) || line.empty()) return exit_code::success;
    auto const said = with.say(line);
    if (said || said.error().code == error_code::cancelled) continue;
    terminal.print_error(said.error());
    if (said.error().code == error_code::unavailable) return exit_code::unreachable;
  }
}

} // namespace

exit_code run_chat(chat_command const& wanted, console& terminal) {
  auto model =
      wanted.model.empty() ? only_model(inference_server(wanted.inference)) : result<std::string>(wanted.model);
  if (!model) return failed(model.error(), terminal);
  conversation with(wanted, *model, terminal);
  if (wanted.message.empty() && terminal.in_is_terminal) return keep_talking(with, terminal);
  auto message = wanted.message.empty() ? read_message(terminal) : result<std::string>(wanted.message);
  if (!message) return failed(message.error(), terminal);
  auto const said = with.say(std::move(*message));
  return said ? exit_code::success : failed(said.error(), terminal);
}

} // namespace paddler
