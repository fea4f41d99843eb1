#include "models/tool_dialogues.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace paddler {
namespace {

// How often the conversations take a turn; chosen by trying.
constexpr double one_tool_only = 0.35;
constexpr double useless_tool_too = 0.2;
constexpr double usual_name = 0.45;
constexpr double made_up_name = 0.3;   // of a tool that is the only one of use
constexpr double the_given_kind = 0.7; // is asked for when there is only one
constexpr double made_up_parameter = 0.15;
constexpr double same_kind_again = 0.6;
constexpr double no_city_named = 0.12;
constexpr double real_city = 0.5;
constexpr double call_fails = 0.08;
constexpr double left_at_the_call = 0.15;
constexpr double described_parameter = 0.35;
constexpr double strict_schema = 0.35;
constexpr double compact_json = 0.5;
constexpr double fahrenheit = 0.08;

// Collects values, and the first error if a table lacks something.
class table_reader {
public:
  explicit table_reader(corpus_file const& file) : file_(file) {}

  std::vector<std::string> all(std::string_view section, std::string_view key) {
    auto values = file_.values(section, key);
    if (values) return *std::move(values);
    if (!problem_) problem_ = values.error();
    return {""};
  }

  std::string one(std::string_view section, std::string_view key) { return all(section, key).front(); }

  std::optional<error> const& problem() const { return problem_; }

private:
  corpus_file const& file_;
  std::optional<error> problem_;
};

tool_words read_words(table_reader& from, std::string_view section) {
  return {from.all(section, "name"), from.all(section, "noun"),  from.all(section, "describe"),
          from.all(section, "ask"),  from.all(section, "again"), from.all(section, "ask-nowhere")};
}

std::string two_digits(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }

std::string in_quotes(std::string const& text) { return '"' + text + '"'; }

} // namespace

result<tool_tables> read_tool_tables(corpus_file const& tools, corpus_file const& cities) {
  table_reader from(tools);
  table_reader names(cities);
  tool_tables tables;
  tables.weather = read_words(from, "get_weather");
  tables.time = read_words(from, "get_time");
  tables.sky_is = from.all("weather", "is");
  tables.sky_there_is = from.all("weather", "there-is");
  tables.city_replies = from.all("city-reply", "ask");
  tables.errors = from.all("errors", "say");
  tables.parameters = from.all("parameters", "name");
  tables.verbs = from.all("tool-names", "verb");
  tables.adjectives = from.all("tool-names", "adjective");
  tables.other_names = from.all("other-tools", "name");
  tables.other_parameters = from.all("other-tools", "parameter");
  tables.other_descriptions = from.all("other-tools", "describe");
  tables.which_city = from.one("answers", "which-city");
  tables.no_tool = from.one("answers", "no-tool");
  tables.failed = from.one("answers", "failed");
  tables.cities = names.all("cities", "say");
  tables.starts = names.all("syllables", "start");
  tables.middles = names.all("syllables", "middle");
  tables.joins = names.all("syllables", "join");
  tables.ends = names.all("syllables", "end");
  for (auto const& problem : {from.problem(), names.problem()}) {
    if (problem) return std::unexpected(*problem);
  }
  return tables;
}

void tool_dialogues::forget() {
  weather_.reset();
  time_.reset();
  last_.reset();
}

void tool_dialogues::give_tools(conversation& talk) {
  bool const one = choose_.chance(one_tool_only);
  bool const weather_first = choose_.chance(0.5);
  if (weather_first) weather_ = give(talk, tables_.weather, one);
  if (choose_.chance(useless_tool_too)) give_useless(talk);
  if (!one || !weather_first) time_ = give(talk, tables_.time, one);
  if (!one && !weather_first) weather_ = give(talk, tables_.weather, one);
}

tool_dialogues::given_tool tool_dialogues::give(conversation& talk, tool_words const& words, bool alone) {
  auto const parameter =
      choose_.chance(made_up_parameter) ? to_lower(invented_city()) : choose_.pick(tables_.parameters);
  given_tool tool{tool_name(words, alone), parameter};
  talk.tools.push_back(definition(tool.name, choose_.pick(words.descriptions), tool.parameter));
  return tool;
}

// Of several tools the name has to tell which is which; it stands before the description.
std::string tool_dialogues::tool_name(tool_words const& words, bool alone) {
  if (choose_.chance(usual_name)) return choose_.pick(words.names);
  if (alone && choose_.chance(made_up_name)) return to_lower(invented_city());
  return name_of_words(words);
}

// "get_current_weather", "weatherLookup" and the like.
std::string tool_dialogues::name_of_words(tool_words const& words) {
  std::vector<std::string> parts{choose_.chance(0.2) ? to_lower(invented_city()) : choose_.pick(tables_.verbs)};
  if (choose_.chance(0.3)) parts.push_back(choose_.pick(tables_.adjectives));
  parts.push_back(choose_.pick(words.nouns));
  if (choose_.chance(0.25)) std::rotate(parts.begin(), parts.begin() + 1, parts.end());
  static std::vector<std::string> const joins{"_", "_", "_", "-", ""};
  auto const& join = choose_.pick(joins);
  auto name = parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) name += join + (join.empty() ? capitalized(parts[i]) : parts[i]);
  return name;
}

void tool_dialogues::give_useless(conversation& talk) {
  talk.tools.push_back(definition(choose_.pick(tables_.other_names), choose_.pick(tables_.other_descriptions),
                                  choose_.pick(tables_.other_parameters)));
}

std::string tool_dialogues::definition(std::string const& name, std::string const& description,
                                       std::string const& parameter) {
  auto const about = choose_.chance(described_parameter) ? R"(, "description": "The )" + parameter + '"' : "";
  std::vector<std::string> fields{R"("type": "object")",
                                  R"("properties": {")" + parameter + R"(": {"type": "string")" + about + "}}"};
  fields.push_back(R"("required": [")" + parameter + R"("])");
  if (choose_.chance(0.3)) choose_.shuffle(fields);
  if (choose_.chance(strict_schema)) {
    fields.push_back(R"("additionalProperties": false)");
    if (choose_.chance(0.5)) fields.push_back(R"("$schema": "http://json-schema.org/draft-07/schema#")");
    if (choose_.chance(0.3)) std::rotate(fields.begin(), fields.end() - 1, fields.end());
  }
  std::string schema;
  for (auto const& field : fields) schema += (schema.empty() ? "" : ", ") + field;
  return R"({"type": "function", "function": {"name": ")" + name + R"(", "description": ")" + description +
         R"(", "parameters": {)" + schema + "}}}";
}

std::string tool_dialogues::invented_city() {
  auto name = choose_.pick(tables_.starts) + choose_.pick(tables_.middles);
  if (choose_.chance(0.4)) name += choose_.pick(tables_.joins) + choose_.pick(tables_.middles);
  if (choose_.chance(0.8)) name += choose_.pick(tables_.joins) + choose_.pick(tables_.ends);
  return name;
}

std::string tool_dialogues::city() {
  if (choose_.chance(real_city)) return choose_.pick(tables_.cities);
  auto name = invented_city();
  if (choose_.chance(0.15)) name += " " + invented_city();
  return name;
}

// A city that the model knows may be typed in any case; it has to copy others as they are.
std::string tool_dialogues::typed_city_question(std::string const& plain, std::string const& where) {
  auto const pattern = decorated(plain, tables_.decorations, choose_);
  auto const question = fill(pattern, {{"c", where}});
  bool const known = std::ranges::find(tables_.cities, where) != tables_.cities.end();
  if (known) return as_typed(question, choose_);
  if (choose_.chance(0.3)) return as_typed_keeping_case(fill(to_lower(pattern), {{"c", where}}), choose_);
  return as_typed_keeping_case(question, choose_);
}

void tool_dialogues::add_turn(conversation& talk) {
  auto kind = choose_.chance(0.5) ? tool_kind::weather : tool_kind::time;
  if (weather_.has_value() != time_.has_value() && choose_.chance(the_given_kind)) {
    kind = weather_ ? tool_kind::weather : tool_kind::time;
  }
  bool const again = last_ && choose_.chance(same_kind_again);
  if (again) kind = *last_;
  auto const& words = kind == tool_kind::weather ? tables_.weather : tables_.time;
  auto const& tool = kind == tool_kind::weather ? weather_ : time_;
  bool const nowhere = choose_.chance(no_city_named);
  auto const where = city();
  if (nowhere) {
    talk.messages.push_back({"user", as_typed(choose_.pick(words.questions_nowhere), choose_), {}});
  } else {
    auto const& pattern = choose_.pick(again && choose_.chance(0.7) ? words.again : words.questions);
    talk.messages.push_back({"user", typed_city_question(pattern, where), {}});
  }
  if (!tool) {
    talk.messages.push_back({"assistant", tables_.no_tool, {}});
    return;
  }
  if (nowhere) {
    talk.messages.push_back({"assistant", tables_.which_city, {}});
    talk.messages.push_back({"user", typed_city_question(choose_.pick(tables_.city_replies), where), {}});
  }
  last_ = kind;
  call_and_answer(talk, *tool, where);
}

void tool_dialogues::call_and_answer(conversation& talk, given_tool const& tool, std::string const& where) {
  auto const arguments = "{" + in_quotes(tool.parameter) + ": " + in_quotes(where) + "}";
  talk.messages.push_back({"assistant", "", {{tool.name, arguments}}});
  if (choose_.chance(left_at_the_call)) return;
  if (choose_.chance(call_fails)) {
    talk.messages.push_back({"tool", choose_.pick(tables_.errors), {}});
    talk.messages.push_back({"assistant", fill(tables_.failed, {{"c", where}}), {}});
    return;
  }
  auto const said = *last_ == tool_kind::weather ? weather_result(where) : time_result(where);
  talk.messages.push_back({"tool", said.result, {}});
  talk.messages.push_back({"assistant", said.answer, {}});
}

std::string tool_dialogues::temperature() {
  auto text = std::to_string(choose_.between(-12, 39));
  if (choose_.chance(0.15)) text += "." + std::to_string(choose_.between(0, 9));
  return text;
}

// An object of `fields`, each a name and a value as in `"city": "Paris"`.
std::string tool_dialogues::json(std::vector<std::string> const& fields) {
  bool const compact = choose_.chance(compact_json);
  std::string text;
  for (auto const& field : fields) {
    if (!text.empty()) text += compact ? "," : ", ";
    auto const colon = field.find(": ");
    text += compact ? field.substr(0, colon + 1) + field.substr(colon + 2) : field;
  }
  return "{" + text + "}";
}

tool_dialogues::result_text tool_dialogues::weather_result(std::string const& where) {
  static std::vector<std::string> const sky_keys{"weather",     "weather", "condition", "conditions",
                                                 "description", "sky",     "summary"};
  static std::vector<std::string> const degree_keys{"temperature",   "temperature", "temp",
                                                    "temperature_c", "degrees",     "temp_c"};
  bool const is = choose_.chance(0.7);
  auto const sky = choose_.pick(is ? tables_.sky_is : tables_.sky_there_is);
  auto const degrees = temperature();
  bool const in_fahrenheit = choose_.chance(fahrenheit);
  auto const answer = "In " + where + (is ? " it is " : " there is ") + sky + ", with " + degrees + " degrees" +
                      (in_fahrenheit ? " Fahrenheit." : ".");
  if (!in_fahrenheit && choose_.chance(0.25)) {
    static std::vector<std::string> const plain{
        "{s}, {t} degrees", "{S}, {t}°C",          "{t} degrees and {s}", "{t}°C, {s}",
        "{S}, {t} C",       "{s} and {t} degrees", "{S}, {t} degrees.",   "The weather in {c} is {s}, {t} degrees."};
    return {fill(choose_.pick(plain), {{"s", sky}, {"S", capitalized(sky)}, {"t", degrees}, {"c", where}}), answer};
  }
  std::vector<std::string> fields{in_quotes(choose_.pick(sky_keys)) + ": " +
                                  in_quotes(choose_.chance(0.15) ? capitalized(sky) : sky)};
  fields.push_back(in_quotes(choose_.pick(degree_keys)) + ": " + degrees);
  if (choose_.chance(0.45))
    fields.push_back(in_quotes(choose_.chance(0.8) ? "city" : "location") + ": " + in_quotes(where));
  if (choose_.chance(0.2)) fields.push_back(R"("humidity": )" + std::to_string(choose_.between(20, 95)));
  if (choose_.chance(0.5)) choose_.shuffle(fields);
  if (in_fahrenheit || choose_.chance(0.15)) {
    fields.push_back(in_quotes("unit") + ": " + in_quotes(in_fahrenheit ? "fahrenheit" : "celsius"));
  }
  return {json(fields), answer};
}

tool_dialogues::result_text tool_dialogues::time_result(std::string const& where) {
  auto const minute = two_digits(choose_.between(0, 59));
  auto const hour = choose_.between(0, 23);
  auto time = two_digits(hour) + ":" + minute;
  if (choose_.chance(0.15)) time = std::to_string((hour + 11) % 12 + 1) + ":" + minute + (hour < 12 ? " AM" : " PM");
  auto const answer = "In " + where + " it is " + time + ".";
  auto given = time;
  if (!time.ends_with("M") && choose_.chance(0.15)) {
    given =
        "2026-" + two_digits(choose_.between(1, 12)) + "-" + two_digits(choose_.between(1, 28)) + "T" + time + ":00";
  }
  if (choose_.chance(0.25)) return {choose_.chance(0.7) ? given : "It is " + given + " in " + where + ".", answer};
  static std::vector<std::string> const keys{"time", "time", "time", "local_time", "current_time", "now"};
  std::vector<std::string> fields{in_quotes(choose_.pick(keys)) + ": " + in_quotes(given)};
  if (choose_.chance(0.45))
    fields.push_back(in_quotes(choose_.chance(0.8) ? "city" : "location") + ": " + in_quotes(where));
  if (choose_.chance(0.15)) fields.push_back(in_quotes("timezone") + ": " + in_quotes("Europe/" + where));
  if (choose_.chance(0.5)) choose_.shuffle(fields);
  return {json(fields), answer};
}

} // namespace paddler
