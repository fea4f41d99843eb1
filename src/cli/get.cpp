#include "cli/get.hpp"

#include "cli/api_client.hpp"
#include "cli/view_tables.hpp"
#include "runtime/clock.hpp"
#include "wire/yaml_codec.hpp"

#include <algorithm>
#include <array>
#include <ostream>

namespace paddler {
namespace {

struct kind_words {
  std::string_view plural; // also the path of the API
  std::string_view singular;
  std::string_view when_none;
};

constexpr std::array<kind_words, 6> kinds{{
    {"agents", "agent", "no agents yet; start one: paddler agent --balancer HOST:PORT"},
    {"models", "model", "no models yet; give an agent one: paddler agent --model FILE.gguf, or paddler apply -f FILE"},
    {"slots", "slot", "no slots yet; they come with the first agent whose engine is ready (paddler get agents)"},
    {"requests", "request", "no requests yet; send one: paddler chat \"hello\""},
    {"desired", "desired", ""},
    {"reconciliations", "reconciliation",
     "nothing was done to any agent since the balancer started (paddler get agents)"},
}};

kind_words const& words_of(view_kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

std::string printed(document_node const& node, output_format format) {
  return format == output_format::yaml ? print_yaml(node) : print_pretty_json(node);
}

template <class Row> std::string notes_on(std::vector<Row> const& rows) {
  if constexpr (std::is_same_v<Row, agent_view>) return notes_on(std::span<agent_view const>(rows));
  return {};
}

// The list with one row only, or all of them.
template <class Row>
result<rendered_list> render(get_command const& wanted, api_list list, wall_time now, std::size_t columns) {
  auto rows = rows_of<Row>(list);
  if (!rows) return std::unexpected(rows.error());
  auto const& words = words_of(wanted.kind);
  auto const format = wanted.output.value_or(output_format::table);
  if (!wanted.name.empty()) {
    auto const at = std::ranges::find(*rows, wanted.name, [](Row const& row) { return name_of(row); });
    if (at == rows->end()) {
      return fail(error_code::not_found, "there is no " + std::string(words.singular) + " \"" + wanted.name + "\"",
                  "See: paddler get " + std::string(words.plural));
    }
    auto const index = at - rows->begin();
    if (format == output_format::json || format == output_format::yaml) {
      return rendered_list{printed(list.items().items[static_cast<std::size_t>(index)], format), ""};
    }
    rows->assign(1, Row(*at));
  }
  if (format == output_format::json || format == output_format::yaml)
    return rendered_list{printed(list.document, format), ""};
  rendered_list out;
  if (format == output_format::name) {
    for (auto const& row : *rows) out.data += std::string(words.plural) + "/" + name_of(row) + "\n";
  } else if (rows->empty()) {
    out.notes = std::string(words.when_none) + "\n";
  } else {
    bool const wide = format == output_format::wide;
    out.data = table_of(*rows, now).print(wide ? 0 : columns, wide);
    out.notes = notes_on(*rows);
  }
  return out;
}

result<rendered_list> blocking_fetch_list(get_command const& wanted, std::size_t columns) {
  auto const target = "/management/v1/" + std::string(words_of(wanted.kind).plural);
  auto const answer = blocking_call_api(management_server(wanted.management), {.target = target});
  if (!answer) return std::unexpected(answer.error());
  auto const list = parse_list(*answer);
  if (!list) return std::unexpected(list.error());
  return render_list(wanted, *list, wall_now(), columns);
}

exit_code get_desired(get_command const& wanted, console& terminal) {
  bool const json = wanted.output == output_format::json;
  api_request request{.target = "/management/v1/desired" + (wanted.source.empty() ? "" : "?source=" + wanted.source),
                      .headers = {{"Accept", json ? "application/json" : "application/yaml"}}};
  auto const answer = blocking_call_api(management_server(wanted.management), std::move(request));
  if (!answer) {
    terminal.print_error(answer.error());
    return exit_code_for(answer.error().code);
  }
  terminal.out << answer->body << (answer->body.ends_with('\n') ? "" : "\n") << std::flush;
  if (!answer->etag.empty() && terminal.err_is_terminal) {
    terminal.err << terminal.on_err(text_style::dim, "revision " + answer->etag +
                                                         "; to change it: paddler apply -f FILE --if-revision " +
                                                         answer->etag)
                 << "\n";
  }
  return exit_code::success;
}

} // namespace

result<rendered_list> render_list(get_command const& wanted, api_list const& list, wall_time now, std::size_t columns) {
  switch (wanted.kind) {
  case view_kind::agents: return render<agent_view>(wanted, list, now, columns);
  case view_kind::models: return render<model_view>(wanted, list, now, columns);
  case view_kind::slots: return render<slot_view>(wanted, list, now, columns);
  case view_kind::requests: return render<request_view>(wanted, list, now, columns);
  case view_kind::reconciliations: return render<reconciliation_view>(wanted, list, now, columns);
  case view_kind::desired: break;
  }
  return fail(error_code::internal, "desired state is no list");
}

exit_code run_get(get_command const& wanted, console& terminal) {
  if (wanted.kind == view_kind::desired) return get_desired(wanted, terminal);
  auto const rendered = blocking_fetch_list(wanted, terminal.columns);
  if (!rendered) {
    terminal.print_error(rendered.error());
    return exit_code_for(rendered.error().code);
  }
  terminal.out << rendered->data << std::flush;
  terminal.err << rendered->notes << std::flush;
  return exit_code::success;
}

} // namespace paddler
