// FUZ-12, rows: what stands in the state database is hostile input even where its digests are right. A row is refused
// with its reason, or it is a record, or a snapshot, that comes back from its own row; and whatever it says, however
// invalid as a wish, state can be made of it, gone on from it, and folded into a snapshot again.
//
// An input is "record" or "snapshot" on a line, then each column on a line, then the document.
#include "core/balancer_core.hpp"
#include "core/state/desired_state.hpp"
#include "store/record_row.hpp"
#include "target.hpp"

#include <string>

namespace paddler {
namespace {

std::string next_line(std::string_view& text) {
  auto const end = text.find('\n');
  std::string line(text.substr(0, end));
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

void must_be_refused(error const& reason) {
  must(reason.code == error_code::storage && !reason.message.empty() && !reason.hint.empty());
}

// Going on from it, from its snapshot, and from that one's row is the same.
void must_go_on(desired_state const& state) {
  auto const folded = state.snapshot({});
  auto const back = from_row(to_row(folded, {}));
  must(back.has_value() && *back == folded);
  desired_state resumed(folded);
  must(resumed.snapshot({}) == folded);
  must(resumed.applicable_states() == state.applicable_states());
  agent_spec joins{.id = {"joins"}, .desired_model = {}, .model = "m", .slots = 1, .max_context_length = {}};
  log_record const next{state.current().next(), {}, {source_kind::discovery, "joins"}, {{joins}, {}}, {}};
  auto whole = state;
  must(whole.apply(next).agents == resumed.apply(next).agents);
  must(whole.snapshot({}) == resumed.snapshot({}));
}

void check_record(std::string_view text) {
  record_row row;
  row.revision = 1;
  for (auto* column : {&row.at, &row.source_kind, &row.source_name, &row.actor, &row.origin}) *column = next_line(text);
  row.document = text;
  auto const record = from_row(row);
  if (!record) return must_be_refused(record.error());
  auto const again = from_row(to_row(*record));
  must(again.has_value() && *again == *record);
  desired_state state;
  state.apply(*record);
  must_go_on(state);
  balancer_core core({}, {1});
  core.restore({}, {&*record, 1});
  must(core.desired().snapshot({}) == state.snapshot({}));
}

void check_snapshot(std::string_view text) {
  snapshot_row row;
  row.taken = next_line(text);
  row.content = text;
  if (auto const wrong = from_row(row); !wrong) must_be_refused(wrong.error());
  // The number beside it is right only by accident: take it from the content.
  for (std::uint64_t const number : {0U, 1U, 7U}) {
    row.revision = number;
    auto const snapshot = from_row(row);
    if (!snapshot) continue;
    must(snapshot->at.value == number);
    auto const again = from_row(to_row(*snapshot, {}));
    must(again.has_value() && *again == *snapshot);
    must_go_on(desired_state(*snapshot));
  }
}

} // namespace
} // namespace paddler

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto text = paddler::as_text(data, size);
  auto const kind = paddler::next_line(text);
  if (kind == "record") paddler::check_record(text);
  if (kind == "snapshot") paddler::check_snapshot(text);
  return 0;
}
