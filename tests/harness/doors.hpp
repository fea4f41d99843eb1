// Bad input at a door, as tables: what is sent, and what the answer has to say.
#pragma once
#include "harness/cluster_api.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace paddler_test {

using words = std::vector<std::string>;

struct bad_input {
  std::string what;  // for people
  std::string bytes; // or a body, or a document
  int status = 400;
  words said; // each of these stands in the answer
};

// Fails where one of the words is missing in what was said; case does not matter.
void expect_words(std::string_view said, words const& wanted);

// That nothing was lost by a bad input: desired state as `before`, the process alive, `slots` idle and serving.
task<> expect_unharmed(cluster_api api, desired_answer before, std::size_t slots);

// Sends each row's bytes on a connection of its own and looks at the answer.
task<> send_bad_bytes(std::string address, std::vector<bad_input> rows);

// Sends each row's bytes as the body of a request.
task<> send_bad_bodies(std::string address, std::string method, std::string target, http_headers headers,
                       std::vector<bad_input> rows);

} // namespace paddler_test
