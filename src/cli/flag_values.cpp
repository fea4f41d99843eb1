#include "cli/flag_values.hpp"

#include "base/ids.hpp"
#include "base/text.hpp"
#include "cli/units.hpp"

namespace paddler {

result<std::uint64_t> parse_whole_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  auto const number = parse_number<std::uint64_t>(text);
  if (number && *number >= least && *number <= most) return *number;
  auto const range = most == std::numeric_limits<std::uint64_t>::max()
                         ? "of " + std::to_string(least) + " or more"
                         : "from " + std::to_string(least) + " to " + std::to_string(most);
  return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is not a whole number " + range);
}

result<std::size_t> parse_word(std::string_view text, std::span<std::string_view const> words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == text) return i;
  }
  auto const near = nearest(to_lower(text), words);
  return fail(error_code::invalid_input, "\"" + std::string(text) + "\" is not " + one_of(words),
              near.empty() ? "" : "Did you mean \"" + near + "\"?");
}

flag_setter set_text(std::string& out) {
  return [&out](std::string const& text) -> result<void> {
    if (text.empty()) return fail(error_code::invalid_input, "is empty");
    out = text;
    return {};
  };
}

flag_setter append_text(std::vector<std::string>& out) {
  return [&out](std::string const& text) -> result<void> {
    std::string one;
    auto const set = set_text(one)(text);
    if (set) out.push_back(std::move(one));
    return set;
  };
}

flag_setter set_text(std::optional<std::string>& out) {
  return [&out](std::string const& text) -> result<void> {
    out = text;
    return {};
  };
}

flag_setter set_name(std::string& out) {
  return [&out](std::string const& text) -> result<void> {
    if (!is_valid_name(text)) {
      return fail(error_code::invalid_input, "\"" + text + "\" cannot be a name",
                  "Use 1 to 128 letters, digits and -_./:@, beginning with a letter or digit.");
    }
    out = text;
    return {};
  };
}

flag_setter set_duration(duration& out, duration least) {
  return [&out, least](std::string const& text) -> result<void> {
    auto const time = parse_duration(text);
    if (!time) return std::unexpected(time.error());
    if (*time < least) {
      return fail(error_code::invalid_input, "\"" + text + "\" is too short; at least " + print_duration(least));
    }
    out = *time;
    return {};
  };
}

flag_setter set_bytes(std::uint64_t& out) {
  return [&out](std::string const& text) -> result<void> {
    auto const size = parse_bytes(text);
    if (!size) return std::unexpected(size.error());
    out = *size;
    return {};
  };
}

flag_setter set_listen_address(std::string& out) {
  return [&out](std::string const& text) -> result<void> {
    auto const address = parse_listen_address(text);
    if (!address) return std::unexpected(address.error());
    out = to_string(*address);
    return {};
  };
}

flag_setter set_server_address(host_and_port& out, std::uint16_t default_port) {
  return [&out, default_port](std::string const& text) -> result<void> {
    auto const address = parse_server_address(text, default_port);
    if (!address) return std::unexpected(address.error());
    out = *address;
    return {};
  };
}

flag_setter set_server_address(std::optional<host_and_port>& out, std::uint16_t default_port) {
  return [&out, default_port](std::string const& text) -> result<void> {
    auto const address = parse_server_address(text, default_port);
    if (!address) return std::unexpected(address.error());
    out = *address;
    return {};
  };
}

} // namespace paddler
