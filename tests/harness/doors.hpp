// Bad input at a door, as tables: what is sent, and what the answer has to say.
#pragma once
#include "harness/cluster_api.hpp"
#include "harness/process_cluster.hpp"

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

// Whether a recent log line of this kind has the words.
bool was_logged(std::string_view event, std::string_view part);

// That nothing was lost by a bad input: desired state as `before`, the process alive, `slots` idle and serving.
task<> expect_unharmed(cluster_api api, desired_answer before, std::size_t slots);

// Sends each row's bytes on a connection of its own and looks at the answer.
task<> send_bad_bytes(std::string address, std::vector<bad_input> rows);

// Sends each row's bytes as the body of a request.
task<> send_bad_bodies(std::string address, std::string method, std::string target, http_headers headers,
                       std::vector<bad_input> rows);

struct bad_command {
  std::string what; // for people
  std::string
      line; // words with blanks between them; "" is an empty word, @inference and @management the cluster's ports
  int code = 2;
  words said;                         // each of these stands on standard error
  std::vector<std::string> variables; // of the environment, "NAME=VALUE" each
  std::string input;                  // standard input
};

// Runs each row in the cluster's folder: it has to end with its code and one message, and to print nothing.
task<> run_bad_commands(process_cluster& cluster, std::vector<bad_command> rows);

} // namespace paddler_test
