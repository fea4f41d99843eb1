#include "core/reconcile/content_digest.hpp"

#include "base/text.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace paddler {
namespace {

// Every value goes in with its length, so that no two lists of fields give the same bytes.
class digest {
public:
  void add(std::string_view text) {
    add_bytes(std::to_string(text.size()));
    add_bytes(":");
    add_bytes(text);
  }

  void add(std::string const& text) { add(std::string_view(text)); }

  template <class Number>
    requires std::is_arithmetic_v<Number>
  void add(Number number) {
    add(print_number(number));
  }

  template <class Enum>
    requires std::is_enum_v<Enum>
  void add(Enum value) {
    add(static_cast<int>(value));
  }

  template <class T> void add(std::optional<T> const& field) {
    add_bytes(field ? "+" : "-");
    if (field) add(*field);
  }

  template <class Struct>
    requires boost::describe::has_describe_members<Struct>::value
  void add(Struct const& value) {
    using members = boost::describe::describe_members<Struct, boost::describe::mod_public>;
    boost::mp11::mp_for_each<members>([&](auto member) { add(value.*member.pointer); });
  }

  [[nodiscard]] std::uint64_t value() const { return state_; }

  [[nodiscard]] std::string text() const {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += digits[(state_ >> static_cast<unsigned>(shift)) & 15U];
    return out;
  }

private:
  void add_bytes(std::string_view bytes) {
    for (char const byte : bytes) state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  }

  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

} // namespace

std::string content_digest(std::optional<applicable_model> const& model) {
  if (!model) return "none";
  digest out;
  out.add(*model);
  return out.text();
}

std::string file_content(model_file const& file, std::string_view path, std::string_view machine) {
  if (!file.digest.empty()) return file.digest;
  digest out;
  out.add(machine);
  out.add(path);
  out.add(file.bytes);
  out.add(file.modified.time_since_epoch().count());
  return "file:" + out.text();
}

std::uint64_t engine_identity(applicable_model const& model, std::string_view file, std::string_view build) {
  digest out;
  out.add(model.name);
  out.add(model.reference);
  out.add(model.chat_template);
  out.add(model.parameters);
  out.add(model.max_context_length);
  out.add(file);
  out.add(build);
  return out.value() == 0 ? 1 : out.value();
}

} // namespace paddler
