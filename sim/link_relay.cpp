#include "sim/link_relay.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace paddler_sim {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view end_of_head = "\r\n\r\n";

struct frame {
  std::size_t size = 0; // with its head
  std::size_t payload_at = 0;
  int opcode = 0;
  bool is_last = false; // of its message
  std::string_view mask;
};

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < count; ++i) out = out << 8U | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

// Nothing while it is not whole.
std::optional<frame> first_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  auto const first = static_cast<unsigned char>(bytes[0]);
  auto const second = static_cast<unsigned char>(bytes[1]);
  std::uint64_t length = second & 0x7fU;
  std::size_t const more = length == 126 ? 2 : length == 127 ? 8 : 0;
  std::size_t const mask = (second & 0x80U) != 0 ? 4 : 0;
  auto const head = 2 + more + mask;
  if (bytes.size() < head) return std::nullopt;
  if (more > 0) length = number_at(bytes, 2, more);
  if (bytes.size() - head < length) return std::nullopt;
  return frame{.size = head + static_cast<std::size_t>(length),
               .payload_at = head,
               .opcode = first & 0x0f,
               .is_last = (first & 0x80U) != 0,
               .mask = bytes.substr(2 + more, mask)};
}

// "report" of {"n":5,"type":"report",...}; it stands in the first frame.
std::string type_of(std::string_view message) {
  static constexpr std::string_view key = "\"type\":\"";
  auto const at = first_frame(message);
  if (!at) return {};
  std::string text;
  for (std::size_t i = at->payload_at; i < at->size && text.size() < 64; ++i)
    text += at->mask.empty() ? message[i] : static_cast<char>(message[i] ^ at->mask[(i - at->payload_at) % 4]);
  auto const begin = text.find(key);
  if (begin == std::string::npos) return {};
  return text.substr(begin + key.size(), text.find('"', begin + key.size()) - begin - key.size());
}

} // namespace

void link_relay::take(std::size_t side, std::string bytes) {
  auto& from = directions_[side];
  if (!is_link_) return onward_(side, std::move(bytes));
  from.unread += bytes;
  if (!from.has_head) read_head(side);
  if (is_link_ && from.has_head) read_frames(side);
}

void link_relay::read_head(std::size_t side) {
  auto& from = directions_[side];
  auto const end = from.unread.find(end_of_head);
  if (end == std::string::npos) return;
  from.has_head = true;
  auto head = from.unread.substr(0, end + end_of_head.size());
  from.unread.erase(0, head.size());
  bool const goes_on =
      side == 0 ? head.find("/link HTTP/1.1\r\n") != std::string::npos : head.starts_with("HTTP/1.1 101");
  if (side == 0) head_ = head;
  onward_(side, std::move(head));
  if (goes_on) return;
  is_link_ = false;
  for (std::size_t each = 0; each < 2; ++each)
    if (!directions_[each].unread.empty()) onward_(each, std::exchange(directions_[each].unread, {}));
}

void link_relay::read_frames(std::size_t side) {
  auto& from = directions_[side];
  while (auto const next = first_frame(from.unread)) {
    auto bytes = from.unread.substr(0, next->size);
    from.unread.erase(0, next->size);
    if (next->opcode == 8) {
      from.closing = std::move(bytes);
      settle(side);
    } else if (next->opcode > 8) {
      onward_(side, std::move(bytes));
    } else {
      from.message += bytes;
      if (next->is_last) pass(side, std::exchange(from.message, {}));
    }
  }
}

void link_relay::pass(std::size_t side, std::string message) {
  if (side == 0 && !head_.empty()) how_.greeted(std::exchange(head_, {}) + message);
  if (!sim_.likely(how_.share())) return onward_(side, std::move(message));
  auto const type = type_of(message);
  auto const wait = sim_.between(1ms, sim_.likely(0.2) ? longest_wait : 5s);
  switch (sim_.chance().below(4)) {
  case 0:
    sim_.count("relay.twice." + type);
    onward_(side, message);
    return onward_(side, std::move(message));
  case 1:
    sim_.count("relay.again." + type);
    onward_(side, message);
    return hold(side, std::move(message), wait);
  case 2: sim_.count("relay.late." + type); return hold(side, std::move(message), wait);
  default: sim_.count("relay.lost." + type);
  }
}

void link_relay::hold(std::size_t side, std::string message, duration wait) {
  ++directions_[side].held;
  sim_.at(sim_.now() + wait, [self = shared_from_this(), side, message = std::move(message)] {
    auto& from = self->directions_[side];
    if (from.then) self->sim_.count("relay.of_a_link_that_is_gone");
    self->onward_(side, message);
    --from.held;
    self->settle(side);
  });
}

void link_relay::end(std::size_t side, std::function<void()> then) {
  directions_[side].then = std::move(then);
  settle(side);
}

void link_relay::settle(std::size_t side) {
  auto& from = directions_[side];
  if (from.held > 0) return;
  if (!from.closing.empty()) onward_(side, std::exchange(from.closing, {}));
  if (auto const then = std::exchange(from.then, {})) then();
}

} // namespace paddler_sim
