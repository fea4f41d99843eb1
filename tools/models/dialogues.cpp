#include "models/dialogues.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

// How often the conversations take a turn; chosen by trying.
constexpr double with_tools = 0.4;
constexpr double with_instructions = 0.5;
constexpr double tool_turn_with_tools = 0.7;
constexpr double about_a_subject = 0.62;
constexpr double here_phrase = 0.12;
constexpr double asked_for_more = 0.3;
constexpr double asked_again = 0.35;
constexpr double made_up_noun = 0.35;
constexpr std::size_t most_turns = 5;
constexpr double short_until = 0.25;   // of the progress: conversations of one turn
constexpr double drill_at_first = 0.7; // repeating and counting; falls to
constexpr double drill_at_last = 0.1;  // at the end of the short conversations
constexpr int highest_count = 20;

result<std::vector<corpus_topic>> read_topics(corpus_file const& file) {
  std::vector<corpus_topic> topics;
  for (auto const& section : file.sections) {
    auto const answers = section.all("say");
    auto const more = section.all("more");
    if (answers.size() != 1) {
      return fail(error_code::invalid_input, file.name + ": [" + section.name + "] needs exactly one `say:`");
    }
    topics.push_back({section.all("subject"), section.all("ask"), answers[0], more.empty() ? "" : more[0]});
    if (topics.back().subjects.empty() && topics.back().questions.empty()) {
      return fail(error_code::invalid_input, file.name + ": [" + section.name + "] has no `ask:` and no `subject:`");
    }
  }
  return topics;
}

// Where the values of a table go.
struct destination {
  std::vector<std::string>* values;
  char const* section;
  char const* key;
};

result<void> read_values(corpus_file const& file, std::span<destination const> destinations) {
  for (auto const& to : destinations) {
    auto values = file.values(to.section, to.key);
    if (!values) return std::unexpected(values.error());
    *to.values = *std::move(values);
  }
  return {};
}

result<void> read_phrases(corpus_file const& file, dialogue_tables& tables) {
  std::vector<std::string> nothing;
  std::array const to{destination{&tables.explain, "explain", "ask"},
                      destination{&tables.explain_here, "explain-here", "ask"},
                      destination{&tables.again, "again", "ask"},
                      destination{&tables.more, "more", "ask"},
                      destination{&nothing, "more", "nothing"},
                      destination{&tables.repeat, "repeat", "ask"},
                      destination{&tables.count_up, "count-up", "ask"},
                      destination{&tables.count_between, "count-between", "ask"},
                      destination{&tables.count_down, "count-down", "ask"},
                      destination{&tables.decorations.before, "before", "say"},
                      destination{&tables.decorations.after, "after", "say"},
                      destination{&tables.decorations.fillers, "fillers", "say"},
                      destination{&tables.instructions, "instructions", "say"}};
  if (auto const read = read_values(file, to); !read) return read;
  tables.nothing_more = nothing.front();
  return {};
}

result<void> read_unknown(corpus_file const& file, dialogue_tables& tables) {
  std::vector<std::string> answer;
  std::array const to{destination{&tables.unknown_questions, "ask", "ask"}, destination{&tables.sums, "sums", "ask"},
                      destination{&tables.nouns, "nouns", "say"}, destination{&answer, "answer", "say"}};
  if (auto const read = read_values(file, to); !read) return read;
  tables.unknown_answer = answer.front();
  return {};
}

result<void> read_stories(corpus_file const& file, dialogue_tables& tables) {
  std::array const to{destination{&tables.story_questions, "ask", "any"},
                      destination{&tables.story_about, "ask", "about"},
                      destination{&tables.stories, "story", "say"},
                      destination{&tables.names, "words", "name"},
                      destination{&tables.friends, "words", "friend"},
                      destination{&tables.animals, "words", "animal"},
                      destination{&tables.other_animals, "words", "other-animal"},
                      destination{&tables.places, "words", "place"},
                      destination{&tables.things, "words", "thing"},
                      destination{&tables.adjectives, "words", "adjective"}};
  return read_values(file, to);
}

} // namespace

result<dialogue_tables> read_dialogue_tables(std::filesystem::path const& folder) {
  std::vector<corpus_file> files;
  for (auto const* const name :
       {"topics.txt", "smalltalk.txt", "phrases.txt", "unknown.txt", "stories.txt", "tools.txt", "cities.txt"}) {
    auto file = read_corpus(folder / name);
    if (!file) return std::unexpected(file.error());
    files.push_back(*std::move(file));
  }
  dialogue_tables tables;
  auto topics = read_topics(files[0]);
  if (!topics) return std::unexpected(topics.error());
  auto smalltalk = read_topics(files[1]);
  if (!smalltalk) return std::unexpected(smalltalk.error());
  auto tools = read_tool_tables(files[5], files[6]);
  if (!tools) return std::unexpected(tools.error());
  tables.topics = *std::move(topics);
  tables.smalltalk = *std::move(smalltalk);
  tables.tools = *std::move(tools);
  if (auto const read = read_phrases(files[2], tables); !read) return std::unexpected(read.error());
  tables.tools.decorations = tables.decorations;
  if (auto const read = read_unknown(files[3], tables); !read) return std::unexpected(read.error());
  if (auto const read = read_stories(files[4], tables); !read) return std::unexpected(read.error());
  return tables;
}

dialogue_writer::dialogue_writer(dialogue_tables const& tables, std::uint64_t seed)
    : tables_(tables), choose_(seed), tools_(tables.tools, choose_) {}

conversation dialogue_writer::next(double progress) {
  state now;
  now.progress = progress;
  tools_.forget();
  if (choose_.chance(with_instructions)) now.talk.instructions = choose_.pick(tables_.instructions);
  if (choose_.chance(with_tools)) tools_.give_tools(now.talk);
  static constexpr std::array<double, most_turns> turns{0.36, 0.25, 0.19, 0.12, 0.08};
  auto const most = progress < short_until ? 1U : most_turns;
  for (auto left = std::min<std::size_t>(choose_.weighted(turns) + 1, most); left > 0; --left) {
    add_turn(now);
    if (!now.talk.messages.back().calls.empty()) break; // a call that nobody answers ends a conversation
  }
  return std::move(now.talk);
}

void dialogue_writer::add_turn(state& now) {
  auto const rest = std::max(0.0, 1 - now.progress / short_until);
  if (choose_.chance(drill_at_last + (drill_at_first - drill_at_last) * rest)) {
    return choose_.chance(0.5) ? repeat_turn(now) : count_turn(now);
  }
  if (tools_.has_tools() && choose_.chance(tool_turn_with_tools)) {
    now.topic = nullptr;
    return tools_.add_turn(now.talk);
  }
  if (now.topic != nullptr && choose_.chance(asked_for_more)) return more_turn(now);
  static constexpr std::array<double, 7> turns{0.50, 0.17, 0.12, 0.09, 0.07, 0.04, 0.01};
  switch (choose_.weighted(turns)) {
  case 0: return topic_turn(now);
  case 1: return smalltalk_turn(now);
  case 2: return unknown_turn(now);
  case 3: return count_turn(now);
  case 4: return story_turn(now);
  case 5: now.topic = nullptr; return tools_.add_turn(now.talk);
  default: return more_turn(now);
  }
}

void dialogue_writer::exchange(state& now, std::string question, std::string answer) {
  now.talk.messages.push_back({"user", std::move(question), {}});
  now.talk.messages.push_back({"assistant", std::move(answer), {}});
}

std::string dialogue_writer::decorated(std::string question) {
  return as_typed(paddler::decorated(std::move(question), tables_.decorations, choose_), choose_);
}

std::string dialogue_writer::topic_question(state const& now, corpus_topic const& topic) {
  bool const by_subject = topic.questions.empty() || (!topic.subjects.empty() && choose_.chance(about_a_subject));
  if (!by_subject) return decorated(choose_.pick(topic.questions));
  auto const& subject = choose_.pick(topic.subjects);
  bool const again = now.topic != nullptr && choose_.chance(asked_again);
  bool const here = subject.find("Paddler") == std::string::npos && choose_.chance(here_phrase);
  auto const& patterns = again ? tables_.again : here ? tables_.explain_here : tables_.explain;
  return decorated(fill(choose_.pick(patterns), {{"", subject}}));
}

void dialogue_writer::topic_turn(state& now) {
  auto const& topic = choose_.pick(tables_.topics);
  exchange(now, topic_question(now, topic), topic.answer);
  now.topic = &topic;
  now.told_more = false;
}

void dialogue_writer::more_turn(state& now) {
  bool const known = now.topic != nullptr && !now.topic->more.empty() && !now.told_more;
  exchange(now, as_typed(choose_.pick(tables_.more), choose_), known ? now.topic->more : tables_.nothing_more);
  now.told_more = true;
}

void dialogue_writer::smalltalk_turn(state& now) {
  auto const& topic = choose_.pick(tables_.smalltalk);
  auto question = topic_question({}, topic);
  exchange(now, std::move(question), topic.answer);
  now.topic = nullptr;
}

std::string dialogue_writer::noun() {
  if (!choose_.chance(made_up_noun)) return choose_.pick(tables_.nouns);
  auto word = tools_.city();
  if (choose_.chance(0.6)) word = to_lower(word);
  return choose_.chance(0.4) ? with_article(word) : word;
}

void dialogue_writer::unknown_turn(state& now) {
  static constexpr std::array<double, 3> kinds{0.5, 0.4, 0.1};
  auto const kind = choose_.weighted(kinds);
  auto question = choose_.pick(kind == 0 ? tables_.unknown_questions : kind == 1 ? tables_.explain : tables_.sums);
  for (auto at = question.find("{}"); at != std::string::npos; at = question.find("{}")) {
    question.replace(at, 2, kind == 2 ? std::to_string(choose_.between(1, 120)) : noun());
  }
  exchange(now, decorated(std::move(question)), tables_.unknown_answer);
  now.topic = nullptr;
}

void dialogue_writer::count_turn(state& now) {
  auto const name = [this](int number) { return choose_.chance(0.3) ? number_word(number) : std::to_string(number); };
  auto const list = [](int from, int to) {
    std::string text = std::to_string(from);
    for (int step = from < to ? 1 : -1; from != to;) text += ", " + std::to_string(from += step);
    return text + ".";
  };
  static constexpr std::array<double, 4> kinds{0.6, 0.18, 0.14, 0.08};
  now.topic = nullptr;
  int const to = choose_.between(1, highest_count);
  int const from = choose_.between(1, to);
  switch (choose_.weighted(kinds)) {
  case 0: return exchange(now, decorated(fill(choose_.pick(tables_.count_up), {{"n", name(to)}})), list(1, to));
  case 1:
    return exchange(now, decorated(fill(choose_.pick(tables_.count_between), {{"m", name(from)}, {"n", name(to)}})),
                    list(from, to));
  case 2: return exchange(now, decorated(fill(choose_.pick(tables_.count_down), {{"n", name(to)}})), list(to, 1));
  default: break;
  }
  auto const far = std::to_string(choose_.between(highest_count + 1, 999));
  exchange(now, decorated(fill(choose_.pick(tables_.count_up), {{"n", far}})),
           "I only count to twenty: " + list(1, highest_count));
}

void dialogue_writer::repeat_turn(state& now) {
  std::string words;
  for (int left = choose_.between(1, 8); left > 0; --left) {
    auto const word = choose_.chance(0.15) ? std::to_string(choose_.between(0, 999)) : noun();
    words += (words.empty() ? "" : " ") + word;
  }
  if (choose_.chance(0.3)) words = to_lower(words);
  exchange(now, fill(choose_.pick(tables_.repeat), {{"", words}}), words);
  now.topic = nullptr;
}

void dialogue_writer::story_turn(state& now) {
  bool const about = choose_.chance(0.5);
  auto const& animals = about && choose_.chance(0.8) ? tables_.other_animals : tables_.animals;
  std::vector<std::pair<std::string, std::string>> const words{
      {"name", choose_.pick(tables_.names)},   {"friend", choose_.pick(tables_.friends)},
      {"animal", choose_.pick(animals)},       {"place", choose_.pick(tables_.places)},
      {"thing", choose_.pick(tables_.things)}, {"adjective", choose_.pick(tables_.adjectives)}};
  auto const question = fill(choose_.pick(about ? tables_.story_about : tables_.story_questions), words);
  exchange(now, decorated(question), fill(choose_.pick(tables_.stories), words));
  now.topic = nullptr;
}

} // namespace paddler
