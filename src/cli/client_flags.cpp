// chat, completion and version: what they are told.
#include "cli/command_set.hpp"

namespace paddler {

void add_chat_command(std::vector<declared_command>& commands) {
  struct chat_values {
    chat_command command;
    std::vector<std::string> words;
  };

  auto const given = std::make_shared<chat_values>();
  flag_set flags;
  flags.add_words({.name = "MESSAGE", .help = "What to say; left out: a conversation, or standard input"},
                  given->words);
  flags.add({.name = "--model", .value = "NAME", .help = "Which model; may be left out where one is served"},
            set_text(given->command.model));
  flags.add({.name = "--system", .value = "TEXT", .help = "What the model shall know before the first message"},
            set_text(given->command.system));
  flags.add({.name = "--inference",
             .value = "URL|HOST:PORT",
             .help = "The balancer's OpenAI API",
             .default_text = "127.0.0.1:8061",
             .variable = "PADDLER_INFERENCE"},
            set_server_address(given->command.inference, default_inference_port));
  auto const finish = [given](environment const&) -> result<command> {
    for (auto const& word : given->words) given->command.message += (given->command.message.empty() ? "" : " ") + word;
    return given->command;
  };
  commands.push_back({{.name = "chat",
                       .group = "Use",
                       .summary = "Talk to a model in the terminal",
                       .usage = "[MESSAGE] [flags]",
                       .text = "Answers are printed as they come. Without a message, on a terminal, it keeps a "
                               "conversation: an empty line or Ctrl-D ends it, Ctrl-C stops an answer.",
                       .examples = "paddler chat \"What is a slot?\"\n"
                                   "paddler chat --model default-chat\n"
                                   "git diff | paddler chat --system \"Write a commit message.\""},
                      std::move(flags),
                      finish});
}

void add_version_command(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<version_command>();
  flag_set flags;
  flags.add({.name = "--management",
             .value = "URL|HOST:PORT",
             .help = "Ask this balancer for its version, too",
             .variable = "PADDLER_MANAGEMENT"},
            set_server_address(given->server, default_management_port));
  auto const finish = [given](environment const&) -> result<command> { return *given; };
  commands.push_back({{.name = "version",
                       .group = "Other",
                       .summary = "Print the version of this program",
                       .usage = "[flags]",
                       .examples = "paddler version\npaddler version --management 127.0.0.1:8060"},
                      std::move(flags),
                      finish});
}

void add_completion_command(std::vector<declared_command>& commands) {
  auto const given = std::make_shared<std::optional<shell>>();
  flag_set flags;
  flags.add_word({.name = "SHELL", .help = "bash, zsh or fish"}, *given, {"bash", "zsh", "fish"});
  auto const finish = [given](environment const&) -> result<command> {
    if (*given) return completion_command{**given};
    return fail(error_code::invalid_input, "for which shell?", "bash, zsh or fish: paddler completion bash");
  };
  commands.push_back({{.name = "completion",
                       .group = "Other",
                       .summary = "Print the script that completes words in your shell",
                       .usage = "bash|zsh|fish",
                       .text = "Completes commands, flags, their values, and names: of agents, models, fields, "
                               "revisions, which it asks the balancer for. Where none answers within 300 ms there are "
                               "no names.",
                       .examples = "source <(paddler completion bash)          # in ~/.bashrc\n"
                                   "source <(paddler completion zsh)           # in ~/.zshrc, after compinit\n"
                                   "paddler completion fish | source           # in config.fish"},
                      std::move(flags),
                      finish});
}

} // namespace paddler
