// From a flag's text to its value. Each maker gives a function that stores the value, or says what is wrong with the
// text in words that complete "FLAG: ".
#pragma once
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/address.hpp"

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace paddler {

using flag_setter = std::function<result<void>(std::string const& text)>;

// A whole number from `least` to `most`.
result<std::uint64_t> parse_whole_number(std::string_view text, std::uint64_t least, std::uint64_t most);

// One of `words`, by its index. Suggests the nearest.
result<std::size_t> parse_word(std::string_view text, std::span<std::string_view const> words);

template <class T> flag_setter set_number(T& out, std::uint64_t least, std::uint64_t most) {
  return [&out, least, most](std::string const& text) -> result<void> {
    auto const number = parse_whole_number(text, least, most);
    if (!number) return std::unexpected(number.error());
    if constexpr (std::integral<T>) {
      out = static_cast<T>(*number);
    } else {
      out = static_cast<typename T::value_type>(*number);
    }
    return {};
  };
}

// `words` in the order of the enumerators.
// `Out` is an enumeration, or an optional one.
template <class Out> flag_setter set_word(Out& out, std::vector<std::string_view> words) {
  return [&out, words = std::move(words)](std::string const& text) -> result<void> {
    auto const index = parse_word(text, words);
    if (!index) return std::unexpected(index.error());
    if constexpr (std::is_enum_v<Out>)
      out = static_cast<Out>(*index);
    else
      out = static_cast<typename Out::value_type>(*index);
    return {};
  };
}

flag_setter set_text(std::string& out); // not empty
flag_setter set_text(std::optional<std::string>& out);
flag_setter append_text(std::vector<std::string>& out); // not empty; of a flag that may be given again
flag_setter set_name(std::string& out);                 // of an agent
flag_setter set_duration(duration& out, duration least = {});
flag_setter set_bytes(std::uint64_t& out);
flag_setter set_listen_address(std::string& out);
flag_setter set_server_address(host_and_port& out, std::uint16_t default_port);
flag_setter set_server_address(std::optional<host_and_port>& out, std::uint16_t default_port);

} // namespace paddler
