// Values described with Boost.Describe <-> document trees, the same for JSON and YAML.
//
//   auto state = from_document<desired_document>(node, unknown_keys::refuse);
//   auto node = to_document(state);
//
// Understood: described structs and enumerations (by name), std::optional (left out where empty), std::vector,
// std::map from text, name_id (text), counter_id (number), wall_time (RFC 3339 text), bool, whole numbers, double,
// text.
//
// A struct that says that it is empty() is left out, as an optional is.
//
// Reading goes on after an error and lists all that is wrong, in the document's order, as field_errors. Identities
// (name_id, counter_id) must be there; what else a document leaves out keeps its default.
#pragma once
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "model/fields.hpp"
#include "wire/document_node.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <array>
#include <cmath>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace paddler {

inline constexpr std::size_t max_listed_errors = 100;

// What a key that the struct lacks means: a mistake in what a person wrote, or a field of a newer peer. In the second
// case nulls stand for keys that are left out, too.
enum class unknown_keys { refuse, ignore };

namespace detail {

template <class T>
concept described_struct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value && !std::is_union_v<T>;

template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

// Says of itself when there is nothing to say.
template <class T>
concept may_be_empty = described_struct<T> && requires(T const& value) {
  { value.empty() } -> std::same_as<bool>;
};

template <class T> inline constexpr bool is_identity = false;
template <class Tag> inline constexpr bool is_identity<name_id<Tag>> = true;
template <class Tag> inline constexpr bool is_identity<counter_id<Tag>> = true;

template <class T> using members_of = boost::describe::describe_members<T, boost::describe::mod_public>;

template <class T> consteval auto member_names() {
  std::array<std::string_view, boost::mp11::mp_size<members_of<T>>::value> names;
  std::size_t i = 0;
  boost::mp11::mp_for_each<members_of<T>>([&](auto member) { names[i++] = member.name; });
  return names;
}

template <class T> consteval auto enumerator_names() {
  using enumerators = boost::describe::describe_enumerators<T>;
  std::array<std::string_view, boost::mp11::mp_size<enumerators>::value> names;
  std::size_t i = 0;
  boost::mp11::mp_for_each<enumerators>([&](auto enumerator) { names[i++] = enumerator.name; });
  return names;
}

} // namespace detail

// Reads values out of trees; one for each document. Keeps where it stands and what was wrong so far.
class document_reader {
public:
  explicit document_reader(unknown_keys policy) : policy_(policy) {}

  template <class T> void read(document_node const& node, T& out) {
    if (node.problem.empty()) {
      read_value(node, out);
    } else {
      report(node.problem, node.hint, node.line);
    }
  }

  // Everything that was wrong as one error; `code` invalid_input. Nothing if nothing was.
  [[nodiscard]] std::optional<error> failure() const;

  // How many keys of a newer peer were passed over.
  [[nodiscard]] std::size_t ignored_keys() const { return ignored_keys_; }

private:
  // Stands at `key` or `[index]` while it lives.
  class step {
  public:
    step(document_reader& reader, std::string_view key);
    step(document_reader& reader, std::size_t index);

    ~step() { reader_.path_.resize(length_); }

    step(step const&) = delete;
    step& operator=(step const&) = delete;

  private:
    document_reader& reader_;
    std::size_t length_;
  };

  void read_value(document_node const& node, bool& out);
  void read_value(document_node const& node, std::string& out);
  void read_value(document_node const& node, double& out);
  void read_value(document_node const& node, wall_time& out);
  void read_value(document_node const& node, field_value& out); // a number without a fraction is a whole one

  template <std::integral T> void read_value(document_node const& node, T& out) {
    if (!expect(node, node_kind::number, "a whole number")) return;
    if (auto const whole = parse_number<T>(node.text)) return void(out = *whole);
    double const value = to_double(node.text); // as in `1e3`, or out of range
    bool const fits = value >= static_cast<double>(std::numeric_limits<T>::min()) &&
                      value < std::ldexp(1.0, std::numeric_limits<T>::digits);
    if (std::trunc(value) != value) {
      report("expected a whole number, got " + describe(node), "write it without a fraction", node.line);
    } else if (!fits) {
      report_range(node, std::to_string(std::numeric_limits<T>::min()), std::to_string(std::numeric_limits<T>::max()));
    } else {
      out = static_cast<T>(value);
    }
  }

  template <class Tag> void read_value(document_node const& node, name_id<Tag>& out) {
    read_value(node, out.value);
    if (node.kind == node_kind::text && out.empty()) report("is empty", "give it a name", node.line);
  }

  template <class Tag> void read_value(document_node const& node, counter_id<Tag>& out) { read_value(node, out.value); }

  template <class T> void read_value(document_node const& node, std::optional<T>& out) {
    if (node.kind == node_kind::null && policy_ == unknown_keys::ignore) return out.reset();
    read_value(node, out.emplace());
  }

  template <class T> void read_value(document_node const& node, std::vector<T>& out) {
    if (!expect(node, node_kind::list, "a list")) return;
    out.clear();
    out.reserve(node.items.size());
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      step const here(*this, i);
      read(node.items[i], out.emplace_back());
    }
  }

  template <class T> void read_value(document_node const& node, std::map<std::string, T>& out) {
    if (!expect(node, node_kind::object, "an object")) return;
    out.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      step const here(*this, node.keys[i]);
      read(node.items[i], out[node.keys[i]]);
    }
  }

  template <detail::described_enum T> void read_value(document_node const& node, T& out) {
    static constexpr auto names = detail::enumerator_names<T>();
    if (node.kind == node_kind::text && boost::describe::enum_from_string(node.text.c_str(), out) &&
        node.text.find('\0') == std::string::npos)
      return;
    report_word(node, names);
  }

  template <detail::described_struct T> void read_value(document_node const& node, T& out) {
    if (!expect(node, node_kind::object, "an object")) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) read_item<T>(node.keys[i], node.items[i], out);
    boost::mp11::mp_for_each<detail::members_of<T>>([&](auto member) {
      using member_type = std::remove_cvref_t<decltype(out.*member.pointer)>;
      if constexpr (detail::is_identity<member_type>) require(node, member.name);
    });
  }

  template <class T> void read_item(std::string const& key, document_node const& item, T& out) {
    static constexpr auto names = detail::member_names<T>();
    bool known = false;
    boost::mp11::mp_for_each<detail::members_of<T>>([&](auto member) {
      if (key != member.name) return;
      known = true;
      step const here(*this, key);
      if (!stands_for_nothing(item)) read(item, out.*member.pointer);
    });
    if (!known) report_unknown_key(key, item, names);
  }

  // Whether `node` is of that kind; reports it if not. `wanted` as in "a list".
  bool expect(document_node const& node, node_kind kind, std::string_view wanted);
  void require(document_node const& object, std::string_view key);
  [[nodiscard]] bool stands_for_nothing(document_node const& node) const;
  void report(std::string message, std::string hint, int line);
  void report_range(document_node const& node, std::string const& least, std::string const& most);
  void report_word(document_node const& node, std::span<std::string_view const> words);
  void report_unknown_key(std::string const& key, document_node const& item, std::span<std::string_view const> known);

  [[nodiscard]] bool is_full() const { return errors_.size() == max_listed_errors; }

  unknown_keys policy_;
  std::string path_;
  std::vector<field_error> errors_;
  std::size_t unlisted_errors_ = 0;
  std::size_t ignored_keys_ = 0;
};

template <class T> result<T> from_document(document_node const& node, unknown_keys policy) {
  document_reader reader(policy);
  T value{};
  reader.read(node, value);
  if (auto failure = reader.failure()) return std::unexpected(*std::move(failure));
  return value;
}

// --- values to trees ---

document_node to_document(bool value);
document_node to_document(std::string const& value);
document_node to_document(double value);
document_node to_document(wall_time value);
document_node to_document(field_value const& value); // true for an entry that is there

// A call finds the functions below through the namespace of their arguments; those of std have to be declared first.
template <class T> document_node to_document(std::vector<T> const& values);
template <class T> document_node to_document(std::map<std::string, T> const& values);

template <std::integral T> document_node to_document(T value) { return number_node(value); }

template <class Tag> document_node to_document(name_id<Tag> const& id) { return text_node(id.value); }

template <class Tag> document_node to_document(counter_id<Tag> id) { return number_node(id.value); }

template <detail::described_enum T> document_node to_document(T value) {
  return text_node(boost::describe::enum_to_string(value, "unknown"));
}

template <detail::described_struct T> document_node to_document(T const& value) {
  document_node node = object_node();
  auto const add = [&]<class M>(char const* name, M const& member) {
    if constexpr (requires { member.has_value(); }) {
      if (member) node.add(name, to_document(*member));
    } else if constexpr (detail::may_be_empty<M>) {
      if (!member.empty()) node.add(name, to_document(member));
    } else {
      node.add(name, to_document(member));
    }
  };
  boost::mp11::mp_for_each<detail::members_of<T>>([&](auto member) { add(member.name, value.*member.pointer); });
  return node;
}

template <class T> document_node to_document(std::vector<T> const& values) {
  document_node node = list_node();
  node.items.reserve(values.size());
  for (auto const& value : values) node.items.push_back(to_document(value));
  return node;
}

template <class T> document_node to_document(std::map<std::string, T> const& values) {
  document_node node = object_node();
  for (auto const& [key, value] : values) node.add(key, to_document(value));
  return node;
}

} // namespace paddler
