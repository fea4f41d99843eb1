#include "store/record_row.hpp"

#include "base/text.hpp"
#include "model/words.hpp"
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"
#include "wire/rfc3339.hpp"

#include <boost/describe/enum_from_string.hpp>

#include <stdexcept>

namespace paddler {
namespace {

// What every source says, in one document: each had its own limits.
constexpr document_limits snapshot_limits{std::size_t{1} << 30, 50'000'000};

constexpr std::string_view restore_hint = "restore the state database from a backup";

std::unexpected<error> unreadable(record_row const& row, std::string const& why) {
  return fail(error_code::storage,
              "revision " + std::to_string(row.revision) + " of the event log cannot be read: " + why,
              std::string(restore_hint));
}

std::unexpected<error> unreadable(snapshot_row const& row, std::string const& why) {
  return fail(error_code::storage,
              "the snapshot at revision " + std::to_string(row.revision) + " cannot be read: " + why,
              std::string(restore_hint));
}

} // namespace

record_row to_row(log_record const& record) {
  return record_row{
      record.number.value, print_rfc3339(record.at), std::string(to_string(record.source.kind)), record.source.name,
      record.origin.actor, record.origin.from,       print_json(to_document(record.document))};
}

result<log_record> from_row(record_row const& row) {
  log_record record;
  record.number = {row.revision};
  auto const at = parse_rfc3339(row.at);
  if (!at) return unreadable(row, "its time is wrong");
  record.at = *at;
  if (!boost::describe::enum_from_string(row.source_kind.c_str(), record.source.kind))
    return unreadable(row, "there is no kind of source `" + clipped(row.source_kind) + "`");
  if (!is_valid_utf8(row.source_name)) return unreadable(row, "the name of its source is not UTF-8");
  record.source.name = row.source_name;
  record.origin = {row.actor, row.origin};
  auto const node = parse_json(row.document, own_document_limits);
  if (!node) return unreadable(row, describe(node.error()));
  auto document = from_document<desired_document>(*node, unknown_keys::refuse);
  if (!document) return unreadable(row, describe(document.error()));
  record.document = *std::move(document);
  return record;
}

snapshot_row to_row(state_snapshot const& snapshot, row_digest const& log_digest) {
  return {snapshot.at.value, print_rfc3339(snapshot.taken), print_json(to_document(snapshot)), log_digest};
}

result<state_snapshot> from_row(snapshot_row const& row) {
  auto const node = parse_json(row.content, snapshot_limits);
  if (!node) return unreadable(row, describe(node.error()));
  auto snapshot = from_document<state_snapshot>(*node, unknown_keys::refuse);
  if (!snapshot) return unreadable(row, describe(snapshot.error()));
  if (snapshot->at.value != row.revision)
    return unreadable(row, "it is of revision " + std::to_string(snapshot->at.value));
  return *std::move(snapshot);
}

row_digest digest_of_identity(std::span<unsigned char const> identity) {
  sha256 hash;
  hash.add(identity);
  return hash.finish();
}

row_digest digest_of_epoch(std::span<unsigned char const> identity, epoch number) {
  sha256 hash;
  hash.add(identity);
  hash.add_number(number.value);
  return hash.finish();
}

row_digest digest_of_row(row_digest const& before, record_row const& row) {
  sha256 hash;
  hash.add(before);
  hash.add_number(row.revision);
  for (auto const* text : {&row.at, &row.source_kind, &row.source_name, &row.actor, &row.origin, &row.document})
    hash.add_text(*text);
  return hash.finish();
}

row_digest digest_of_snapshot(std::span<unsigned char const> identity, snapshot_row const& row) {
  sha256 hash;
  hash.add(identity);
  hash.add(row.log_digest);
  hash.add_number(row.revision);
  hash.add_text(row.taken);
  hash.add_text(row.content);
  return hash.finish();
}

result<void> check_numbers(revision last, std::span<log_record const> records) {
  for (auto const& record : records) {
    if (record.number != last.next()) {
      return fail(error_code::internal, "the event log would get a gap: revision " +
                                            std::to_string(record.number.value) + " does not follow " +
                                            std::to_string(last.value));
    }
    last = record.number;
  }
  return {};
}

result<void> check_compaction(revision first, revision last, revision wanted) {
  if (first <= last && wanted <= last) return {};
  return fail(error_code::internal, "the event log ends at revision " + std::to_string(last.value) +
                                        " and cannot be compacted up to " + std::to_string(wanted.value));
}

} // namespace paddler
