#include "cli/get.hpp"

#include "cli/api_client.hpp"
#include "cli/flag_values.hpp"
#include "cli/kinds.hpp"
#include "cli/view_tables.hpp"
#include "cli/watch.hpp"
#include "runtime/clock.hpp"
#include "wire/json_codec.hpp"

#include <algorithm>
#include <limits>
#include <ostream>

namespace paddler {
namespace {

constexpr std::uint64_t listed_revisions = 100;

bool is_document(std::optional<output_format> const& format) {
  return format == output_format::json || format == output_format::yaml;
}

template <class Row> std::string notes_on(std::vector<Row> const& rows) {
  if constexpr (std::is_same_v<Row, agent_view>) return notes_on(std::span<agent_view const>(rows));
  return {};
}

// A list read as rows, with what can be done to it whatever kind of rows they are.
template <class Row> class typed_list {
public:
  static result<typed_list> read(get_command const& wanted, api_list const& list) {
    auto rows = rows_of<Row>(list);
    if (!rows) return std::unexpected(rows.error());
    return typed_list(wanted, list, *std::move(rows));
  }

  // The list with one row only, or all of them.
  result<rendered_list> render(wall_time now, std::size_t columns) {
    auto const& words = words_of(wanted_.kind);
    if (!wanted_.name.empty()) {
      auto const at = std::ranges::find(rows_, wanted_.name, [](Row const& row) { return name_of(row); });
      if (at == rows_.end()) {
        return fail(error_code::not_found, "there is no " + std::string(words.singular) + " \"" + wanted_.name + "\"",
                    "See: paddler get " + std::string(words.plural));
      }
      auto const index = at - rows_.begin();
      if (is_document(wanted_.output))
        return rendered_list{printed(list_.items().items[static_cast<std::size_t>(index)]), ""};
      rows_.assign(1, Row(*at));
    }
    if (is_document(wanted_.output)) return rendered_list{printed(list_.document), ""};
    rendered_list out;
    if (wanted_.output == output_format::name) {
      out.data = names();
    } else if (rows_.empty()) {
      out.notes = std::string(words.when_none) + "\n";
    } else {
      out.data = table_of(rows_, now).print(is_wide() ? 0 : columns, is_wide());
      out.notes = notes_on(rows_);
    }
    return out;
  }

  std::string render_below(wall_time now, std::size_t columns, table::widths& kept) {
    std::string out;
    if (is_document(wanted_.output)) {
      bool const yaml = wanted_.output == output_format::yaml;
      for (auto const& item : list_.items().items) out += yaml ? "---\n" + printed(item) : print_json(item) + "\n";
      return out;
    }
    if (wanted_.output == output_format::name) return names();
    return table_of(rows_, now).print_below(kept, is_wide() ? 0 : columns, is_wide());
  }

  [[nodiscard]] std::vector<std::string> all_names() const {
    std::vector<std::string> out;
    for (auto const& row : rows_) out.push_back(name_of(row));
    return out;
  }

private:
  typed_list(get_command const& wanted, api_list const& list, std::vector<Row> rows)
      : wanted_(wanted), list_(list), rows_(std::move(rows)) {}

  [[nodiscard]] bool is_wide() const { return wanted_.output == output_format::wide; }

  [[nodiscard]] std::string printed(document_node const& node) const {
    return print_document(node, wanted_.output == output_format::yaml);
  }

  [[nodiscard]] std::string names() const {
    std::string out;
    for (auto const& row : rows_) out += std::string(words_of(wanted_.kind).plural) + "/" + name_of(row) + "\n";
    return out;
  }

  get_command const& wanted_;
  api_list const& list_;
  std::vector<Row> rows_;
};

// Calls `work` with the list, read as rows of its kind.
template <class Result, class Work>
result<Result> with_rows(get_command const& wanted, api_list const& list, Work const& work) {
  auto const as = [&]<class Row>(std::type_identity<Row>) -> result<Result> {
    auto rows = typed_list<Row>::read(wanted, list);
    if (!rows) return std::unexpected(rows.error());
    return work(*rows);
  };
  switch (wanted.kind) {
  case view_kind::agents: return as(std::type_identity<agent_view>{});
  case view_kind::models: return as(std::type_identity<model_view>{});
  case view_kind::slots: return as(std::type_identity<slot_view>{});
  case view_kind::requests: return as(std::type_identity<request_view>{});
  case view_kind::reconciliations: return as(std::type_identity<reconciliation_view>{});
  case view_kind::applicable: return as(std::type_identity<agent_applicable>{});
  case view_kind::conflicts: return as(std::type_identity<field_provenance>{});
  case view_kind::revisions: return as(std::type_identity<revision_view>{});
  case view_kind::policies: return as(std::type_identity<policy_view>{});
  case view_kind::desired: break;
  }
  return fail(error_code::internal, "desired state is no list");
}

result<rendered_list> blocking_fetch_list(get_command const& wanted, std::size_t columns) {
  auto const answer = blocking_call_api(management_server(wanted.management), {.target = list_target(wanted)});
  if (!answer) return std::unexpected(answer.error());
  auto const list = parse_list(*answer);
  if (!list) return std::unexpected(list.error());
  return render_list(wanted, *list, wall_now(), columns);
}

exit_code get_desired(get_command const& wanted, console& terminal) {
  bool const json = wanted.output == output_format::json;
  api_request request{.target = management_target("desired", {{"at", wanted.at}, {"source", wanted.source}}),
                      .headers = {{"Accept", json ? "application/json" : "application/yaml"}}};
  auto const answer = blocking_call_api(management_server(wanted.management), std::move(request));
  if (!answer) return terminal.fail_with(answer.error());
  terminal.out << answer->body << (answer->body.ends_with('\n') ? "" : "\n") << std::flush;
  if (answer->etag.empty()) return exit_code::success;
  if (wanted.at.empty())
    terminal.print_note("revision " + answer->etag + "; to change it: paddler apply -f FILE --if-revision " +
                        answer->etag);
  else
    terminal.print_note("revision " + answer->etag);
  return exit_code::success;
}

} // namespace

std::string list_target(get_command const& wanted) {
  auto const path = std::string(words_of(wanted.kind).plural);
  if (auto const& which = wanted.requests; wanted.kind == view_kind::requests)
    return management_target(path, {{"state", which.failed ? "failed" : ""},
                                    {"model", which.model},
                                    {"agent", which.agent},
                                    {"limit", which.limit == 0 ? "" : std::to_string(which.limit)}});
  if (wanted.kind != view_kind::revisions) return management_target(path, {{"at", wanted.at}});
  constexpr auto most = std::numeric_limits<std::uint64_t>::max() - 1;
  auto const number = parse_whole_number(wanted.name, 1, most);
  if (!number) return management_target(path, {{"limit", std::to_string(listed_revisions)}});
  return management_target(path, {{"limit", "1"}, {"before", std::to_string(*number + 1)}});
}

result<rendered_list> render_list(get_command const& wanted, api_list const& list, wall_time now, std::size_t columns) {
  return with_rows<rendered_list>(wanted, list, [&](auto& rows) { return rows.render(now, columns); });
}

result<std::string> render_rows(get_command const& wanted, api_list const& list, wall_time now, std::size_t columns,
                                table::widths& kept) {
  return with_rows<std::string>(wanted, list, [&](auto& rows) { return rows.render_below(now, columns, kept); });
}

result<std::vector<std::string>> names_in(view_kind kind, api_list const& list) {
  return with_rows<std::vector<std::string>>({.kind = kind}, list, [](auto& rows) { return rows.all_names(); });
}

exit_code run_get(get_command const& wanted, console& terminal) {
  if (wanted.watch) return run_watch(wanted, terminal);
  if (wanted.kind == view_kind::desired) return get_desired(wanted, terminal);
  auto const rendered = blocking_fetch_list(wanted, terminal.columns);
  if (!rendered) return terminal.fail_with(rendered.error());
  terminal.out << rendered->data << std::flush;
  terminal.err << rendered->notes << std::flush;
  return exit_code::success;
}

} // namespace paddler
