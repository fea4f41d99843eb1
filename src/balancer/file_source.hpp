// Configuration files as sources of desired state: one file, or every *.yaml, *.yml and *.json of a folder, read at the
// start, and again whenever it changes.
#pragma once
#include "balancer/admission.hpp"
#include "runtime/blocking.hpp"
#include "runtime/watched_file.hpp"

#include <cstddef>
#include <memory>
#include <set>
#include <string>

namespace paddler {

inline constexpr std::size_t max_desired_paths = 64; // that a balancer is told

// "/etc/d/" as "/etc/d": what names a source, or the folder of some.
std::string without_final_slashes(std::string path);

// A folder with more than max_files_in_folder is not read, and changes nothing. Each file is a source of its own, named
// by its path.
//
// A file that is cut off or wrong changes nothing: what it said before stays, and the log says what is the matter. So
// it is with a named file that goes: a deployment that failed half-way must not stop what serves. A file that goes from
// a folder, while the folder is there, was taken away on purpose, and releases what it said; also if that happened
// while no balancer ran.
class file_source {
public:
  // What it is given must outlive it; `file` watches `path`, which names the source or its folder,
  // without slashes at its end.
  file_source(core_service& core, admission& door, blocking_executor& pool, std::string path,
              std::unique_ptr<watched_file> file, std::size_t max_bytes);

  // Reads the file once. The error says why its content was not taken.
  task<result<admitted_change>> load() { return load(path_); }

  // Watches until cancelled.
  task<> watch();

private:
  task<bool> bring_in();
  task<bool> take(std::string path);
  task<result<admitted_change>> load(std::string path);
  task<result<admitted_change>> say(std::string path, desired_document document);
  task<bool> release_what_is_gone();
  [[nodiscard]] std::set<std::string> known_files() const;

  core_service& core_;
  admission& door_;
  blocking_executor& pool_;
  std::string path_;
  std::size_t max_bytes_;
  std::unique_ptr<watched_file> file_;
  file_identities taken_; // as they were when they were read
};

} // namespace paddler
