// What host names mean to the program of a test: it stands in for the system's name service (getaddrinfo) in every
// program that links it. A name of which nothing was said is not known to it.
#pragma once
#include "harness/names.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace paddler_test {

// One at a time; knows nothing at first. Callable from any thread.
class name_service {
public:
  name_service();
  ~name_service(); // lets lookups go
  name_service(name_service const&) = delete;
  name_service& operator=(name_service const&) = delete;

  // IP addresses, to be tried in this order; none: the name is not known now.
  void set(std::string name, std::vector<std::string> addresses);

  // Lookups begin and do not end, until they are let go.
  void hold();
  void let_go();

  // Lookups that have begun.
  [[nodiscard]] std::size_t lookups() const;
};

} // namespace paddler_test
