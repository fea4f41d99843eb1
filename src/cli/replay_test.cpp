#include "cli/command_test.hpp"
#include "cli/replay.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace paddler {
namespace {

using testing::HasSubstr;

// Two changes of one agent, as a balancer writes them down.
constexpr auto dump =
    R"({"format":"paddler-dump/1","taken":"2026-03-01T12:00:00Z","version":"0.1.0","revision":2,"epoch":1,
 "base":null,
 "log":[{"number":1,"at":"2026-03-01T11:00:00Z","source":{"kind":"api","name":""},
         "document":{"agents":[{"id":"a1","slots":4}],"models":[]},"origin":{"actor":"anna","from":"10.0.0.7:1"}},
        {"number":2,"at":"2026-03-01T11:01:00Z","source":{"kind":"file","name":"/c.yaml"},
         "document":{"agents":[{"id":"a1","slots":8}],"models":[]},"origin":{"actor":"file","from":"/c.yaml"}}],
 "desired":{"agents":[{"id":"a1","slots":4}],"models":[]},"applicable":[],
 "conflicts":[{"path":"agents/a1.slots","owner":{"source":{"kind":"api","name":""},"value":4,"since":1},
               "others":[{"source":{"kind":"file","name":"/c.yaml"},"value":8,"since":2}]}],
 "reconciliations":[],
 "events":[{"id":"1-1","type":"config.changed","revision":1,"time":"2026-03-01T11:00:00Z",
            "data":{"source":{"kind":"api","name":""},"origin":{"actor":"anna","from":"10.0.0.7:1"},
                    "changes":[{"path":"agents/a1","after":true},{"path":"agents/a1.slots","after":4}],"more_changes":0,"agents":[]}},
           {"id":"1-2","type":"config.changed","revision":2,"time":"2026-03-01T11:01:00Z",
            "data":{"source":{"kind":"file","name":"/c.yaml"},"origin":{"actor":"file","from":"/c.yaml"},
                    "changes":[],"more_changes":0,"agents":[]}},
           {"id":"1-3","type":"config.lost","revision":2,"time":"2026-03-01T11:01:00Z",
            "data":{"loss":{"path":"agents/a1.slots","lost":{"source":{"kind":"file","name":"/c.yaml"},"value":8,"since":2},
                            "winner":{"source":{"kind":"api","name":""},"value":4,"since":1}}}}]})";

struct outcome {
  exit_code code;
  std::string said;
  std::string noted;
};

outcome replayed(std::string const& text) {
  auto const file = std::filesystem::temp_directory_path() / ("paddler-replay-" + std::to_string(getpid()) + ".json");
  std::ofstream(file) << text;
  test_console console;
  auto const code = run_replay({file.string()}, console.terminal);
  std::filesystem::remove(file);
  return {code, console.said(), console.noted()};
}

std::string with(std::string const& before, std::string const& after) {
  std::string out = dump;
  auto const at = out.rfind(before);
  EXPECT_NE(at, std::string::npos) << before;
  return at == std::string::npos ? out : out.replace(at, before.size(), after);
}

TEST(RunReplay, PrintsEachDecisionAndThatAllAreEqual) {
  auto const out = replayed(dump);
  EXPECT_EQ(out.code, exit_code::success) << out.said << out.noted;
  EXPECT_EQ(out.said,
            "revision 1 2026-03-01T11:00:00Z api, anna from 10.0.0.7:1\n"
            "  + agents/a1\n"
            "  + agents/a1.slots: 4\n"
            "revision 2 2026-03-01T11:01:00Z file /c.yaml, file from /c.yaml\n"
            "  nothing in effect changes\n"
            "  ! agents/a1.slots: 8 of file /c.yaml is not in effect: api decides it (4)\n"
            "2 decisions, all equal to the originals (compared: 2 changes and 1 lost fields as they were told, 0 "
            "deliveries, 0 applicable states, 1 conflict; 0 requests with 0 steps and 0 routes)\n");
}

TEST(RunReplay, PrintsEachDifference) {
  auto const told = replayed(with(R"("path":"agents/a1.slots","after":4)", R"("path":"agents/a1.slots","after":5)"));
  EXPECT_EQ(told.code, exit_code::different);
  EXPECT_THAT(told.said, HasSubstr("revision 1: changes told: agents/a1.slots nothing -> 5; decided: agents/a1.slots "
                                   "nothing -> 4\n2 decisions, 1 difference ("));
  auto const lost = replayed(with(R"("value":8,"since":2},
                            "winner")",
                                  R"("value":9,"since":2},
                            "winner")"));
  EXPECT_THAT(lost.said, HasSubstr("revision 2: losses told"));
}

// Of one request, which runs.
constexpr auto ledger = R"("ledger":{"left_out":3,"requests":[{"id":"r1","state":"routed","tries":1,
  "steps":[{"at":"2026-03-01T11:00:00Z","state":"queued","attempt":0},
           {"at":"2026-03-01T11:00:00Z","state":"routed","attempt":1}],
  "attempts":[{"number":1,"agent":"a1","version":1}],
  "routes":[{"attempt":1,"agent":"a1","engine":0,"reason":"load","policies":0,"strategy":"prefix",
             "saturation_percent":25,"full_load_nanoseconds":1000000000,"pace_percent":10,"prompt_blocks":2,"turn":0,
             "candidates":[{"agent":"a1","engine":0,"busy":1,"total":4,"score":{"load_nanoseconds":250000000}}]}]}]},
 "events":[{"id":"1-1")";

TEST(RunReplay, DecidesRequestsAgain) {
  auto const whole = with(R"("events":[{"id":"1-1")", ledger);
  auto const equal = replayed(whole);
  EXPECT_EQ(equal.code, exit_code::success) << equal.said << equal.noted;
  EXPECT_THAT(equal.said, HasSubstr("1 conflict; 1 request with 2 steps and 1 route; 3 older requests left out of the "
                                    "dump)\n"));
  auto changed = whole;
  changed.replace(changed.find("250000000"), 9, "250000001");
  auto const told = replayed(changed);
  EXPECT_EQ(told.code, exit_code::different);
  EXPECT_THAT(told.said, HasSubstr("request r1: attempt 1 at a1: load told: 250000001 ns; decided: 250000000 ns\n"
                                   "2 decisions, 1 difference ("));
}

TEST(RunReplay, RefusesWhatIsNoDump) {
  struct row {
    std::string text;
    char const* said;
  };

  std::string const whole = dump;
  for (auto const& [text, said] : std::vector<row>{
           {"", "this is no dump"},
           {whole.substr(0, whole.size() / 2), "this is no dump"},
           {"[]", "names no format"},
           {R"({"format":"paddler-dump/9"})", "'paddler-dump/9', not paddler-dump/1"},
           {R"({"format":"paddler-dump/1"})", "version: is missing"},
           {with(R"("revision":2,"epoch")", R"("revision":"two","epoch")"), "revision"},
           {with(R"("id":"1-3")", R"("id":"x")"), "events[2].id: is no id of an event"},
           {with("config.lost", "config.found"), "events[2].type: is no type of events: 'config.found'"},
           {with(R"("number":2)", R"("number":-2)"), "log[1].number"},
           {with(R"("base":null)", R"("base":7)"), "base"},
       }) {
    auto const out = replayed(text);
    EXPECT_EQ(out.code, exit_code::invalid) << text;
    EXPECT_EQ(out.said, "") << text;
    EXPECT_THAT(out.noted, HasSubstr(said));
  }
  test_console missing;
  EXPECT_EQ(run_replay({"/no/dump.json"}, missing.terminal), exit_code::not_found);
}

} // namespace
} // namespace paddler
