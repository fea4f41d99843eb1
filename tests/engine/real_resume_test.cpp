// Streams of the real llama.cpp outlive their agents: kill -9 of one of two at any moment under eight streams of the
// demo model, which is sampled greedily. An answer that was cut is the one of a quiet cluster; or, where what was
// delivered of it is cut into other tokens than those of which it was made, it is what a quiet engine says behind that
// part. So no token is lost and none comes twice (REQ-01, RES-01). `make soak` repeats it (scripts/soak).
#include "base/random.hpp"
#include "harness/process_cluster.hpp"
#include "harness/system_test.hpp"
#include "runtime/task_group.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paddler_test {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kills = 3;
constexpr std::uint64_t agents = 2;
constexpr int slots = 4;
constexpr std::size_t streams = 8;
constexpr int max_seams = 2; // in a stream: it goes on elsewhere so often at most

chat_question question_to_demo(std::string text) {
  auto out = question(std::move(text), 200);
  out.model = "demo";
  return out;
}

chat_question question_to_count() { return question_to_demo("Count to 20."); }

std::vector<chat_question> questions() {
  std::vector<chat_question> out;
  for (std::string const animal : {"fox", "cat", "dog", "bear", "rabbit", "owl", "duck", "frog"})
    out.push_back(question_to_demo("Tell me a story about a " + animal + "."));
  for (auto const* text : {"What is Paddler?", "Tell me a story."}) out.push_back(question_to_demo(text));
  out.push_back(question_to_count());
  return out;
}

// A stream as it came.
struct told_stream {
  chat_question asked;
  chat_answer answer;
  std::vector<std::size_t> ends; // of its pieces
  bool was_cut = false;
  std::string attempts; // as the balancer tells them
};

struct tally {
  bool is_over = false;
  std::uint64_t pieces = 0;
  std::vector<told_stream> told;
};

task<told_stream> listen(cluster_api api, chat_question asked, std::string id, tally* of) {
  told_stream out;
  out.asked = asked;
  http_headers headers;
  headers.emplace_back("X-Request-Id", id);
  auto stream = co_await chat_stream::open(api.inference(), std::move(asked), std::move(headers));
  while (co_await stream.read_pieces(out.ends.size() + 1)) {
    out.ends.push_back(stream.so_far().text.size());
    ++of->pieces;
  }
  out.answer = co_await stream.read_to_end();
  auto const page = co_await api.get_json("/management/v1/requests/" + id);
  out.was_cut = page.at("request").at("resumes").to_number<int>() > 0;
  out.attempts = json::serialize(page.at("attempts"));
  co_return out;
}

task<> ask_on_and_on(cluster_api api, std::size_t number, tally* of) {
  auto const all = questions();
  for (std::size_t round = 0; !of->is_over; ++round) {
    auto const& asked = all[(number + round) % all.size()];
    auto told = co_await listen(api, asked, "reader-" + std::to_string(number) + "-" + std::to_string(round), of);
    of->told.push_back(std::move(told));
  }
}

task<std::string> quiet_answer(cluster_api api, chat_question asked) {
  auto const answer = co_await chat(api.inference(), asked);
  EXPECT_TRUE(answer.is_whole()) << answer.error_code << ": " << answer.error_message;
  EXPECT_EQ(answer.finish_reason, "stop") << asked.text;
  co_return answer.text;
}

// The same, but the answer begins so already. One that is no stream has that part in it.
task<std::string> quiet_answer_behind(cluster_api api, chat_question asked, std::string begun) {
  json::object user{{"role", "user"}, {"content", asked.text}};
  json::object assistant{{"role", "assistant"}, {"content", begun}};
  json::object const body{{"model", asked.model},
                          {"messages", json::array{std::move(user), std::move(assistant)}},
                          {"continue_final_message", "content"},
                          {"add_generation_prompt", false}};
  http_headers headers;
  headers.emplace_back("Content-Type", "application/json");
  auto const answer =
      co_await ask(api.inference(), "POST", "/v1/chat/completions", std::move(headers), json::serialize(body));
  require(answer.status == 200, "an engine goes on: " + answer.body);
  co_return content_of(answer);
}

// By which answers are judged that are not the same.
task<> expect_to_go_on(cluster_api api, chat_question counts, std::string whole) {
  auto const half = whole.substr(0, whole.find(',', whole.size() / 2));
  auto const made = co_await quiet_answer_behind(api, std::move(counts), half);
  EXPECT_EQ(made, whole);
}

std::size_t agreement(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Whether an engine that is left to itself says this, from a place between two pieces on. `made` is what it says from
// the beginning on: up to where they part, each such place is looked at, and from the best one the next.
task<bool> goes_on_as_engines_do(cluster_api api, told_stream told, std::string made) {
  auto const& text = told.answer.text;
  for (int seam = 0; seam < max_seams && made != text; ++seam) {
    auto const agreed = agreement(made, text);
    for (auto const end : told.ends) {
      if (end > agreed || made == text) break;
      auto const next = co_await quiet_answer_behind(api, told.asked, text.substr(0, end));
      if (next == text || agreement(next, text) > agreement(made, text)) made = next;
    }
  }
  co_return made == text;
}

struct identity {
  std::size_t count = 0;
  std::size_t same = 0; // byte for byte

  void add(bool is_same) {
    ++count;
    if (is_same) ++same;
  }
};

// Of all repetitions together.
struct findings {
  std::uint64_t kills = 0;
  identity cut;
  identity others;
};

findings& all_findings() {
  static findings all;
  return all;
}

void print(findings const& all) {
  std::cout << all.kills << " kills cut " << all.cut.count << " streams: " << all.cut.same
            << " are the same as in a quiet cluster, as are " << all.others.same << " of " << all.others.count
            << " others\n";
}

class greedy_cluster : public process_cluster {
public:
  using process_cluster::process_cluster;

  void start_agent(std::string const& id) {
    start(id, {"agent", "--balancer", api().management(), "--name", id, "--threads", "1"});
  }
};

std::string want_demo() {
  std::vector<wanted_agent> wanted;
  for (std::uint64_t i = 1; i <= agents; ++i)
    wanted.push_back({.id = "a" + std::to_string(i), .slots = slots, .model = "demo", .path = PADDLER_DEMO});
  return desired_yaml(wanted, {{.id = "demo", .more = "    parameters:\n      temperature: 0\n"}});
}

task<> kill_agents(greedy_cluster* cluster, tally const* seen) {
  constexpr std::uint64_t pieces = 200; // of all streams together: a third of what they are long
  random_source random(repetition() + 1);
  for (std::uint64_t kill = 0; kill < kills; ++kill) {
    co_await cluster->api().until_slots(agents * slots);
    auto const moment = seen->pieces + 1 + random.below(pieces);
    require(co_await eventually(patience, [&] { return seen->pieces >= moment; }), "streams go on");
    auto const id = "a" + std::to_string(1 + random.below(agents));
    co_await cluster->named(id).kill();
    cluster->start_agent(id);
  }
  co_await cluster->api().until_slots(agents * slots);
}

SYSTEM_TEST(real_resume, REQ_01_RES_01_kill_9_of_agents_under_eight_greedy_streams, greedy_cluster) {
  co_await cluster.start_balancer();
  co_await cluster.api().apply(want_demo());
  for (std::uint64_t i = 1; i <= agents; ++i) cluster.start_agent("a" + std::to_string(i));
  co_await cluster.api().until_slots(agents * slots);
  std::map<std::string, std::string> quiet;
  for (auto const& each : questions()) quiet[each.text] = co_await quiet_answer(cluster.api(), each);

  auto const counts = question_to_count();
  co_await expect_to_go_on(cluster.api(), counts, quiet[counts.text]);

  tally seen;
  task_group readers(co_await asio::this_coro::executor, "readers");
  for (std::size_t i = 0; i < streams; ++i) readers.spawn("reader", ask_on_and_on(cluster.api(), i, &seen));
  co_await kill_agents(&cluster, &seen);
  seen.is_over = true;
  co_await readers.join();
  co_await cluster.api().until_idle(agents * slots);

  auto& all = all_findings();
  all.kills += kills;
  std::size_t cut = 0;
  for (auto const& told : seen.told) {
    SCOPED_TRACE(told.asked.text + (told.was_cut ? ", cut" : ""));
    EXPECT_TRUE(told.answer.is_whole()) << told.answer.error_message << ", attempts " << told.attempts;
    auto const& expected = quiet[told.asked.text];
    cut += told.was_cut ? 1 : 0;
    (told.was_cut ? all.cut : all.others).add(told.answer.text == expected);
    bool const is_sound = co_await goes_on_as_engines_do(cluster.api(), told, expected);
    EXPECT_TRUE(is_sound) << told.answer.text << "\nin a quiet cluster: " << expected;
  }
  EXPECT_GT(cut, 0U) << "kills meet streams";
  print(all);
}

} // namespace
} // namespace paddler_test
