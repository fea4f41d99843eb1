#include "balancer/kept_stream.hpp"

namespace paddler {

kept_stream::kept_stream(stream_memory& memory, std::string_view endpoint, std::string_view body,
                         probed_request const& asked)
    : memory_(memory), endpoint_(endpoint), body_(body) {
  bool const known = endpoint == "/v1/chat/completions" || endpoint == "/v1/completions";
  if (!known) return;
  if (!asked.stream.value_or(false))
    why_ = resume_refusal::too_long; // what is no stream leaves in pieces only where it is too long to be kept
  else if (asked.n.value_or(1) != 1)
    why_ = resume_refusal::choices;
  else
    text_.emplace();
}

kept_stream::~kept_stream() { memory_.kept_ -= counted_; }

void kept_stream::delivered(std::string_view bytes) {
  if (!text_) return;
  text_->add(bytes);
  auto const count = [this](std::size_t kept) {
    memory_.kept_ += kept - counted_;
    counted_ = kept;
  };
  count(text_->kept_bytes());
  if (memory_.kept_ <= stream_memory::limit) return;
  text_->drop();
  count(text_->kept_bytes());
}

std::expected<kept_stream::content, resume_refusal> kept_stream::read() {
  if (!text_) return std::unexpected(why_);
  auto request = read_resumable(endpoint_, body_);
  if (!request) return std::unexpected(request.error());
  auto so_far = text_->read();
  if (!so_far) return std::unexpected(so_far.error());
  return content{*std::move(request), *std::move(so_far)};
}

} // namespace paddler
