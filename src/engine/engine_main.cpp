#include "engine/engine_main.hpp"

#include "base/text.hpp"
#include "core/engine/engine_spec.hpp"
#include "runtime/event_loop.hpp"
#include "runtime/log.hpp"
#include "runtime/process.hpp"
#include "runtime/race.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace paddler {
namespace {

constexpr int could_not_load = 1;
constexpr int wrong_command_line = 2;
constexpr std::size_t max_slots_and_tokens = 1'000'000'000;

constexpr std::array<std::string_view, 7> options = {"--simulate", "--host",    "--alias",     "--parallel",
                                                     "--ctx-size", "--predict", "--embeddings"};

result<std::size_t> count(std::string_view option, std::string_view text) {
  auto const value = parse_number<std::size_t>(text).value_or(0);
  if (value > 0 && value <= max_slots_and_tokens) return value;
  return fail(error_code::invalid_input, std::string(option) + " is '" + std::string(text) + "'",
              "give a whole number above 0");
}

// The command line while it is read.
struct reading {
  simulated_engine_config config;
  std::optional<std::size_t> context; // of all slots together

  result<void> take(std::string_view option, std::string_view value) {
    if (option == "--host")
      config.socket_path = value;
    else if (option == "--alias")
      config.alias = value;
    else if (option == "--simulate")
      return take_simulation(value);
    else
      return take_count(option, value);
    return {};
  }

  result<void> take_simulation(std::string_view text) {
    auto parsed = parse_simulation(text);
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    config.simulation = *parsed;
    return {};
  }

  result<void> take_count(std::string_view option, std::string_view text) {
    auto const number = count(option, text);
    if (!number) return std::unexpected(number.error());
    if (option == "--parallel") config.slots = *number;
    if (option == "--ctx-size") context = *number;
    if (option == "--predict") config.default_max_tokens = *number;
    return {};
  }

  result<simulated_engine_config> finish() {
    if (config.socket_path.empty())
      return fail(error_code::invalid_input, "--host is missing", "give the path of a socket: --host /run/x.sock");
    if (config.slots > static_cast<std::size_t>(max_engine_slots))
      return fail(error_code::invalid_input, "--parallel is too large",
                  "give at most " + std::to_string(max_engine_slots));
    if (context) config.context_per_slot = *context / config.slots;
    return std::move(config);
  }
};

std::unexpected<error> unknown(std::string_view option) {
  auto const near = nearest(option, options);
  return fail(error_code::invalid_input, "'" + std::string(option) + "' is no option of the simulated engine",
              near.empty() ? "there are: " + one_of(options) : "did you mean '" + near + "'?");
}

task<> wait_for_signal(event_loop& loop) { co_await loop.next_stop_signal(); }

task<bool> serve(simulated_engine& engine, event_loop& loop) {
  auto const loaded = co_await unless(engine.run(), wait_for_signal(loop));
  co_await engine.stop();
  co_return loaded.value_or(true);
}

int run_simulated(std::span<char const* const> arguments) {
  log_configure({.role = "engine"});
  auto config = parse_simulated_engine(arguments);
  if (!config) {
    log_error("engine.arguments", describe(config.error()));
    return wrong_command_line;
  }
  raise_open_file_limit();
  ignore_broken_pipes();
  event_loop loop;
  simulated_engine engine(loop.executor(), *config);
  if (auto started = engine.start(); !started) {
    log_error("engine.socket", describe(started.error()));
    return could_not_load;
  }
  if (loop.run_until_done(serve(engine, loop))) return 0;
  log_error("engine.load", "error loading model: the simulated engine fails at this, as it was told");
  return could_not_load;
}

} // namespace

result<simulated_engine_config> parse_simulated_engine(std::span<char const* const> arguments) {
  reading out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view const option = arguments[i];
    if (option == "--embeddings") {
      out.config.embeddings_only = true;
      continue;
    }
    if (std::ranges::find(options, option) == options.end()) return unknown(option);
    if (++i == arguments.size()) return fail(error_code::invalid_input, std::string(option) + " lacks its value");
    if (auto taken = out.take(option, arguments[i]); !taken) return std::unexpected(std::move(taken.error()));
  }
  return out.finish();
}

int engine_main(int argc, char** argv, llama_function run_llama) {
  std::span<char const* const> const arguments(argv + 1, static_cast<std::size_t>(argc < 1 ? 0 : argc - 1));
  if (!arguments.empty() && std::string_view(arguments.front()) == "--simulate") return run_simulated(arguments);
  if (run_llama != nullptr) return run_llama(argc, argv);
  log_configure({.role = "engine"});
  log_error("engine.missing", "error: this paddler was built without llama.cpp; build it with -DPADDLER_LLAMA=ON, or "
                              "name a llama-server with --engine-binary PATH");
  return wrong_command_line;
}

} // namespace paddler
