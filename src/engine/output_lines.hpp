// A process's output as lines, bounded in length and number.
#pragma once
#include "base/bounded.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace paddler {

// Cuts bytes into lines. What is longer than max_line_bytes loses its end; control characters become spaces, and bytes
// that are not UTF-8 question marks, so that a line may go into logs and documents.
class output_lines {
public:
  static constexpr std::size_t max_line_bytes = 4096;
  static constexpr std::size_t kept_lines = 64;
  using handler = std::function<void(std::string_view line)>;

  explicit output_lines(handler on_line = {});

  void write(std::string_view bytes);

  // The last line may lack its end.
  void close();

  // The newest lines, oldest first.
  [[nodiscard]] std::vector<std::string> recent() const;

private:
  void end_line();

  handler on_line_;
  std::string line_;
  bounded_ring<std::string> recent_{kept_lines};
};

} // namespace paddler
