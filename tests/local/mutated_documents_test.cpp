// REC-11: good documents that are made bad, one change or several at a time, in every field there is. Each is refused
// with the place, what is wrong and how to mend it, all that is wrong of a stage at once; and nothing changes.
#include "base/random.hpp"
#include "harness/doors.hpp"
#include "harness/local_cluster.hpp"
#include "harness/system_test.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace paddler_test {
namespace {

namespace json = boost::json;

// One line of a YAML document: where it stands, and what it says.
struct document_line {
  std::string indent; // with the dash of a list
  std::string key;
  std::string value;
  std::string path;
};

using document = std::vector<document_line>;

document good_document() {
  return {
      {"", "agents", "", "agents"},
      {"  - ", "id", "a1", "agents[0].id"},
      {"    ", "model", "sim", "agents[0].model"},
      {"    ", "slots", "1", "agents[0].slots"},
      {"    ", "max_context_length", "1000000", "agents[0].max_context_length"},
      {"    ", "desired_model", "", "agents[0].desired_model"},
      {"      ", "source", "local", "agents[0].desired_model.source"},
      {"      ", "path", "/models/sim.gguf", "agents[0].desired_model.path"},
      {"  - ", "id", "a2", "agents[1].id"},
      {"    ", "model", "code", "agents[1].model"},
      {"    ", "slots", "2", "agents[1].slots"},
      {"    ", "desired_model", "", "agents[1].desired_model"},
      {"      ", "source", "huggingface", "agents[1].desired_model.source"},
      {"      ", "model_id", "Qwen/Qwen3-0.6B-GGUF", "agents[1].desired_model.model_id"},
      {"      ", "revision", "main", "agents[1].desired_model.revision"},
      {"      ", "quantization", "Q8_0", "agents[1].desired_model.quantization"},
      {"", "models", "", "models"},
      {"  - ", "id", "sim", "models[0].id"},
      {"    ", "parameters", "", "models[0].parameters"},
      {"      ", "temperature", "0.7", "models[0].parameters.temperature"},
      {"      ", "top_p", "0.9", "models[0].parameters.top_p"},
      {"      ", "top_k", "40", "models[0].parameters.top_k"},
      {"      ", "min_p", "0.1", "models[0].parameters.min_p"},
      {"      ", "repeat_penalty", "1.1", "models[0].parameters.repeat_penalty"},
      {"      ", "presence_penalty", "0.5", "models[0].parameters.presence_penalty"},
      {"      ", "frequency_penalty", "-0.5", "models[0].parameters.frequency_penalty"},
      {"      ", "max_tokens", "1024", "models[0].parameters.max_tokens"},
      {"      ", "seed", "7", "models[0].parameters.seed"},
      {"  - ", "id", "code", "models[1].id"},
      {"    ", "chat_template", "\"{{ messages }}\"", "models[1].chat_template"},
      {"", "policies", "", "policies"},
      {"  ", "routing", "", "policies.routing"},
      {"    ", "strategy", "prefix", "policies.routing.strategy"},
      {"    ", "saturation_percent", "25", "policies.routing.saturation_percent"},
      {"  ", "queue", "", "policies.queue"},
      {"    ", "max_requests", "1024", "policies.queue.max_requests"},
      {"    ", "max_bytes", "268435456", "policies.queue.max_bytes"},
      {"    ", "timeout_seconds", "60", "policies.queue.timeout_seconds"},
      {"  ", "limits", "", "policies.limits"},
      {"    ", "requests_per_minute", "600", "policies.limits.requests_per_minute"},
      {"    ", "concurrent_requests", "8", "policies.limits.concurrent_requests"},
      {"    ", "priority_header", "accept", "policies.limits.priority_header"},
      {"  ", "retries", "", "policies.retries"},
      {"    ", "max_attempts", "3", "policies.retries.max_attempts"},
      {"    ", "budget_percent", "20", "policies.retries.budget_percent"},
      {"    ", "burst", "100", "policies.retries.burst"},
      {"  ", "resume", "", "policies.resume"},
      {"    ", "max_resumes", "3", "policies.resume.max_resumes"},
      {"    ", "wait_seconds", "30", "policies.resume.wait_seconds"},
  };
}

std::string text_of(document const& lines) {
  std::string out;
  for (auto const& line : lines)
    out += line.indent + line.key + ":" + (line.value.empty() ? "" : " " + line.value) + "\n";
  return out;
}

bool is_number(document_line const& line) {
  return !line.value.empty() && line.value.find_first_not_of("-.0123456789") == std::string::npos;
}

bool is_text(document_line const& line) { return !line.value.empty() && !is_number(line); }

std::string parent_of(std::string const& path) {
  auto const dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot + 1);
}

// What was done to a document, and what the refusal has to say. The stage: 0 is text, 1 shape, 2 meaning.
struct mutation {
  std::string what;
  int stage = 1;
  std::size_t line = 0; // mutations of one line do not go together
  std::function<void(document&)> apply;
  std::string path;          // "": of the text as a whole
  std::string hint;          // stands in the hint
  std::string_view key = {}; // that was meant, for a misspelt one
};

using mutations = std::vector<mutation>;

std::function<void(document&)> set_value(std::size_t at, std::string value) {
  return [at, value = std::move(value)](document& lines) { lines[at].value = value; };
}

// --- shape ---

// One letter more, less or another.
std::string misspelt(std::string key, random_source& random) {
  auto const at = 1 + random.below(key.size() - 1);
  switch (random.below(3)) {
  case 0: return key.insert(at, 1, key[at]);
  case 1: return key.erase(at, 1);
  default: key[at] = key[at] == 'x' ? 'y' : 'x'; return key;
  }
}

void add_misspelt_keys(mutations& out, random_source& random) {
  std::set<std::string> known{"top_"}; // which of the two was meant?
  auto const good = good_document();
  for (auto const& line : good) known.insert(line.key);
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto const wrong = misspelt(good[i].key, random);
    if (known.contains(wrong)) continue;
    bool const is_near = good[i].key.size() >= 4; // a letter in three may be wrong
    out.push_back({"'" + wrong + "' for '" + good[i].key + "'", 1, i,
                   [i, wrong](document& lines) { lines[i].key = wrong; }, parent_of(good[i].path) + wrong,
                   is_near ? "did you mean \"" + good[i].key + "\"?" : "valid keys: "});
  }
}

// Of fields that are one of a few words, the first of these.
std::map<std::string, std::string> const first_words{
    {"source", "huggingface"}, {"strategy", "prefix"}, {"priority_header", "lower_only"}};

void add_wrong_types(mutations& out) {
  auto const good = good_document();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto const& line = good[i];
    if (line.value.empty()) {
      // The lines beneath it go, else they would not be YAML any more.
      out.push_back({"a word for " + line.path, 1, i,
                     [i, path = line.path](document& lines) {
                       lines[i].value = "word";
                       std::erase_if(lines, [&](auto const& each) {
                         return each.path.starts_with(path + ".") || each.path.starts_with(path + "[");
                       });
                     },
                     line.path, "write "});
      continue;
    }
    auto const add = [&](std::string value, std::string hint) {
      out.push_back({value + " for " + line.path, 1, i, set_value(i, value), line.path, std::move(hint)});
    };
    add("[1]", "write ");
    add("{a: 1}", "write ");
    auto const words = first_words.find(line.key);
    auto const wanted = words == first_words.end() ? "" : "write " + words->second;
    add("", wanted.empty() ? "give it a value" : wanted);
    if (is_text(line)) {
      add("12", wanted.empty() ? "quotes" : wanted);
      add("true", wanted.empty() ? "quotes" : wanted);
    } else {
      add("four", "write a number");
      add("\"" + line.value + "\"", "without quotes");
      add("012", "decimal");
    }
  }
}

void add_yaml_tricks(mutations& out) {
  auto const good = good_document();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto const& line = good[i];
    if (line.value.empty()) continue;
    auto const add = [&](std::string value, std::string hint) {
      out.push_back({value + " for " + line.path, 1, i, set_value(i, value), line.path, std::move(hint)});
    };
    add("&x " + line.value, "remove the anchor");
    add("!!python/object " + line.value, "remove the tag");
    out.push_back({line.path + " twice", 1, i,
                   [i](document& lines) {
                     auto again = lines[i];
                     if (again.indent.ends_with("- ")) again.indent = "    ";
                     lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(i) + 1, again);
                   },
                   line.path, "keep one of the two"});
  }
}

// --- meaning ---

void add_out_of_range(mutations& out) {
  std::map<std::string, std::vector<std::string>> const bad{
      {"slots", {"0", "-1", "257"}},
      {"max_context_length", {"15", "0", "16777217"}},
      {"temperature", {"-0.1", "10.1", "1e9"}},
      {"top_p", {"-1", "1.01"}},
      {"top_k", {"-1", "1000001"}},
      {"min_p", {"-0.5", "2"}},
      {"repeat_penalty", {"0", "11"}},
      {"presence_penalty", {"-2.1", "2.1"}},
      {"frequency_penalty", {"-3", "3"}},
      {"max_tokens", {"0", "16777217"}},
      {"seed", {"-1", "4294967296"}},
      {"saturation_percent", {"-1", "101"}},
      {"max_requests", {"-1", "1000001"}},
      {"max_bytes", {"0", "1099511627777"}},
      {"timeout_seconds", {"0", "86401"}},
      {"requests_per_minute", {"0", "1000001"}},
      {"concurrent_requests", {"0", "1000001"}},
      {"max_attempts", {"0", "101"}},
      {"budget_percent", {"-1", "101"}},
      {"burst", {"-1", "1000001"}},
      {"max_resumes", {"-1", "101"}},
      {"wait_seconds", {"0", "86401"}},
  };
  auto const good = good_document();
  for (std::size_t i = 0; i < good.size(); ++i)
    if (auto const at = bad.find(good[i].key); at != bad.end())
      for (auto const& value : at->second)
        out.push_back({value + " for " + good[i].path, 2, i, set_value(i, value), good[i].path, "give a value from "});
}

void add_wrong_meanings(mutations& out) {
  auto const good = good_document();
  auto const add = [&](std::string const& path, std::string value, std::string wrong, std::string hint) {
    auto const at = std::ranges::find(good, path, &document_line::path);
    auto const i = static_cast<std::size_t>(at - good.begin());
    out.push_back({value + " for " + path, 2, i, set_value(i, value), std::move(wrong), std::move(hint)});
  };
  for (auto const* bad : {"\"a b\"", "\"\xc3\xa4\"", "\"-a\"", "\"a\\n\"", "\"../x y\""})
    for (auto const* path : {"agents[0].id", "agents[1].id"}) add(path, bad, path, "letters, digits");
  add("agents[1].id", "a1", "agents[1].id", "an id of its own");
  add("models[1].id", "sim", "models[1].id", "an id of its own");
  for (auto const* bad : {"m.gguf", "./m.gguf", "~/m.gguf", "\"\""})
    add("agents[0].desired_model.path", bad, "agents[0].desired_model.path", "");
  add("agents[0].desired_model.source", "url", "agents[0].desired_model.url", "needs it");
  add("agents[0].desired_model.source", "huggingface", "agents[0].desired_model.path", "remove it");
  add("agents[1].desired_model.source", "local", "agents[1].desired_model.revision", "remove it");
  add("agents[1].desired_model.model_id", "\"\"", "agents[1].desired_model.model_id", "needs it");
}

// What shows only in all documents together. By itself, since the stage before it comes first.
void add_unknown_references(mutations& out) {
  for (auto const* near : {"sin", "simm", "im"})
    out.push_back(
        {std::string(near) + " for a model", 3, 2, set_value(2, near), "agents[0].model", "did you mean 'sim'?"});
  for (auto const* near : {"cod", "code2", "Code"})
    out.push_back(
        {std::string(near) + " for a model", 3, 9, set_value(9, near), "agents[1].model", "did you mean 'code'?"});
  out.push_back({"another model", 3, 9, set_value(9, "quite-another"), "agents[1].model", "there are: "});
}

// --- text ---

// Bytes that no text has, at the end of a line, and what is no YAML.
std::vector<bad_input> bad_texts(random_source& random) {
  std::vector<bad_input> out;
  auto const good = good_document();

  struct trick {
    char const* what;
    std::string bytes;
    int status;
    char const* said;
  };

  std::vector<trick> const tricks{
      {"a byte of Latin-1", "\xe4", 400, "UTF-8"},      {"half a character", "\xc3", 400, "UTF-8"},
      {"a surrogate", "\xed\xa0\x80", 400, "UTF-8"},    {"an overlong slash", "\xc0\xaf", 400, "UTF-8"},
      {"a zero", std::string(1, '\0'), 400, "control"}, {"an escape", "\x1b[31m", 400, "control"},
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto const& trick = tricks[random.below(tricks.size())];
    auto lines = good;
    lines[i].value += trick.bytes;
    out.push_back({std::string(trick.what) + " in " + lines[i].path, text_of(lines), trick.status, {trick.said}});
    lines = good;
    lines[i].indent.insert(0, "\t");
    if (i > 0) out.push_back({"a tab before " + lines[i].path, text_of(lines), 422, {"tab"}});
    lines = good;
    lines[i].value = "\"" + lines[i].value;
    if (lines[i].value.find('"', 1) == std::string::npos)
      out.push_back({"a quote that is not closed in " + lines[i].path, text_of(lines), 422, {"hint"}});
  }
  return out;
}

// --- what is refused ---

struct refusal {
  std::string path;
  std::string hint;
  std::string message;
};

std::string string_at(json::object const& from, std::string_view key) { return paddler_test::text_of(from, key); }

std::vector<refusal> refusals_of(http_answer const& answer) {
  std::vector<refusal> out;
  auto const body = json::parse(answer.body).as_object();
  auto const* errors = body.if_contains("errors");
  if (errors == nullptr) return out;
  for (auto const& each : errors->as_array()) {
    auto const& error = each.as_object();
    out.push_back({string_at(error, "path"), string_at(error, "hint"), string_at(error, "message")});
  }
  return out;
}

void expect_named(std::vector<refusal> const& found, mutation const& wanted) {
  auto const at = std::ranges::find_if(found, [&](refusal const& each) {
    return each.path == wanted.path && each.hint.find(wanted.hint) != std::string::npos;
  });
  if (at != found.end()) return;
  std::string all;
  for (auto const& each : found) all += "\n  " + each.path + ": " + each.message + " (" + each.hint + ")";
  ADD_FAILURE() << "nothing names " << wanted.path << " with '" << wanted.hint << "', but" << all;
}

// The state before, whatever was handed in since.
class untouched {
public:
  static task<untouched> look(cluster_api api) {
    untouched out(api);
    out.desired_ = co_await api.desired();
    out.explained_ = co_await out.explained();
    co_return out;
  }

  task<> expect_so() const {
    auto const now = co_await api_.desired();
    EXPECT_EQ(now, desired_);
    auto const explained_now = co_await explained();
    EXPECT_EQ(explained_now, explained_);
  }

private:
  explicit untouched(cluster_api api) : api_(std::move(api)) {}

  // Who decides what, since which revision: it moves with any record.
  task<std::string> explained() const {
    auto const answer = co_await ask(api_.management(), "GET", "/management/v1/explain");
    EXPECT_EQ(answer.status, 200);
    co_return answer.body;
  }

  cluster_api api_;
  desired_answer desired_;
  std::string explained_;
};

task<> expect_refused(cluster_api api, std::string text, std::vector<mutation const*> wanted) {
  auto const answer = co_await api.put_desired(text);
  EXPECT_EQ(answer.status, 422) << answer.body << "\n" << text;
  if (answer.status < 400) co_return;
  auto const found = refusals_of(answer);
  for (auto const* each : wanted) expect_named(found, *each);
  for (auto const& each : found) {
    EXPECT_FALSE(each.message.empty());
    EXPECT_FALSE(each.hint.empty()) << each.path << ": " << each.message;
    EXPECT_FALSE(each.path.empty()) << each.message;
  }
}

mutations all_mutations(random_source& random) {
  mutations out;
  for (int round = 0; round < 3; ++round) add_misspelt_keys(out, random);
  add_wrong_types(out);
  add_yaml_tricks(out);
  add_out_of_range(out);
  add_wrong_meanings(out);
  add_unknown_references(out);
  return out;
}

SYSTEM_TEST(mutated_documents, REC_11_each_change_for_the_worse_is_refused_with_its_place, local_cluster) {
  co_await cluster.start(text_of(good_document()));
  random_source random(11);
  auto const all = all_mutations(random);
  EXPECT_GE(all.size(), 300U);
  testing::Test::RecordProperty("documents", static_cast<int>(all.size()));
  auto const before = co_await untouched::look(cluster.api());
  for (auto const& each : all) {
    SCOPED_TRACE(each.what);
    auto lines = good_document();
    each.apply(lines);
    std::vector<mutation const*> const only(1, &each);
    co_await expect_refused(cluster.api(), text_of(lines), only);
    co_await before.expect_so();
  }
}

// Several at once: all of the first stage that finds any are named together.
SYSTEM_TEST(mutated_documents, REC_11_all_that_is_wrong_of_a_stage_is_named_at_once, local_cluster) {
  co_await cluster.start(text_of(good_document()));
  random_source random(12);
  auto const all = all_mutations(random);
  auto const before = co_await untouched::look(cluster.api());
  for (int round = 0; round < 120; ++round) {
    int const stage = 1 + round % 2;
    std::map<std::size_t, mutation const*> chosen; // by line, from the last to the first, so that no line moves
    while (chosen.size() < 4) {
      auto const& each = all[random.below(all.size())];
      // What takes lines away, or ids that others are compared with, is not for company.
      bool const is_alone = good_document()[each.line].value.empty() || good_document()[each.line].key == "id" ||
                            good_document()[each.line].key == "source";
      if (each.stage == stage && !is_alone) chosen.emplace(each.line, &each);
    }
    auto lines = good_document();
    std::vector<mutation const*> wanted;
    std::string what;
    for (auto at = chosen.rbegin(); at != chosen.rend(); ++at) {
      at->second->apply(lines);
      wanted.push_back(at->second);
      what += at->second->what + "; ";
    }
    SCOPED_TRACE(what);
    co_await expect_refused(cluster.api(), text_of(lines), std::move(wanted));
  }
  co_await before.expect_so();
}

SYSTEM_TEST(mutated_documents, REC_11_what_is_no_text_or_no_yaml_is_refused_and_explained, local_cluster) {
  co_await cluster.start(text_of(good_document()));
  random_source random(13);
  auto const before = co_await untouched::look(cluster.api());
  auto texts = bad_texts(random);
  EXPECT_GE(texts.size(), 60U);
  testing::Test::RecordProperty("documents", static_cast<int>(texts.size()));
  http_headers yaml;
  yaml.emplace_back("Content-Type", "application/yaml");
  co_await send_bad_bodies(cluster.api().management(), "PUT", "/management/v1/desired", yaml, std::move(texts));
  co_await before.expect_so();
}

} // namespace
} // namespace paddler_test
