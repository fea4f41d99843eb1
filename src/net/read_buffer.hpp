// The bytes of a connection that were read and not yet consumed. Bounded by what its user asks for.
#pragma once
#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace paddler {

class read_buffer {
public:
  [[nodiscard]] std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }

  [[nodiscard]] std::span<char> bytes() { return {data_.get() + begin_, end_ - begin_}; }

  [[nodiscard]] bool empty() const { return begin_ == end_; }

  [[nodiscard]] std::size_t size() const { return end_ - begin_; }

  void consume(std::size_t n) {
    begin_ += n;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Free space behind the bytes, at least `least` of it. Moves the bytes to the front or to a larger block for that.
  boost::asio::mutable_buffer prepare(std::size_t least) {
    if (capacity_ - end_ < least) make_room(least);
    return {data_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t n) { end_ += n; }

  void append(std::string_view more) {
    if (more.empty()) return;
    auto const space = prepare(more.size());
    std::memcpy(space.data(), more.data(), more.size());
    commit(more.size());
  }

  // Gives a large block back when nothing is in it: an idle connection holds little.
  void shrink_to(std::size_t capacity) {
    if (!empty() || capacity_ <= capacity) return;
    data_ = std::make_unique_for_overwrite<char[]>(capacity);
    capacity_ = capacity;
  }

  std::string take() {
    std::string out(view());
    begin_ = end_ = 0;
    return out;
  }

private:
  void make_room(std::size_t least) {
    auto const held = size();
    if (capacity_ - held >= least) {
      std::memmove(data_.get(), data_.get() + begin_, held);
    } else {
      auto const larger = std::max({held + least, capacity_ * 2, std::size_t{4096}});
      auto grown = std::make_unique_for_overwrite<char[]>(larger);
      if (held > 0) std::memcpy(grown.get(), data_.get() + begin_, held);
      data_ = std::move(grown);
      capacity_ = larger;
    }
    begin_ = 0;
    end_ = held;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

} // namespace paddler
