#include "wire/dump_codec.hpp"

#include "base/text.hpp"
#include "model/link.hpp" // describes field_error
#include "wire/json_codec.hpp"
#include "wire/mapper.hpp"

#include <boost/mp11/algorithm.hpp>

#include <string>
#include <utility>

namespace paddler {
namespace {

std::unexpected<error> not_a_dump(std::string what, std::vector<field_error> fields = {}) {
  return std::unexpected(error{error_code::invalid_input, std::move(what),
                               "Is it whole, and written by 'paddler dump' of this version?", std::move(fields)});
}

// Reads the items of a dump; keeps the first that is wrong.
class dump_reader {
public:
  explicit dump_reader(document_node const& root) : root_(root) {}

  // Leaves `out` as it is where the dump has null.
  template <class T> void read(std::string_view key, T& out) {
    auto const* const node = root_.find(key);
    if (node == nullptr) return refuse(std::string(key), "is missing");
    if (node->kind == node_kind::null) return;
    read_at(std::string(key), *node, out);
  }

  template <class T> void read_at(std::string const& path, document_node const& node, T& out) {
    auto value = from_document<T>(node, unknown_keys::ignore);
    if (value) {
      out = *std::move(value);
    } else if (!failure_) {
      failure_ = std::move(value).error();
      for (auto& field : failure_->fields) field.path.insert(0, path + (field.path.starts_with('[') ? "" : "."));
    }
  }

  void refuse(std::string path, std::string what) {
    if (failure_) return;
    failure_ = error{error_code::invalid_input, {}, {}, {{std::move(path), std::move(what), {}, 0}}};
  }

  [[nodiscard]] std::optional<error> const& failure() const { return failure_; }

  // The items of a list.
  [[nodiscard]] std::vector<document_node> const& list(std::string_view key) {
    static std::vector<document_node> const none;
    auto const* const node = root_.find(key);
    if (node != nullptr && node->kind == node_kind::list) return node->items;
    refuse(std::string(key), node == nullptr ? "is missing" : "is no list");
    return none;
  }

private:
  document_node const& root_;
  std::optional<error> failure_;
};

std::string place(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

std::string_view text_of(document_node const& node, std::string_view key) {
  auto const* const item = node.kind == node_kind::object ? node.find(key) : nullptr;
  return item != nullptr && item->kind == node_kind::text ? std::string_view(item->text) : std::string_view();
}

// "3-17" → 17
std::uint64_t number_of(std::string_view id) {
  return parse_number<std::uint64_t>(id.substr(std::min(id.find('-') + 1, id.size()))).value_or(0);
}

void read_event(dump_reader& reader, std::string const& path, document_node const& node, cluster_event& out) {
  auto const type = text_of(node, "type");
  out.number = number_of(text_of(node, "id"));
  if (out.number == 0) return reader.refuse(path + ".id", "is no id of an event, as in 3-17");
  auto const* const at = node.find("revision");
  auto const* const time = node.find("time");
  auto const* const data = node.find("data");
  if (at == nullptr || time == nullptr || data == nullptr) return reader.refuse(path, "has no revision, time or data");
  reader.read_at(path + ".revision", *at, out.at);
  reader.read_at(path + ".time", *time, out.time);
  bool known = false;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, event_content>>(
      [&]<class T>(std::type_identity<T>) {
        if (T::type != type) return;
        known = true;
        reader.read_at(path + ".data", *data, out.what.emplace<T>());
      });
  if (!known) reader.refuse(path + ".type", "is no type of events: '" + clipped(type) + "'");
}

} // namespace

result<cluster_dump> parse_dump(std::string_view text) {
  auto const root = parse_json(text, dump_limits);
  if (!root) return not_a_dump("this is no dump: " + root.error().message, root.error().fields);
  auto const format = text_of(*root, "format");
  if (format != dump_format)
    return not_a_dump(format.empty() ? "this is no dump: it names no format"
                                     : "this is no dump that can be read: its format is '" + clipped(format) +
                                           "', not " + std::string(dump_format));
  dump_reader reader(*root);
  cluster_dump out;
  reader.read("version", out.version);
  reader.read("taken", out.taken);
  reader.read("revision", out.at);
  if (root->find("base") != nullptr && root->find("base")->kind != node_kind::null)
    reader.read("base", out.base.emplace());
  reader.read("log", out.log);
  reader.read("desired", out.desired);
  reader.read("applicable", out.applicable);
  if (root->find("policies") != nullptr) reader.read("policies", out.policies.emplace());
  reader.read("conflicts", out.conflicts);
  reader.read("reconciliations", out.actions);
  auto const& events = reader.list("events");
  out.events.resize(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) read_event(reader, place("events", i), events[i], out.events[i]);
  if (root->find("ledger") != nullptr) reader.read("ledger", out.ledger.emplace());
  if (reader.failure()) return not_a_dump("the dump cannot be read", reader.failure()->fields);
  return out;
}

} // namespace paddler
