// One inference request, from the parsed body to its end.
#pragma once
#include "balancer/answer_writer.hpp"
#include "balancer/core_service.hpp"
#include "balancer/kept_stream.hpp"
#include "balancer/request_wishes.hpp"
#include "balancer/slot_registry.hpp"
#include "model/request.hpp"
#include "net/http_server.hpp"
#include "runtime/wakeup.hpp"
#include "wire/request_probe.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// Lives in the frame of its HTTP handler. The core decides, through `on_run` and `on_fail`; this carries out: waits,
// relays, and tells the client how it ended.
class inference_request {
public:
  inference_request(http_exchange& exchange, answer_writer& writer, core_service& core, slot_registry& slots,
                    stream_memory& memory, request_serial serial, std::string body, probed_request asked);

  // Runs the request to its end: announces it, waits for its slot, relays, tries again where the core says so.
  task<> run(request_wishes wishes);

  // Whether the client has a whole answer that another request could get as well.
  [[nodiscard]] bool answered() const { return answered_; }

  // The core's decisions about this request.
  void on_run(run_request const& decision);
  void on_fail(fail_request const& decision);
  void on_interrupt(interrupt_attempt const& decision);

  // The balancer stops now: the client is told, the slot is given up.
  void abort_for_shutdown();

  // What it keeps of what the client sent and got.
  [[nodiscard]] std::size_t held_bytes() const { return given_up_ ? 0 : body_.size() + kept_.bytes(); }

  // The same as for a shutdown, as memory is short.
  void give_up_for_memory();

private:
  task<> drive();
  void give_up_before_it_began();
  task<bool> next_decision();
  task<std::optional<attempt_outcome>> try_on(run_request const& decision);
  using outcome = std::optional<attempt_outcome>; // nothing: the client could not be written to

  task<outcome> relay(http_connection& engine, run_request const& decision);
  task<outcome> relay_answer(http_connection& engine, run_request const& decision);
  task<outcome> relay_whole(http_connection& engine, http_response_head const& head, run_request const& decision);
  task<outcome> relay_rest(http_connection& engine);
  task<outcome> relay_stream(http_connection& engine, http_response_head const& head, run_request const& decision);
  task<outcome> relay_error_into_stream(http_connection& engine, http_response_head const& head);

  task<outcome> continue_stream(http_connection& engine, run_request const& decision);
  task<outcome> relay_continued(http_connection& engine, run_request const& decision, answer_so_far const& so_far,
                                std::uint64_t made);
  task<outcome> close_stream(http_connection& engine, run_request const& decision, kept_stream::content const& kept,
                             std::uint64_t made);
  task<std::expected<std::uint64_t, attempt_outcome>> count_tokens(http_connection& engine, run_request const& decision,
                                                                   token_question question);
  task<std::expected<http_response_head const*, attempt_outcome>>
  ask(http_connection& engine, run_request const& decision, std::string_view path, std::string_view body);
  task<> tell_failure();
  std::vector<header_view> headers_about(run_request const& decision);
  task<outcome> broken_off(error cause);
  attempt_outcome ended_early(run_request const& decision) const;
  attempt_outcome lost(error const& cause) const;
  std::optional<resume_refusal> why_not_resumable();
  [[nodiscard]] model_limits limits_of(run_request const& decision) const;

  http_exchange& exchange_;
  answer_writer& writer_;
  core_service& core_;
  slot_registry& slots_;
  request_serial const serial_;
  std::string const& id_; // the client's or the exchange's own
  std::string const body_;
  probed_request asked_;
  kept_stream kept_;

  wakeup changed_;
  std::optional<run_request> decision_;
  std::optional<fail_request> failure_;
  std::optional<resume_refusal> refused_; // an attempt to go on with the stream that came to nothing
  std::optional<slot_serial> borrowed_;
  attempt attempt_; // the newest that began
  bool shutting_down_ = false;
  bool given_up_ = false;
  bool delivered_ = false; // bytes of the answer have left: no other attempt
  bool client_lost_ = false;
  unsigned status_ = 200; // of what the engine of this attempt answered last
  bool told_all_ = false; // the client has the end of its answer
  bool answered_ = false;
  std::string queue_milliseconds_; // a header's text while it is sent
};

} // namespace paddler
