// One inference request, from the parsed body to its end.
#pragma once
#include "balancer/core_service.hpp"
#include "balancer/slot_registry.hpp"
#include "model/request.hpp"
#include "net/http_server.hpp"
#include "runtime/wakeup.hpp"
#include "wire/inference_error.hpp"
#include "wire/request_probe.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// Headers of an answer that says what is wrong; the official clients read the retry ones.
std::vector<header_view> error_headers(inference_error const& wrong);

struct inference_limits {
  duration comment_interval; // a stream that has nothing to say gets an SSE comment this often
};

// Lives in the frame of its HTTP handler. The core decides, through `on_run` and `on_fail`; this carries out: waits,
// relays, and tells the client how it ended.
class inference_request {
public:
  inference_request(http_exchange& exchange, core_service& core, slot_registry& slots, inference_limits const& limits,
                    request_id id, std::string body, probed_request asked);

  // Runs the request to its end: announces it, waits for its slot, relays, tries again where the core says so.
  task<> run();

  // The core's decisions about this request.
  void on_run(run_request const& decision);
  void on_fail(request_failure reason);

  // The balancer stops now: the client is told, the slot is given up.
  void abort_for_shutdown();

private:
  task<> drive();
  task<> watch_client();
  task<bool> next_decision();
  task<std::optional<attempt_outcome>> try_on(run_request const& decision);
  task<std::optional<attempt_outcome>> relay(http_connection& engine, run_request const& decision);
  task<std::optional<attempt_outcome>> relay_whole(http_connection& engine, http_response_head const& head,
                                                   run_request const& decision);
  task<std::optional<attempt_outcome>> relay_rest(http_connection& engine);
  task<std::optional<attempt_outcome>> relay_stream(http_connection& engine, http_response_head const& head,
                                                    run_request const& decision);
  task<std::optional<attempt_outcome>> relay_error_into_stream(http_connection& engine, http_response_head const& head);
  task<> tell_failure();
  enum class position { middle, last };
  task<bool> write_to_client(std::string_view first, std::string_view second, position where);
  void prepare_stream(unsigned status, std::string_view content_type, run_request const* decision);
  std::vector<header_view> answer_headers(std::string_view content_type, run_request const* decision);
  attempt_outcome lost(error const& cause) const;

  http_exchange& exchange_;
  core_service& core_;
  slot_registry& slots_;
  inference_limits const limits_;
  request_id const id_;
  std::string const body_;
  probed_request const asked_;

  wakeup changed_;
  std::optional<run_request> decision_;
  std::optional<request_failure> failure_;
  std::optional<slot_serial> borrowed_;
  bool shutting_down_ = false;
  bool committed_ = false; // the head of the answer has left: errors go into the stream
  bool delivered_ = false; // bytes of the answer have left: no other attempt
  bool client_lost_ = false;
  bool writing_ = false;
  std::string queue_milliseconds_; // a header's text while it is sent
  mono_time last_write_;
};

} // namespace paddler
