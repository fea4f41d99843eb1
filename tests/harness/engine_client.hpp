// Asks one engine over its socket, and has it continue what another one began, by the code that a balancer does it
// with.
#pragma once
#include "harness/system_test.hpp"
#include "net/http_client.hpp"
#include "wire/resume_request.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {

// A request for a stream.
struct stream_question {
  std::string path;
  std::string body;
};

class engine_client {
public:
  explicit engine_client(std::string socket) : socket_(std::move(socket)) {}

  task<paddler::http_answer> post(std::string path, std::string body) const;

  // The body of a good answer.
  task<std::string> ask(std::string path, std::string body) const;

  // What is to come behind `delivered`, whole events of a stream that answers `asked`.
  task<std::string> rest_of(stream_question asked, std::string delivered) const;

private:
  task<std::uint64_t> count(token_question question) const;

  std::string socket_;
};

std::vector<std::string> events_of(std::string_view stream);

// The first so many of them, joined.
std::string start_of_stream(std::vector<std::string> const& events, std::size_t count);

// The data of its events, without what is of one engine's part of the answer alone (how long it took, what it had read
// before); `id` and `created` are left out where `names` is false.
std::vector<boost::json::value> contents(std::string_view stream, bool names);

} // namespace paddler_test
