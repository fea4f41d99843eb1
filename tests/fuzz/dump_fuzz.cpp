// FUZ: a dump from anywhere, cut, changed or made up: it is refused with its reason and a hint, or it is decided again
// to a report, the same each time, whose decisions are those of its log as far as they can be made. So are the routes
// of its requests, whatever numbers they are made of.
#include "core/replay.hpp"
#include "target.hpp"
#include "wire/dump_codec.hpp"

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using paddler::must;
  auto const dump = paddler::parse_dump(paddler::as_text(data, size));
  if (!dump) {
    must(!dump.error().message.empty() && !dump.error().hint.empty());
    return 0;
  }
  auto const report = paddler::replay(*dump);
  if (!report) {
    must(!report.error().message.empty());
    return 0;
  }
  must(report->decisions.size() <= dump->log.size());
  must(report->differences.size() <= paddler::max_replay_differences);
  bool const whole = report->decisions.size() == dump->log.size();
  must(whole || !report->differences.empty());
  for (std::size_t i = 0; i < report->decisions.size(); ++i) must(report->decisions[i].at == dump->log[i].number);
  must(report->requests_compared == (dump->ledger ? dump->ledger->requests.size() : 0));
  auto const again = paddler::replay(*dump);
  must(again.has_value() && again->differences == report->differences);
  return 0;
}
