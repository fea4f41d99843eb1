#include "core/engine/engine_exit.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>
#include <vector>

namespace paddler {
namespace {

constexpr std::size_t max_quoted_lines = 2;
constexpr std::size_t max_quoted_bytes = 400;

struct signal_words {
  int number;
  std::string_view name;
  std::string_view hint;
};

constexpr std::array signals = std::to_array<signal_words>({
    {SIGABRT, "SIGABRT (it aborted)", ""},
    {SIGBUS, "SIGBUS (bad memory access)", "the model file may have been cut short while it was in use"},
    {SIGFPE, "SIGFPE (bad arithmetic)", ""},
    {SIGILL, "SIGILL (unknown instruction)",
     "this build uses instructions that this processor lacks; build with -DGGML_NATIVE=OFF"},
    {SIGKILL, "SIGKILL",
     "if nobody killed it, the machine ran out of memory: `dmesg` tells; use fewer slots or less context"},
    {SIGSEGV, "SIGSEGV (bad memory access)", ""},
    {SIGTERM, "SIGTERM", ""},
});

// llama-server writes "0.00.013.937 E srv  load_model: text": seconds and level, then who says it.
std::string_view without_stamp(std::string_view line) {
  auto const after_time = line.find_first_not_of("0123456789.");
  if (after_time == 0 || after_time == line.npos || line[after_time] != ' ') return line;
  line.remove_prefix(after_time + 1);
  if (line.size() > 2 && line[1] == ' ' && std::string_view("EWIDT").contains(line[0])) line.remove_prefix(2);
  return line;
}

bool is_telling(std::string_view line) {
  constexpr std::array<std::string_view, 11> words = {
      "error",  "failed",        "assert",  "what():", "exception", "unable",
      "cannot", "out of memory", "invalid", "panic",   "critical"};
  std::string const text = to_lower(line);
  return std::ranges::any_of(words, [&](std::string_view word) { return text.contains(word); });
}

struct telling_words {
  std::string_view words; // in lower case
  std::string_view hint;
};

constexpr std::array remedies = std::to_array<telling_words>({
    {"chat template", "mend the model's chat_template, or leave it out to use the one in the file"},
    {"unknown model architecture",
     "this llama.cpp does not know the model; name a newer llama-server with --engine-binary"},
    {"out of memory", "use fewer slots, less context or a smaller model"},
    {"failed to allocate", "use fewer slots, less context or a smaller model"},
    {"unable to allocate", "use fewer slots, less context or a smaller model"},
    {"check_tensor_dims", "the file does not fit its architecture; convert or download the model again"},
    {"ggml_assert", "llama.cpp gave up on this model or request; convert the model again, or try another llama-server"},
});

std::string_view remedy_for(std::string const& said) {
  std::string const text = to_lower(said);
  auto const known = std::ranges::find_if(remedies, [&](auto const& r) { return text.contains(r.words); });
  return known == remedies.end() ? std::string_view() : known->hint;
}

// What an engine wrote last tells nothing where somebody else ended it.
std::string quote(std::span<std::string const> lines, bool ended_from_outside) {
  std::vector<std::string_view> chosen;
  for (auto const& line : lines)
    if (is_telling(line) && chosen.size() < max_quoted_lines) chosen.push_back(without_stamp(line));
  if (chosen.empty() && !ended_from_outside)
    for (auto const& line : lines.last(std::min(lines.size(), max_quoted_lines))) chosen.push_back(without_stamp(line));
  std::string out;
  for (auto line : chosen) out += (out.empty() ? "" : "; ") + std::string(line.substr(0, max_quoted_bytes));
  return out;
}

std::string without_digits(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

} // namespace

exit_explanation explain_exit(process_exit const& exit, std::span<std::string const> last_lines) {
  exit_explanation out;
  if (exit.by_signal) {
    auto const known = std::ranges::find(signals, exit.number, &signal_words::number);
    out.reason = "the engine was ended by ";
    out.reason += known != signals.end() ? std::string(known->name) : "signal " + std::to_string(exit.number);
    if (known != signals.end()) out.hint = known->hint;
  } else {
    out.reason = "the engine ended with status " + std::to_string(exit.number);
  }
  bool const from_outside = exit.by_signal && (exit.number == SIGKILL || exit.number == SIGTERM);
  auto const said = quote(last_lines, from_outside);
  if (said.empty()) return out;
  out.reason += "; it said: " + said;
  if (auto const remedy = remedy_for(said); !remedy.empty()) out.hint = remedy;
  return out;
}

bool is_same_cause(std::string const& a, std::string const& b) { return without_digits(a) == without_digits(b); }

} // namespace paddler
