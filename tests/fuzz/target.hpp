// What a fuzz target is made of: one function that libFuzzer, or replay.cpp, calls with bytes from anywhere.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace paddler {

// A broken promise ends the process: that is how libFuzzer learns of it.
inline void must(bool promise, std::source_location where = std::source_location::current()) {
  if (promise) return;
  std::fprintf(stderr, "%s:%u: this promise is broken\n", where.file_name(), static_cast<unsigned>(where.line()));
  std::abort();
}

inline std::string_view as_text(std::uint8_t const* data, std::size_t size) {
  return {reinterpret_cast<char const*>(data), size};
}

} // namespace paddler
