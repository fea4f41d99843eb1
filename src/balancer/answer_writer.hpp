// How the answer of one inference request reaches its client: whole, or as a stream. A stream that has nothing to say
// gets an SSE comment now and then: proxies and clients take a silent connection for dead. So two tasks write, and each
// waits for the other's write to end.
#pragma once
#include "balancer/idempotent_answers.hpp"
#include "base/time.hpp"
#include "net/http_server.hpp"
#include "runtime/task.hpp"
#include "runtime/wakeup.hpp"
#include "wire/inference_error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// When a client is to come again.
struct retry_texts {
  std::string seconds, milliseconds;
};

retry_texts retry_seconds(std::optional<duration> wait);

// Headers of an answer that says what is wrong; the official clients read the retry ones. They show `wait`.
std::vector<header_view> error_headers(inference_error const& wrong, retry_texts const& wait);

bool is_event_stream(std::string_view content_type);

// Lives in the frame of its HTTP handler. Functions that write return false when the client is gone or does not read.
class answer_writer {
public:
  explicit answer_writer(http_exchange& exchange);

  // Of a client that asked for a stream: whether it has heard nothing since then.
  [[nodiscard]] bool is_silent(mono_time since) const { return !writing_ && last_write_ <= since; }

  // Tells it that it is not forgotten, before its answer begins or in a pause of it. To be settled.
  task<> comment();

  // Waits for the end of a comment that is being written.
  task<> settle();

  // From now on what is written is kept, for whoever asks the same again.
  void keep(std::size_t max_bytes);
  // What was, once the answer is whole; too large is nothing.
  std::optional<kept_answer> take_kept();

  enum class position { middle, last };

  // The head of a stream leaves with its first piece.
  void prepare_stream(unsigned status, std::string_view content_type, std::vector<header_view> const& more = {});
  task<bool> write(std::string_view first, std::string_view second, position where);
  task<bool> respond(unsigned status, std::string_view content_type, std::string_view body,
                     std::vector<header_view> const& more = {});

  // Whatever is wrong: as a whole answer, or as the last event of a stream that began.
  task<bool> tell(inference_error const& wrong, std::optional<duration> retry_after = {});

  // The head of the answer has left, or will with the next piece: errors go into the stream.
  [[nodiscard]] bool committed() const { return committed_; }

private:
  void remember(unsigned status, std::string_view content_type);
  void remember(std::string_view bytes);

  http_exchange& exchange_;
  wakeup changed_; // a write ended
  bool committed_ = false;
  bool writing_ = false;
  bool commenting_ = false;
  bool within_event_ = false; // what was written last is a piece of a long event
  mono_time last_write_;
  bool keeps_ = false;
  std::size_t max_kept_ = 0;
  kept_answer kept_;
};

} // namespace paddler
