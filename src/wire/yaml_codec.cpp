#include "wire/yaml_codec.hpp"

#include "base/text.hpp"
#include "wire/document_builder.hpp"
#include "wire/text_position.hpp"
#include "wire/yaml_scalar.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <sstream>

namespace paddler {
namespace {

int line_of(YAML::Mark const& mark) { return mark.line + 1; }

error refused_at(YAML::Mark const& mark, std::string const& what, std::string const& hint) {
  std::string const column = "column " + std::to_string(mark.column + 1);
  return error{error_code::invalid_input,
               "the document is not taken: " + what + " at line " + std::to_string(line_of(mark)) + ", " + column,
               hint,
               {{"", what + " at " + column, hint, line_of(mark)}}};
}

// Leaves yaml-cpp's parser from within a callback; never leaves this file.
struct document_refused {
  error reason;
};

// yaml-cpp calls this. Events come before aliases are resolved, so an alias bomb stays as small as its text.
class tree_handler : public YAML::EventHandler {
public:
  void OnDocumentStart(YAML::Mark const& mark) override {
    if (++documents_ > 1)
      throw document_refused{refused_at(mark, "a second document begins", "keep one document; remove the `---`")};
  }

  void OnDocumentEnd() override {}

  void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override {
    refuse_as_key(mark);
    document_node node = null_node();
    node.line = key_line_; // yaml-cpp's mark is that of whatever follows the missing value
    add(std::move(node), mark, anchor);
  }

  void OnAlias(YAML::Mark const& mark, YAML::anchor_t) override {
    refuse_as_key(mark);
    document_node node = null_node();
    refuse_alias(node);
    add(std::move(node), mark, 0);
  }

  void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                std::string const& value) override {
    if (builder_.wants_key()) return add_key(mark, tag, anchor, value);
    document_node node = tag == "?" ? plain_scalar(value) : text_node(value);
    refuse_broken_text(node);
    refuse_tag(node, tag);
    add(std::move(node), mark, anchor);
  }

  void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(list_node(), mark, tag, anchor);
  }

  void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(object_node(), mark, tag, anchor);
  }

  void OnSequenceEnd() override { builder_.close(); }

  void OnMapEnd() override { builder_.close(); }

  document_node take() { return builder_.take().value_or(null_node()); }

private:
  void open(document_node node, YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor) {
    refuse_as_key(mark);
    refuse_tag(node, tag);
    refuse_anchor(node, anchor);
    node.line = line_of(mark);
    key_line_ = 0;
    check(builder_.open(std::move(node)));
  }

  void add(document_node node, YAML::Mark const& mark, YAML::anchor_t anchor) {
    refuse_anchor(node, anchor);
    if (node.line == 0) node.line = line_of(mark);
    key_line_ = 0;
    check(builder_.add_value(std::move(node)));
  }

  void add_key(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor, std::string const& key) {
    if (!is_valid_utf8(key)) throw document_refused{refused_at(mark, "a key is not valid text", "remove the escape")};
    bool const is_plain_text = (tag == "?" || tag == "!") && anchor == 0;
    if (!is_plain_text) throw document_refused{refused_at(mark, "a key has a tag or an anchor", "remove it")};
    if (key == "<<" && tag == "?")
      throw document_refused{refused_at(mark, "merge keys (`<<`) are not supported", "write the keys out")};
    builder_.add_key(key);
    key_line_ = line_of(mark);
  }

  void refuse_as_key(YAML::Mark const& mark) const {
    if (builder_.wants_key())
      throw document_refused{refused_at(mark, "a key is not text",
                                        "a key is a word before a colon; if this is a value "
                                        "in brackets, they are not closed")};
  }

  static void refuse_tag(document_node& node, std::string const& tag) {
    if (tag == "?" || tag == "!" || tag.empty()) return;
    node.problem = "tags such as `" + clipped(tag) + "` are not supported";
    node.hint = "remove the tag";
  }

  // yaml-cpp reads the escape \N as a byte that is no text.
  static void refuse_broken_text(document_node& node) {
    if (is_valid_utf8(node.text)) return;
    node.problem = "an escape in the text gives no valid text";
    node.hint = "write the character itself";
  }

  static void refuse_anchor(document_node& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    node.problem = "anchors (`&name`) are not supported";
    node.hint = "remove the anchor";
  }

  static void refuse_alias(document_node& node) {
    node.problem = "aliases (`*name`) are not supported";
    node.hint = "write the value out; text that begins with `*` wants quotes";
  }

  void check(bool within_limits) {
    if (!within_limits) throw document_refused{*builder_.failure()};
  }

  document_builder builder_;
  int documents_ = 0;
  int key_line_ = 0; // of the key whose value comes next
};

struct explained_message {
  std::string_view of_yaml_cpp;
  std::string_view hint;
};

constexpr std::array explained_messages{
    explained_message{"end of map not found", "check the indentation of this line and the one before it"},
    explained_message{"end of sequence not found", "check the indentation of this line and the one before it"},
    explained_message{"end of map flow not found", "a `{` is not closed"},
    explained_message{"end of sequence flow not found", "a `[` is not closed"},
    explained_message{"illegal map value", "text with a colon and a space in it wants quotes"},
    explained_message{"illegal EOF in scalar", "a quote is not closed"},
    explained_message{"illegal tab when looking for indentation", "indent with spaces, not tabs"},
};

std::string hint_for(std::string_view message, std::string_view line) {
  auto const indentation = line.substr(0, line.find_first_not_of(" \t"));
  if (indentation.find('\t') != std::string_view::npos) return "indent with spaces, not tabs";
  for (auto const& known : explained_messages)
    if (message == known.of_yaml_cpp) return std::string(known.hint);
  return "look at this line and the one before it: is something cut off, or a quote, bracket or colon out of place?";
}

std::string_view line_at(std::string_view text, int number) {
  for (int i = 0; i < number; ++i) {
    auto const end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

error syntax_error(std::string_view text, YAML::Exception const& e) {
  auto const hint = hint_for(e.msg, line_at(text, e.mark.line));
  error out = refused_at(e.mark, e.msg, hint);
  out.message = "the document is not valid YAML: " + out.message.substr(out.message.find(": ") + 2);
  return out;
}

} // namespace

result<document_node> parse_yaml(std::string_view text) {
  if (auto refused = refuse_document(text, max_document_bytes)) return std::unexpected(*std::move(refused));
  tree_handler handler;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(handler)) {
    }
  } catch (document_refused const& refused) {
    return std::unexpected(refused.reason);
  } catch (YAML::Exception const& e) {
    return std::unexpected(syntax_error(text, e));
  }
  return handler.take();
}

} // namespace paddler
