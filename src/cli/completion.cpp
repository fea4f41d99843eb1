#include "cli/completion.hpp"

#include "cli/answers.hpp"
#include "cli/api_client.hpp"
#include "cli/get.hpp"
#include "cli/kinds.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <ostream>
#include <set>

namespace paddler {
namespace {

constexpr std::string_view bash_script = R"(# bash completion for paddler
_paddler() {
  local line="${COMP_LINE:0:COMP_POINT}" words cur reply candidate
  read -r -a words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local last="${words[${#words[@]}-1]}"
  cur="${COMP_WORDS[COMP_CWORD]}"
  [[ $cur == "=" || $cur == ":" ]] && cur=""
  local done="${last%"$cur"}"  # bash splits words at = and :
  COMPREPLY=()
  while IFS= read -r candidate; do
    case $candidate in
      :files) compopt -o filenames 2>/dev/null
              while IFS= read -r reply; do COMPREPLY+=("$reply"); done < <(compgen -f -- "$cur") ;;
      :*) ;;
      *) COMPREPLY+=("${candidate#"$done"}") ;;
    esac
  done < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _paddler paddler
)";

constexpr std::string_view zsh_script = R"(#compdef paddler
_paddler() {
  local -a lines names
  lines=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  names=("${(@)lines:#:*}")
  names=("${(@)names:#}")
  (( ${#names} )) && compadd -- "${names[@]}"
  [[ "${lines[-1]}" == ":files" ]] && _files
}
compdef _paddler paddler
)";

constexpr std::string_view fish_script = R"(# fish completion for paddler
function __paddler_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c paddler -f -a '(__paddler_complete)'
)";

bool is_switch(declared_flag const& flag) { return flag.words.value.empty() && flag.words.name.starts_with('-'); }

bool is_positional(declared_flag const& flag) { return !flag.words.name.starts_with('-'); }

// "-o,--output" has the name "-o" and the name "--output".
bool has_name(declared_flag const& flag, std::string_view word) {
  std::string_view name = flag.words.name;
  while (!name.empty()) {
    auto const each = name.substr(0, name.find(','));
    if (each == word) return true;
    name.remove_prefix(std::min(each.size() + 1, name.size()));
  }
  return false;
}

using name_getter = std::function<std::vector<std::string>(name_source)>;

// One word of one command's line.
class completing {
public:
  completing(std::vector<std::string> const& words, declared_command const& command, name_getter const& names)
      : command_(command), names_(names), last_(words.back()) {
    for (std::size_t i = 1; i + 1 < words.size(); ++i) read(words[i]);
  }

  completion run() {
    if (waiting_ != nullptr && (!waiting_->value_optional || !last_.starts_with('-'))) {
      offer_values_of(*waiting_, "");
      if (!waiting_->value_optional) return std::move(out_);
    }
    if (auto const equals = last_.find('='); last_.starts_with("--") && equals != std::string::npos) {
      if (auto const* const flag = flag_named(last_.substr(0, equals)); flag != nullptr)
        offer_values_of(*flag, last_.substr(0, equals + 1));
    } else if (last_.starts_with('-')) {
      for (auto const& flag : command_.flags.all())
        if (!is_positional(flag)) offer(long_name(flag));
      offer("--help");
    } else if (auto const* const positional = next_positional(); positional != nullptr) {
      offer_values_of(*positional, "");
    }
    return std::move(out_);
  }

private:
  void read(std::string const& word) {
    bool const is_value = waiting_ != nullptr && (!waiting_->value_optional || !word.starts_with('-'));
    waiting_ = nullptr;
    if (is_value) return;
    if (!word.starts_with('-') || word == "-") {
      positionals_.push_back(word);
    } else if (word.find('=') == std::string::npos) {
      auto const* const flag = flag_named(word);
      if (flag != nullptr && !is_switch(*flag)) waiting_ = flag;
    }
  }

  [[nodiscard]] declared_flag const* flag_named(std::string_view word) const {
    for (auto const& flag : command_.flags.all())
      if (!is_positional(flag) && has_name(flag, word)) return &flag;
    return nullptr;
  }

  // The positional argument that the last word is; null: there is none left.
  [[nodiscard]] declared_flag const* next_positional() const {
    std::size_t passed = 0;
    for (auto const& flag : command_.flags.all())
      if (is_positional(flag) && (flag.may_repeat || passed++ == positionals_.size())) return &flag;
    return nullptr;
  }

  void offer(std::string candidate) {
    if (candidate.starts_with(last_)) out_.candidates.push_back(std::move(candidate));
  }

  void offer_values_of(declared_flag const& flag, std::string const& before) {
    switch (flag.words.completed) {
    case completed_by::files: out_.files = true; return;
    case completed_by::names: return offer_names(before);
    case completed_by::agents: return offer_all({completed_by::names, view_kind::agents}, before);
    case completed_by::requests: return offer_all({completed_by::names, view_kind::requests}, before);
    case completed_by::models: return offer_all({completed_by::names, view_kind::models}, before);
    case completed_by::paths:
    case completed_by::revisions: return offer_all({flag.words.completed, view_kind::revisions}, before);
    case completed_by::choices: break;
    }
    for (auto const choice : flag.words.choices) offer(before + std::string(choice));
    auto const slash = last_.find('/');
    auto const kind = kind_named(last_.substr(0, slash));
    bool const takes_kinds =
        std::ranges::any_of(flag.words.choices, [](auto word) { return kind_named(word).has_value(); });
    if (slash != std::string::npos && kind && takes_kinds)
      offer_all({completed_by::names, *kind}, last_.substr(0, slash + 1));
  }

  void offer_all(name_source source, std::string const& before) {
    for (auto const& name : names_(source)) offer(before + name);
  }

  // Of the kind that the word before names.
  void offer_names(std::string const& before) {
    auto const kind = positionals_.empty() ? std::nullopt : kind_named(positionals_.back());
    if (kind && *kind != view_kind::desired) offer_all({completed_by::names, *kind}, before);
  }

  declared_command const& command_;
  name_getter const& names_;
  std::string last_;
  declared_flag const* waiting_ = nullptr; // for its value
  std::vector<std::string> positionals_;
  completion out_;
};

// The paths of fields, and of the entries that they belong to.
task<std::vector<std::string>> fetch_paths(api_server server) {
  std::vector<std::string> out;
  auto target = management_target("explain");
  auto const answer = co_await get_api(std::move(server), std::move(target));
  if (!answer || !is_success(answer->status)) co_return out;
  auto const fields = value_of<provenance_answer>(*answer);
  if (!fields) co_return out;
  for (auto const& field : fields->items) out.push_back(field.path);
  co_return out;
}

task<std::vector<std::string>> fetch_names(api_server server, view_kind kind) {
  std::vector<std::string> out;
  get_command const wanted{.kind = kind};
  auto target = list_target(wanted);
  auto const answer = co_await get_api(std::move(server), std::move(target));
  if (!answer || !is_success(answer->status)) co_return out;
  auto const list = parse_list(*answer);
  if (!list) co_return out;
  co_return names_in(kind, *list).value_or(std::vector<std::string>());
}

std::vector<std::string> blocking_names(host_and_port const& management, name_source source) {
  event_loop loop;
  auto const server = management_server(management);
  auto work = source.what == completed_by::paths ? fetch_paths(server) : fetch_names(server, source.kind);
  auto found = loop.run_until_done(with_deadline(completion_limit, std::move(work)));
  return found ? *std::move(found) : std::vector<std::string>();
}

} // namespace

std::string_view completion_script(shell of) {
  switch (of) {
  case shell::bash: return bash_script;
  case shell::zsh: return zsh_script;
  case shell::fish: return fish_script;
  }
  return "";
}

complete_command complete_request(std::vector<std::string> words, environment const& surroundings) {
  complete_command out;
  std::optional<std::string> named = surroundings.get("PADDLER_MANAGEMENT");
  constexpr std::string_view flag = "--management";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == flag && i + 1 < words.size()) named = words[i + 1];
    if (words[i].starts_with(std::string(flag) + "=")) named = words[i].substr(flag.size() + 1);
  }
  if (named)
    if (auto const address = parse_server_address(*named, default_management_port)) out.management = *address;
  out.words = std::move(words);
  return out;
}

completion complete(std::vector<std::string> const& words, std::vector<declared_command> const& commands,
                    name_getter const& names) {
  bool const is_help = words.size() > 1 && words.front() == "help";
  if (words.size() > 1 && !is_help) {
    auto const command = std::ranges::find(commands, words.front(), [](auto const& each) { return each.page.name; });
    return command == commands.end() ? completion() : completing(words, *command, names).run();
  }
  completion out;
  auto const last = words.empty() ? "" : words.back();
  for (auto const& command : commands)
    if (command.page.name.starts_with(last)) out.candidates.push_back(command.page.name);
  for (std::string const word : {"--help", "--version"})
    if (!is_help && !last.empty() && word.starts_with(last)) out.candidates.push_back(word);
  return out;
}

exit_code run_completion(completion_command const& wanted, console& terminal) {
  terminal.out << completion_script(wanted.of) << std::flush;
  return exit_code::success;
}

exit_code run_complete(complete_command const& wanted, console& terminal) {
  auto const names = [&](name_source source) { return blocking_names(wanted.management, source); };
  auto const found = complete(wanted.words, all_commands(), names);
  for (auto const& candidate : found.candidates) terminal.out << candidate << "\n";
  terminal.out << (found.files ? ":files" : ":") << "\n" << std::flush;
  return exit_code::success;
}

} // namespace paddler
