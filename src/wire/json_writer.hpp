// Values described with Boost.Describe as JSON at once: `append_json(out, value)` appends what
// `print_json(to_document(value))` says (wire/mapper.hpp), without a tree between them. For what is written often.
#pragma once
#include "wire/json_codec.hpp"
#include "wire/json_text.hpp"
#include "wire/mapper.hpp"
#include "wire/rfc3339.hpp"

#include <charconv>
#include <concepts>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace paddler {

namespace detail {

class json_writer {
public:
  explicit json_writer(std::string& out) : out_(out) {}

  void write(bool value) { out_ += value ? "true" : "false"; }

  void write(std::string const& value) { append_json_text(out_, value); }

  void write(wall_time value) {
    out_ += '"';
    out_ += print_rfc3339(value);
    out_ += '"';
  }

  template <std::integral T> void write(T value) {
    char digits[std::numeric_limits<T>::digits10 + 3];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }

  template <class Tag> void write(name_id<Tag> const& id) { write(id.value); }

  template <class Tag> void write(counter_id<Tag> id) { write(id.value); }

  template <described_enum T> void write(T value) {
    out_ += '"';
    out_ += boost::describe::enum_to_string(value, "unknown");
    out_ += '"';
  }

  template <described_struct T> void write(T const& value) {
    char before = '{';
    boost::mp11::mp_for_each<members_of<T>>(
        [&](auto member) { write_member(before, member.name, value.*member.pointer); });
    if (before == '{') out_ += before;
    out_ += '}';
  }

  template <class T> void write(std::vector<T> const& values) {
    char before = '[';
    for (auto const& value : values) {
      out_ += before;
      before = ',';
      write(value);
    }
    if (before == '[') out_ += before;
    out_ += ']';
  }

  // What is seldom, or has a form of its own.
  void write(double value) { out_ += print_json(to_document(value)); }

  template <class T> void write(std::map<std::string, T> const& values) { out_ += print_json(to_document(values)); }

private:
  template <class M> void write_member(char& before, char const* name, M const& member) {
    if constexpr (requires { member.has_value(); }) {
      if (member) write_item(before, name, *member);
    } else if constexpr (may_be_empty<M>) {
      if (!member.empty()) write_item(before, name, member);
    } else {
      write_item(before, name, member);
    }
  }

  template <class M> void write_item(char& before, char const* name, M const& item) {
    out_ += before;
    before = ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
    write(item);
  }

  std::string& out_;
};

} // namespace detail

template <class T> void append_json(std::string& out, T const& value) { detail::json_writer(out).write(value); }

} // namespace paddler
