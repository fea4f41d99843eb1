#include "balancer/file_source.hpp"

#include "runtime/log.hpp"
#include "runtime/timer.hpp"
#include "wire/desired_codec.hpp"

#include <utility>

namespace paddler {
namespace {

result<desired_document> blocking_load(watched_file& file, std::string const& path, std::size_t max_bytes) {
  auto const text = file.blocking_read(path, max_bytes);
  if (!text) return std::unexpected(text.error());
  return parse_desired(*text, path.ends_with(".json") ? document_format::json : document_format::yaml);
}

constexpr auto retry = std::chrono::seconds(2); // where the state database could not take it

// Nothing is wrong with the file.
bool may_work_later(error const& why) { return why.code == error_code::full || why.code == error_code::unavailable; }

void log_taken(std::string const& path, admitted_change const& change) {
  log_info("desired.file_loaded", "the configuration file is in force",
           {{"path", path}, {"revision", change.made.at.value}});
  for (auto const& warning : change.warnings) log_warn("desired.file_unchecked", warning, {{"path", path}});
}

} // namespace

std::string without_final_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

file_source::file_source(core_service& core, admission& door, blocking_executor& pool, std::string path,
                         std::unique_ptr<watched_file> file, std::size_t max_bytes)
    : core_(core), door_(door), pool_(pool), path_(std::move(path)), max_bytes_(max_bytes), file_(std::move(file)) {}

task<> file_source::watch() {
  co_await file_->start();
  do {
    if (!co_await bring_in()) co_return;
  } while (co_await file_->next_change());
}

// False when cancelled, as are those below.
task<bool> file_source::bring_in() {
  if (!file_->is_folder()) {
    taken_.clear();
    co_return co_await take(path_);
  }
  auto const files = file_->files();
  if (files.size() > max_files_in_folder) {
    log_error("desired.folder_refused",
              path_ + " has more than " + std::to_string(max_files_in_folder) +
                  " configuration files; none was read, and what was in force stays. Join some of them.",
              {{"path", path_}});
    co_return true;
  }
  if (files.empty())
    log_warn("desired.folder_empty",
             path_ + " has no configuration file: *.yaml, *.yml and *.json in it are read as they come",
             {{"path", path_}});
  for (auto const& [path, file] : files) {
    if (auto const at = taken_.find(path); at != taken_.end() && at->second == file) continue;
    taken_.insert_or_assign(path, file);
    if (!co_await take(path)) co_return false;
  }
  co_return co_await release_what_is_gone();
}

task<bool> file_source::take(std::string path) {
  auto loaded = co_await load(path);
  while (!loaded && may_work_later(loaded.error())) {
    log_warn("desired.file_waits", path + " is tried again: " + describe(loaded.error()), {{"path", path}});
    if (!co_await sleep_for(retry)) co_return false;
    loaded = co_await load(path);
  }
  if (loaded) {
    log_taken(path, *loaded);
  } else {
    log_error("desired.file_refused",
              path + " was not taken; what was in force stays: " + describe(loaded.error()) +
                  "\nMend the file: it is read again when it changes.",
              {{"path", path}});
  }
  co_return true;
}

task<result<admitted_change>> file_source::load(std::string path) {
  auto document = co_await run_blocking(pool_, [this, &path] { return blocking_load(*file_, path, max_bytes_); });
  if (!document) co_return std::unexpected(document.error());
  co_return co_await say(std::move(path), *std::move(document));
}

task<result<admitted_change>> file_source::say(std::string path, desired_document document) {
  desired_change change;
  change.source = {source_kind::file, path};
  change.document = std::move(document);
  change.origin = {"file", std::move(path)};
  co_return co_await door_.submit(std::move(change));
}

// Level-triggered: what the folder's files are known to say, against the files that there are.
task<bool> file_source::release_what_is_gone() {
  auto const known = known_files();
  auto const there = file_->files();
  for (auto const& path : known) {
    if (there.contains(path)) continue;
    taken_.erase(path);
    desired_document const nothing;
    auto released = co_await say(path, nothing);
    while (!released && may_work_later(released.error())) {
      log_warn("desired.file_waits", path + " is gone; releasing it is tried again: " + describe(released.error()),
               {{"path", path}});
      if (!co_await sleep_for(retry)) co_return false;
      released = co_await say(path, nothing);
    }
    if (released)
      log_info("desired.file_released", "the configuration file is gone from its folder: what it said is released",
               {{"path", path}, {"revision", released->made.at.value}});
    else
      log_error("desired.file_refused", path + " is gone, but is not released: " + describe(released.error()),
                {{"path", path}});
  }
  co_return true;
}

// Files right in this folder that say something.
std::set<std::string> file_source::known_files() const {
  std::set<std::string> out;
  auto const prefix = path_ + "/";
  for (auto const& source : core_.core().desired().table().sources())
    if (source.kind == source_kind::file && source.name.starts_with(prefix) &&
        source.name.find('/', prefix.size()) == std::string::npos)
      out.insert(source.name);
  return out;
}

} // namespace paddler
