// What the tests of the store share: records, and a folder that goes when the test does.
#pragma once
#include "model/record.hpp"
#include "ports/state_store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace paddler {

// In memory where the system has such a place: the tests sync thousands of times.
class temporary_folder {
public:
  temporary_folder() {
    for (auto const& base : {std::string("/dev/shm"), testing::TempDir()}) {
      path_ = base + "/paddler-store-XXXXXX";
      if (::mkdtemp(path_.data()) != nullptr) return;
    }
    std::abort();
  }

  ~temporary_folder() { std::filesystem::remove_all(path_); }

  temporary_folder(temporary_folder const&) = delete;
  temporary_folder& operator=(temporary_folder const&) = delete;

  [[nodiscard]] std::string file(std::string const& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

inline std::string read_bytes(std::string const& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(std::string const& path, std::string const& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline log_record sample_record(std::uint64_t number) {
  log_record record;
  record.number = {number};
  record.at = wall_time{std::chrono::nanoseconds{1'700'000'000'000'000'001 + static_cast<std::int64_t>(number)}};
  record.source = {source_kind::file, "/etc/paddler/\"desired\".yaml"};
  record.origin = {"anonymous", "127.0.0.1:4711"};
  agent_spec agent;
  agent.id = {"agent-" + std::to_string(number)};
  agent.slots = 4;
  record.document.agents.push_back(agent);
  model_spec model;
  model.id = {"chat"};
  model.chat_template = "{% for m in messages %}\n{{ m.content }}\n{% endfor %}";
  model.parameters = model_parameters{.temperature = 0.7};
  record.document.models.push_back(model);
  return record;
}

inline std::vector<log_record> sample_records(std::uint64_t count, std::uint64_t first = 1) {
  std::vector<log_record> records;
  for (std::uint64_t i = 0; i < count; ++i) records.push_back(sample_record(first + i));
  return records;
}

// A fold that remembers every record: fold(fold(a), b) == fold(a, b).
inline state_snapshot sample_fold(state_snapshot const& base, std::span<log_record const> records) {
  state_snapshot out = base;
  if (out.sources.empty()) out.sources.resize(1);
  auto& said = out.sources.front();
  for (auto const& record : records) {
    out.at = record.number;
    out.taken = record.at;
    said.source = record.source;
    said.document = record.document;
    said.since.push_back({"agents/" + record.document.agents.front().id.value, record.number});
  }
  return out;
}

// What is wrong with a state that should hold the sample records 1 to some number; empty: nothing.
inline std::string judge_samples(stored_state const& state) {
  auto const base = state.base.value_or(state_snapshot{});
  if (state.base && base != sample_fold({}, sample_records(base.at.value))) return "a wrong snapshot";
  if (state.log != sample_records(state.log.size(), base.at.value + 1)) return "wrong records";
  return {};
}

inline std::uint64_t last_revision(stored_state const& state) {
  return state.base.value_or(state_snapshot{}).at.value + state.log.size();
}

} // namespace paddler
