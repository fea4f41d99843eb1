#include "balancer/file_source.hpp"

#include "runtime/log.hpp"
#include "runtime/timer.hpp"
#include "wire/desired_codec.hpp"

namespace paddler {
namespace {

result<desired_document> blocking_load(watched_file& file, std::string const& path, std::size_t max_bytes) {
  auto const text = file.blocking_read(max_bytes);
  if (!text) return std::unexpected(text.error());
  return parse_desired(*text, path.ends_with(".json") ? document_format::json : document_format::yaml);
}

constexpr auto retry = std::chrono::seconds(2); // where the state database could not take it

// Nothing is wrong with the file.
bool may_work_later(error const& why) { return why.code == error_code::full || why.code == error_code::unavailable; }

} // namespace

file_source::file_source(core_service& core, blocking_executor& pool, std::string path,
                         std::unique_ptr<watched_file> file, std::size_t max_bytes)
    : core_(core), pool_(pool), path_(std::move(path)), file_(std::move(file)), max_bytes_(max_bytes) {}

task<result<change_outcome>> file_source::load() {
  auto document = co_await run_blocking(pool_, [this] { return blocking_load(*file_, path_, max_bytes_); });
  if (!document) co_return std::unexpected(document.error());
  desired_change change;
  change.source = {source_kind::file, path_};
  change.document = std::move(*document);
  change.origin = {"file", path_};
  co_return co_await core_.submit(std::move(change));
}

task<> file_source::watch() {
  co_await file_->start();
  do {
    auto loaded = co_await load();
    while (!loaded && may_work_later(loaded.error())) {
      log_warn("desired.file_waits", path_ + " is tried again: " + describe(loaded.error()), {{"path", path_}});
      if (!co_await sleep_for(retry)) co_return;
      loaded = co_await load();
    }
    if (loaded) {
      log_info("desired.file_loaded", "the configuration file is in force",
               {{"path", path_}, {"revision", loaded->at.value}});
    } else {
      log_error("desired.file_refused",
                path_ + " was not taken; what was in force stays: " + describe(loaded.error()) +
                    "\nMend the file: it is read again when it changes.",
                {{"path", path_}});
    }
  } while (co_await file_->next_change());
}

} // namespace paddler
