// The demo model from its corpus: conversations, vocabulary, training, file.
#pragma once
#include "base/result.hpp"

#include <cstdint>
#include <filesystem>
#include <iosfwd>

namespace paddler {

struct demo_model_options {
  std::filesystem::path corpus; // the folder with the text tables
  int steps = 6000;
  float rate = 3e-3F;
  int threads = 1;
  std::uint64_t seed = 1;
};

// Takes minutes; `progress` gets a line now and then.
result<void> write_demo_model(demo_model_options const& options, std::filesystem::path const& path,
                              std::ostream& progress);

// Writes `count` of the conversations that the model learns from, as it sees them.
result<void> show_conversations(demo_model_options const& options, int count, std::ostream& out);

} // namespace paddler
