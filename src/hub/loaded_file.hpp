// The file that one engine's model was loaded from, and whether it is still the one under its path: what was put there
// since is never loaded in silence (REC-15).
//
// Another file is one with another identity, size or time of change, unless its content is known to be the same: a file
// that was touched, or brought back, is the old one.
#pragma once
#include "base/result.hpp"
#include "hub/model_digest.hpp"
#include "model/current.hpp"
#include "runtime/files.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace paddler {

// Callable from any thread; what is called blocking reads files.
class loaded_file {
public:
  // Empty: the engine needs no file, and nothing is ever wrong with it. So it is where the file is not there (the
  // simulated engine's need not be).
  explicit loaded_file(std::string path, std::shared_ptr<model_digests> known = std::make_shared<model_digests>())
      : path_(std::move(path)), known_(std::move(known)) {}

  // Before each start of the engine. `invalid_input` where it served from another file before: what it is started on
  // may not be what was checked and wanted.
  result<void> blocking_admit();

  // The engine serves: what it was started on last is what was loaded. True the first time that this is known, where
  // its digest is not known from before: it can be worked out.
  bool confirm();

  // Works it out, which takes a while where it is not known; true where there is one now.
  bool blocking_digest();

  // Looks at the path again. True where something else is to be said of it than before.
  bool blocking_look();

  // Calls under way end soon, without a result.
  void abandon() { abandoned_ = true; }

  // What was loaded; nothing before that, and where there is no file.
  [[nodiscard]] std::optional<model_file> facts() const;

  [[nodiscard]] std::optional<state_issue> issue() const;

private:
  result<std::string> blocking_read_digest(std::optional<file_identity> const& seen);
  bool blocking_is_same(std::optional<file_identity> const& seen);
  void note(std::optional<file_identity> const& seen, bool same);

  std::string const path_;
  std::shared_ptr<model_digests> const known_;
  std::atomic<bool> abandoned_ = false;

  mutable std::mutex mutex_; // guards what follows it
  std::optional<file_identity> started_on_;
  std::optional<file_identity> loaded_;
  std::string digest_;                 // of what was loaded; empty until it is known
  std::optional<file_identity> other_; // with other content, as was found out by reading it
  std::optional<state_issue> issue_;
};

} // namespace paddler
