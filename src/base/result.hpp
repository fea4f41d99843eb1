// What can be expected to go wrong, as a value: a code that a caller can react to, and words for the person.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler {

// One code for each way in which a caller reacts. Words belong into the message.
enum class error_code {
  invalid_input, // the caller sent something wrong; trying the same again cannot help
  not_found,     // the thing named does not exist
  conflict,      // it exists in another version than the caller believed
  too_large,     // a stated limit was exceeded
  unavailable,   // it may work later
  gone,          // it existed, and is not kept any more
  full,          // the disk has no room: it works again once there is some
  timeout,       // a deadline passed
  cancelled,     // the caller gave up
  closed,        // the peer went away
  protocol,      // the peer broke the protocol
  storage,       // the disk or the database failed
  internal,      // a bug of ours
};

std::string_view to_string(error_code code);

// One wrong place in a document: where, what is wrong, and how to mend it.
struct field_error {
  std::string path;    // as in `agents[0].slots`
  std::string message; // what is wrong
  std::string hint;    // how to mend it; may be empty
  int line = 0;        // from 1; 0 where the document has no lines
  friend bool operator==(field_error const&, field_error const&) = default;
};

struct error {
  error_code code = error_code::internal;
  std::string message;             // what happened, to what, and why
  std::string hint;                // what to do next; may be empty
  std::vector<field_error> fields; // for documents: everything found, not only the first
};

template <class T> using result = std::expected<T, error>;

inline std::unexpected<error> fail(error_code code, std::string message, std::string hint = {}) {
  return std::unexpected(error{code, std::move(message), std::move(hint), {}});
}

// The whole error for a person, on several lines where fields are listed.
std::string describe(error const& e);

} // namespace paddler
