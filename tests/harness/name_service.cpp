#include "harness/name_service.hpp"

#include "net/socket_address.hpp"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

namespace paddler_test {
namespace {

struct service_state {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::vector<std::string>> addresses;
  bool holds = false;
  std::size_t lookups = 0;
};

service_state& service() {
  static service_state it;
  return it;
}

// One result of a lookup, with its address behind it.
struct found_address {
  addrinfo info{};
  socket_address address;
};

std::vector<std::string> look_up(std::string const& name) {
  auto& it = service();
  std::unique_lock lock(it.mutex);
  ++it.lookups;
  it.changed.wait(lock, [&it] { return !it.holds; });
  auto const at = it.addresses.find(name);
  return at == it.addresses.end() ? std::vector<std::string>{} : at->second;
}

} // namespace

name_service::name_service() {
  std::scoped_lock const lock(service().mutex);
  service().addresses.clear();
  service().lookups = 0;
}

name_service::~name_service() { let_go(); }

void name_service::set(std::string name, std::vector<std::string> addresses) {
  std::scoped_lock const lock(service().mutex);
  service().addresses.insert_or_assign(std::move(name), std::move(addresses));
}

void name_service::hold() {
  std::scoped_lock const lock(service().mutex);
  service().holds = true;
}

void name_service::let_go() {
  std::scoped_lock const lock(service().mutex);
  service().holds = false;
  service().changed.notify_all();
}

std::size_t name_service::lookups() const {
  std::scoped_lock const lock(service().mutex);
  return service().lookups;
}

} // namespace paddler_test

// The system's own functions, for this program.
extern "C" int getaddrinfo(char const* name, char const* port, addrinfo const* /*hints*/, addrinfo** out) {
  using namespace paddler_test;
  *out = nullptr;
  auto const number = static_cast<std::uint16_t>(std::stoi(port == nullptr ? "0" : port));
  addrinfo** last = out;
  for (auto const& text : look_up(name == nullptr ? "" : name)) {
    for (auto const& address : numeric_addresses(text, number)) {
      auto found = std::make_unique<found_address>();
      found->address = address;
      found->info.ai_family = address.family();
      found->info.ai_socktype = SOCK_STREAM;
      found->info.ai_addr = found->address.get();
      found->info.ai_addrlen = address.size;
      *last = &found.release()->info; // freeaddrinfo()'s from now on
      last = &(*last)->ai_next;
    }
  }
  return *out == nullptr ? EAI_AGAIN : 0;
}

extern "C" void freeaddrinfo(addrinfo* first) {
  while (first != nullptr) {
    auto* const next = first->ai_next;
    std::unique_ptr<paddler_test::found_address> const owned(reinterpret_cast<paddler_test::found_address*>(first));
    first = next;
  }
}
