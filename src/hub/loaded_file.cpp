#include "hub/loaded_file.hpp"

#include "wire/rfc3339.hpp"

#include <chrono>
#include <utility>

namespace paddler {
namespace {

wall_time modified(file_identity const& file) { return wall_time{std::chrono::nanoseconds(file.modified_ns)}; }

std::string words(file_identity const& file) {
  return std::to_string(file.bytes) + " bytes of " + print_rfc3339(modified(file));
}

std::string what_changed(std::string const& path, file_identity const& loaded,
                         std::optional<file_identity> const& seen) {
  if (!seen) return "the file '" + path + "' that was loaded (" + words(loaded) + ") is not there any more";
  return "the file '" + path + "' is not the one that was loaded: it has " + words(*seen) + ", what was loaded had " +
         words(loaded);
}

constexpr char const* how_to_mend =
    "put the old file back; or, to load the new one, give it a path of its own and apply that, or restart the agent";

} // namespace

result<void> loaded_file::blocking_admit() {
  if (path_.empty()) return {};
  auto const seen = blocking_identify_file(path_);
  bool const same = blocking_is_same(seen);
  note(seen, same);
  std::scoped_lock const lock(mutex_);
  if (!same) return fail(error_code::invalid_input, what_changed(path_, *loaded_, seen), how_to_mend);
  started_on_ = seen;
  return {};
}

bool loaded_file::confirm() {
  std::scoped_lock const lock(mutex_);
  if (!started_on_) return false;
  bool const first = !loaded_;
  loaded_ = started_on_;
  if (!first) return false;
  digest_ = known_->find(*loaded_).value_or("");
  return digest_.empty();
}

// Of the file as it is while it is read: nothing is known of one that changes meanwhile.
result<std::string> loaded_file::blocking_read_digest(std::optional<file_identity> const& seen) {
  if (auto known = seen ? known_->find(*seen) : std::nullopt) return *std::move(known);
  auto digest = blocking_digest_model(path_, abandoned_);
  if (!digest) return digest;
  if (!seen || blocking_identify_file(path_) != seen)
    return fail(error_code::conflict, "'" + path_ + "' changed while it was read");
  known_->note(*seen, *digest);
  return digest;
}

bool loaded_file::blocking_digest() {
  auto const seen = blocking_identify_file(path_);
  auto digest = blocking_read_digest(seen);
  std::scoped_lock const lock(mutex_);
  if (!digest || seen != loaded_) return false; // another file by now
  digest_ = *std::move(digest);
  return true;
}

bool loaded_file::blocking_look() {
  auto const before = issue();
  auto const seen = blocking_identify_file(path_);
  note(seen, blocking_is_same(seen));
  return issue() != before;
}

// Reads the file where its content can say more than its identity.
bool loaded_file::blocking_is_same(std::optional<file_identity> const& seen) {
  std::string wanted;
  {
    std::scoped_lock const lock(mutex_);
    if (!loaded_ || seen == loaded_) return true;
    if (!seen || digest_.empty() || seen->bytes != loaded_->bytes || seen == other_) return false;
    wanted = digest_;
  }
  auto const found = blocking_read_digest(seen);
  std::scoped_lock const lock(mutex_);
  bool const same = found && *found == wanted;
  if (!same && found) other_ = seen;
  return same;
}

void loaded_file::note(std::optional<file_identity> const& seen, bool same) {
  std::scoped_lock const lock(mutex_);
  if (!loaded_) return;
  issue_.reset();
  if (same)
    loaded_ = seen; // touched, or brought back
  else
    issue_ = state_issue{state_issue_kind::model_changed,
                         what_changed(path_, *loaded_, seen) + ". What was loaded serves on; " + how_to_mend + "."};
}

std::optional<model_file> loaded_file::facts() const {
  std::scoped_lock const lock(mutex_);
  if (!loaded_) return std::nullopt;
  return model_file{loaded_->bytes, modified(*loaded_), digest_};
}

std::optional<state_issue> loaded_file::issue() const {
  std::scoped_lock const lock(mutex_);
  return issue_;
}

} // namespace paddler
