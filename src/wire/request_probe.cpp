#include "wire/request_probe.hpp"

#include "wire/prompt_blocks.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace paddler {
namespace {

namespace json = boost::json;

enum class field { none, model, stream, n, messages, prompt, input };

struct field_name {
  std::string_view name;
  field id;
};

constexpr std::array field_names{field_name{"model", field::model},   field_name{"stream", field::stream},
                                 field_name{"n", field::n},           field_name{"messages", field::messages},
                                 field_name{"prompt", field::prompt}, field_name{"input", field::input}};
constexpr std::size_t looked_at_of_key = 64; // longer keys are told apart by so much of them

field field_called(std::string_view key) {
  for (auto const& known : field_names)
    if (known.name == key) return known.id;
  return field::none;
}

std::string_view name_of(field id) {
  for (auto const& known : field_names)
    if (known.id == id) return known.name;
  return {};
}

struct probe_problem {
  std::string message;
  std::string param;
};

// Boost's parser calls this; see boost/json/basic_parser.hpp for the contract of each function. A value is announced
// once (`begin_value`) with the kind that messages name.
class probe_handler {
public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit probe_handler(std::optional<hash_key> key) : blocks_(key) {}

  bool on_document_begin(json::error_code&) { return true; }

  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& ec) {
    bool const taken = depth_ == 0 || begin_value("an object", ec);
    if (depth_++ > 0) blocks_.open();
    return taken;
  }

  bool on_object_end(std::size_t, json::error_code&) {
    if (--depth_ > 0) blocks_.close();
    return true;
  }

  bool on_array_begin(json::error_code& ec) {
    bool const taken = begin_value("a list", ec);
    ++depth_;
    blocks_.open();
    return taken;
  }

  bool on_array_end(std::size_t, json::error_code&) {
    --depth_;
    blocks_.close();
    return true;
  }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return collect_key(part); }

  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    collect_key(part);
    auto const key = std::exchange(key_, {});
    if (depth_ > 1) {
      blocks_.key(key);
      return true;
    }
    blocks_.begin_field(key);
    field_ = field_called(key);
    if (field_ == field::none || seen_.insert(field_).second) return true;
    return refuse("stands in the body twice", ec);
  }

  bool on_string_part(json::string_view part, std::size_t, json::error_code& ec) { return collect_text(part, ec); }

  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    if (!collect_text(part, ec)) return false;
    in_text_ = false;
    blocks_.end_text();
    if (at(field::model) && found_.model->empty()) return refuse("is empty", ec);
    return true;
  }

  bool on_number_part(json::string_view, json::error_code&) { return true; }

  bool on_int64(std::int64_t value, json::string_view, json::error_code& ec) { return take_number(value, ec); }

  bool on_uint64(std::uint64_t value, json::string_view, json::error_code& ec) { return take_number(value, ec); }

  bool on_double(double value, json::string_view, json::error_code& ec) { return take_number(value, ec); }

  bool on_bool(bool value, json::error_code& ec) {
    if (!begin_value(value ? "true" : "false", ec)) return false;
    if (at(field::stream)) found_.stream = value;
    blocks_.word(value ? "true" : "false");
    return true;
  }

  bool on_null(json::error_code& ec) {
    if (depth_ == 0) return begin_value("null", ec);
    blocks_.word("null");
    return true;
  }

  bool on_comment_part(json::string_view, json::error_code&) { return true; }

  bool on_comment(json::string_view, json::error_code&) { return true; }

  [[nodiscard]] probed_request found() const {
    auto out = found_;
    out.prompt_bytes = blocks_.prompt_bytes();
    out.blocks = blocks_.hashes();
    return out;
  }

  [[nodiscard]] std::optional<probe_problem> const& problem() const { return problem_; }

private:
  // Whether the value that now comes is that of a top-level field.
  [[nodiscard]] bool at(field id) const { return depth_ == 1 && field_ == id; }

  bool begin_value(std::string_view kind, json::error_code& ec) {
    if (depth_ == 0) return refuse_body(kind, ec);
    if (depth_ > 1) return true;
    switch (field_) {
    case field::none: return true;
    case field::model:
      if (kind == "text") found_.model.emplace();
      return kind == "text" || refuse_kind("a string", kind, ec);
    case field::stream: return kind == "true" || kind == "false" || refuse_kind("true or false", kind, ec);
    case field::n: return kind == "a number" || refuse_kind("a whole number", kind, ec);
    case field::messages: return found_.has_messages = true;
    case field::prompt: return found_.has_prompt = true;
    case field::input: return found_.has_input = true;
    }
    return true;
  }

  bool collect_key(json::string_view part) {
    key_.append(part.data(), std::min(part.size(), looked_at_of_key - key_.size()));
    return true;
  }

  template <class Number> bool take_number(Number value, json::error_code& ec) {
    if (!begin_value("a number", ec)) return false;
    blocks_.number(value);
    return set_n(static_cast<double>(value), ec);
  }

  bool collect_text(json::string_view part, json::error_code& ec) {
    if (!std::exchange(in_text_, true) && !begin_value("text", ec)) return false;
    blocks_.text_part({part.data(), part.size()});
    if (!at(field::model)) return true;
    found_.model->append(part.data(), part.size());
    if (found_.model->size() <= max_model_name_bytes) return true;
    return refuse("is longer than " + std::to_string(max_model_name_bytes) + " bytes", ec);
  }

  bool set_n(double value, json::error_code& ec) {
    if (!at(field::n)) return true;
    if (std::trunc(value) != value || value < 1 || value > max_request_choices)
      return refuse("must be a whole number from 1 to " + std::to_string(max_request_choices), ec);
    found_.n = static_cast<int>(value);
    return true;
  }

  bool refuse_kind(std::string_view wanted, std::string_view kind, json::error_code& ec) {
    return refuse("must be " + std::string(wanted) + ", got " + std::string(kind), ec);
  }

  bool refuse_body(std::string_view kind, json::error_code& ec) {
    return stop({"the body must be a JSON object, got " + std::string(kind), ""}, ec);
  }

  bool refuse(std::string const& what, json::error_code& ec) {
    std::string const name(name_of(field_));
    return stop({"`" + name + "` " + what, name}, ec);
  }

  bool stop(probe_problem problem, json::error_code& ec) {
    problem_ = std::move(problem);
    ec = json::error::syntax; // any code stops the parser
    return false;
  }

  std::size_t depth_ = 0;
  field field_ = field::none; // of the newest key at the top level
  bool in_text_ = false;      // between the pieces of a text
  std::string key_;
  std::set<field> seen_;
  prompt_blocks blocks_;
  probed_request found_;
  std::optional<probe_problem> problem_;
};

json::parse_options probe_options() {
  json::parse_options options;
  options.max_depth = max_request_depth;
  return options;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

} // namespace

struct request_probe::state {
  explicit state(std::optional<hash_key> key) : parser(probe_options(), key) {}

  json::basic_parser<probe_handler> parser;
  std::size_t fed = 0; // bytes before the current piece
  std::optional<error> failure;

  result<void> refuse(error reason) {
    failure = std::move(reason);
    return std::unexpected(*failure);
  }

  // `at`: offset in the body, where the parser stopped.
  result<void> refuse(json::error_code const& ec, std::size_t at) {
    std::string const where = " at byte " + std::to_string(at);
    if (auto const& problem = parser.handler().problem()) {
      error e{error_code::invalid_input, problem->message + where, "", {}};
      if (!problem->param.empty()) e.fields.push_back({problem->param, problem->message, "", 0});
      return refuse(std::move(e));
    }
    if (ec == json::error::too_deep) {
      return refuse({error_code::invalid_input,
                     "the body is nested deeper than " + std::to_string(max_request_depth) + " levels" + where,
                     "",
                     {}});
    }
    return refuse({error_code::invalid_input, "the body is not valid JSON: " + ec.message() + where, "", {}});
  }
};

request_probe::request_probe(std::optional<hash_key> key) : state_(std::make_unique<state>(key)) {}

request_probe::~request_probe() = default;
request_probe::request_probe(request_probe&&) noexcept = default;
request_probe& request_probe::operator=(request_probe&&) noexcept = default;

result<void> request_probe::feed(std::string_view piece) {
  auto& s = *state_;
  if (s.failure) return std::unexpected(*s.failure);
  std::size_t used = 0;
  if (!s.parser.done() && !piece.empty()) {
    json::error_code ec;
    used = s.parser.write_some(true, piece.data(), piece.size(), ec);
    if (ec) return s.refuse(ec, s.fed + used);
  }
  if (!is_blank(piece.substr(used))) {
    std::string const where = std::to_string(s.fed + used);
    return s.refuse(
        {error_code::invalid_input, "the body has more text after its JSON object, at byte " + where, "", {}});
  }
  s.fed += piece.size();
  return {};
}

result<probed_request> request_probe::finish() {
  auto& s = *state_;
  if (s.failure) return std::unexpected(*s.failure);
  if (!s.parser.done()) {
    std::string const message =
        s.fed == 0 ? "the body is empty; it must be a JSON object"
                   : "the body ends in the middle of its JSON, after " + std::to_string(s.fed) + " bytes";
    return std::unexpected(s.refuse({error_code::invalid_input, message, "", {}}).error());
  }
  return s.parser.handler().found();
}

result<probed_request> probe_request(std::string_view body, std::optional<hash_key> key) {
  request_probe probe(key);
  if (auto fed = probe.feed(body); !fed) return std::unexpected(std::move(fed).error());
  return probe.finish();
}

} // namespace paddler
