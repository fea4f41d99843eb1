"""What may not be written where, and what to write instead.

Each rule carries an example that it must find and one that it must let pass; the self-test runs both. A line may be
exempted with a reason: `// lint: allow(RULE) REASON`, on the line itself or alone on the line above.
"""
import re
from dataclasses import dataclass
from typing import Callable

from .source import Finding, Source

PURE = ("base", "model", "core", "wire")
SHELL = ("ports", "balancer", "agent", "cli")
MAX_SOURCE_LINES = 450
MAX_TEST_LINES = 600
MAX_MAIN_LINES = 50


def pure(source):
    return source.is_cpp and source.layer in PURE


def pure_code(source):
    return pure(source) and not source.is_test


def shell_code(source):
    return source.is_cpp and source.layer in SHELL and not source.is_test


def in_src(source):
    return source.is_cpp and source.path.startswith("src/")


def cpp(source):
    return source.is_cpp


def quiet_code(source):
    return in_src(source) and source.layer not in ("cli", "") and not source.is_test


def tests_of_runtime(source):
    return source.is_test and source.layer == "runtime"


def checks_aside(source):
    return not source.path.startswith("scripts/checks/")


def outside_hub(source):
    return checks_aside(source) and source.layer != "hub"


def header(source):
    return in_src(source) and source.path.endswith(".hpp")


@dataclass(frozen=True)
class Rule:
    name: str
    where: Callable[[Source], bool]
    pattern: str
    instead: str
    bad: tuple  # (path, text...): each text must be found
    good: tuple  # (path, text...): each must pass
    form: str = "code"  # which form of the source is searched: code, code_and_strings or text


CLOCK = r"\b(?:steady|system|high_resolution|utc)_clock\b|\b(?:gettimeofday|clock_gettime|localtime|gmtime)(?:_r)?\s*\(|\bstd::time\s*\(|(?<![\w.>:])time\s*\(\s*(?:nullptr|NULL|0)\s*\)"
SLEEP = r"\bsleep_(?:for|until)\b|\b(?:u|nano)sleep\s*\(|(?<![\w.>])sleep\s*\("
BLOCKING_SLEEP = r"\bthis_thread\s*::\s*sleep_|\b(?:u|nano)sleep\s*\(|(?<![\w.>])sleep\s*\("
THREAD = r"\bstd::(?:jthread|thread|async|packaged_task)\b|\bpthread_create\b|#\s*include\s*<(?:thread|future)>"
LOCK = r"\bstd::(?:\w*mutex|condition_variable\w*|lock_guard|unique_lock|scoped_lock|atomic\w*)\b|#\s*include\s*<(?:mutex|shared_mutex|condition_variable|atomic)>"
RANDOM = r"\brandom_device\b|(?<![\w.>])s?rand\s*\(|\bmt19937|\bminstd_rand|\bdefault_random_engine\b|\bstd::\w+_distribution\b|\bgetrandom\s*\(|\bRAND_bytes\b"
ENVIRONMENT = r"\b(?:secure_)?getenv\b|\bsetenv\b|\benviron\b"
FILE = r"\bfopen\s*\(|\bfstream\b|\b[io]fstream\b|\bfilesystem\b|(?<![\w.>])::(?:open|creat|unlink|rename|mkdir|stat)\s*\(|#\s*include\s*<(?:fcntl\.h|sys/stat\.h|dirent\.h)>"

SQL = r"(?:SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|ALTER|DROP)\b"

RULES = [
    # The pure part: given the same input, the same output, on every machine.
    Rule("pure-clock", pure, CLOCK, "Time is an argument here: take `mono_time now` or `wall_time now` (base/time.hpp).",
         ("src/core/a.cpp", "auto t = std::chrono::steady_clock::now();", "using clock = std::chrono::system_clock;", "auto t = time(nullptr);"), ("src/core/a.cpp", "auto t = request.time();", "void apply(event e, mono_time now);")),
    Rule("pure-sleep", pure, SLEEP, "Return a timer effect; the shell runs timers.",
         ("src/core/a.cpp", "std::this_thread::sleep_for(1s);"), ("src/core/a.cpp", "agent.sleeping = true; // sleep_for")),
    Rule("pure-thread", pure, THREAD, "The pure part runs on its caller's thread. Concurrency belongs to runtime.",
         ("src/core/a.cpp", "std::jthread worker(f);"), ("src/core/a.cpp", "int threads = std::min(a, b);")),
    Rule("pure-lock", pure, LOCK, "The pure part is owned by one thread: pass values, or post a message in the shell.",
         ("src/model/a.hpp", "std::mutex m;"), ("src/model/a.hpp", "bool locked = false;")),
    Rule("pure-random", pure, RANDOM, "Take a `random_source&` seeded by the caller (base/random.hpp); its numbers are the same everywhere.",
         ("src/core/a.cpp", "std::random_device d;"), ("src/core/a.cpp", "auto n = source.below(7);")),
    Rule("pure-environment", pure, ENVIRONMENT, "Configuration arrives as values in the constructor; cli reads the environment.",
         ("src/core/a.cpp", 'auto* home = std::getenv("HOME");'), ("src/core/a.cpp", "environment_name name;")),
    Rule("pure-file", pure_code, FILE, "Take the bytes as an argument; ports/state_store and the adapters touch disks.",
         ("src/wire/a.cpp", 'std::ifstream in(path);'), ("src/wire/a.cpp", "result<desired_state> parse_desired(std::string_view yaml);")),
    Rule("pure-stream", pure_code, r"#\s*include\s*<iostream>|\bstd::(?:cout|cerr|clog|cin)\b", "Return text; cli prints, runtime logs.",
         ("src/wire/a.cpp", "#include <iostream>"), ("src/wire/a.cpp", "#include <string>")),
    Rule("pure-coroutine", pure, r"\bco_(?:await|return|yield)\b", "Take an event and return effects; coroutines live in the shell.",
         ("src/core/a.cpp", "co_await x();"), ("src/core/a.cpp", "return effects;")),
    Rule("pure-unordered", pure_code, r"\bunordered_(?:multi)?(?:map|set)\b", "std::map, std::set or a sorted vector: the order of output must not depend on a hash.",
         ("src/core/a.cpp", "std::unordered_map<int, int> m;"), ("src/core/a.cpp", "std::map<int, int> m; // not unordered_map")),
    Rule("pure-log", pure, r"\bspdlog\b|boost/(?:asio|beast)", "The pure part neither logs nor knows sockets: return an effect.",
         ("src/core/a.cpp", "#include <spdlog/spdlog.h>"), ("src/core/a.cpp", "#include <boost/json.hpp>")),

    # The shell above the adapters uses what runtime offers.
    Rule("shell-clock", shell_code, CLOCK, "Ask the clock of runtime (ports/clock), so that tests and the simulator can give another.",
         ("src/balancer/a.cpp", "auto t = std::chrono::system_clock::now();"), ("src/balancer/a.cpp", "auto t = clock.now();")),
    Rule("shell-timer", shell_code, r"\b(?:steady|system|high_resolution|basic_waitable|deadline)_timer\b", "Race the wait through runtime's deadline helper.",
         ("src/agent/a.cpp", "asio::steady_timer t(executor);"), ("src/agent/a.cpp", "auto done = co_await with_deadline(limit, work());")),
    Rule("shell-thread", shell_code, THREAD + "|" + LOCK, "One loop owns this state. Blocking work goes to runtime's worker, messages are posted.",
         ("src/agent/a.cpp", "std::thread t(f);"), ("src/agent/a.cpp", "group.spawn(work());")),
    Rule("shell-random", shell_code, RANDOM, "Take the random source that runtime gives, seeded once per process.",
         ("src/agent/a.cpp", "std::mt19937 g;"), ("src/agent/a.cpp", "random.below(10);")),
    Rule("shell-environment", shell_code, ENVIRONMENT, "Configuration arrives as values; runtime reads the environment, once.",
         ("src/cli/a.cpp", 'getenv("HOME");'), ("src/cli/a.cpp", "settings.home;")),
    Rule("shell-file", shell_code, FILE, "Use runtime's file functions, or an adapter behind a port.",
         ("src/balancer/a.cpp", "std::ofstream out(p);"), ("src/balancer/a.cpp", "auto text = read_file(path);")),

    # Everywhere.
    Rule("sleep", lambda s: in_src(s) and not s.is_test and s.layer not in PURE, BLOCKING_SLEEP, "It blocks the loop. Wait for the event itself, or co_await runtime's timer.",
         ("src/net/a.cpp", "std::this_thread::sleep_for(10ms);"), ("src/net/a.cpp", "co_await sleep_for(10ms);")),
    Rule("detached", cpp, r"\bdetached\b|\.\s*detach\s*\(\s*\)", "Spawn it in a task group that stop() joins and whose handler logs failures (runtime).",
         ("src/net/a.cpp", "asio::co_spawn(e, f(), asio::detached);"), ("src/net/a.cpp", "group.spawn(f()); // never detached")),
    Rule("print", quiet_code, r"\bstd::(?:cout|cerr|clog)\b|(?<![\w.>])(?:f?printf|puts)\s*\(|#\s*include\s*<iostream>", "Log through runtime; only cli writes to the terminal.",
         ("src/agent/a.cpp", 'std::cout << "x";'), ("src/cli/a.cpp", 'std::cout << "x";')),
    Rule("sql-concatenation", in_src,
         rf'"\s*{SQL}[^"\n]*"s?v?\s*\)?\s*\+|\bstring\s*(?:\w+\s*=\s*|\w*\s*[({{]\s*)"\s*{SQL}|\bformat\w*\s*\([^"\n]*"\s*{SQL}|<<\s*"\s*{SQL}'
         r'|\+=?\s*"[^"\n]*\b(?:WHERE|VALUES|FROM|ORDER BY|LIMIT)\b',
         "Write the whole statement as one constant and bind values with ?1, ?2 (store/sqlite_file.hpp).",
         ("src/store/a.cpp", 'auto q = "SELECT a FROM b WHERE id = " + id;', 'run("INSERT INTO a VALUES (\'" + x + "\')");',
          'auto q = std::string("SELECT a FROM b WHERE id = ") + id;', 'q += " WHERE id = " + id;',
          'std::string sql = "DELETE FROM t"; sql += x;', 'fmt::format("SELECT {} FROM t", x);', 'out << "UPDATE t SET a = " << b;'),
         ("src/store/a.cpp", 'constexpr std::string_view q = "SELECT a FROM b WHERE id = ?1";', 'log("update the model: set " + name);',
          '"PRAGMA user_version = " + std::to_string(version)'), "code_and_strings"),
    Rule("nested-namespace", in_src, r"\bnamespace\s+paddler\s*::\s*(?!detail\b)\w+\s*\{", "Everything of ours stands in `namespace paddler`; helpers in an anonymous namespace or in detail.",
         ("src/net/a.hpp", "namespace paddler::net {"), ("src/net/a.hpp", "namespace paddler::detail {")),
    Rule("using-namespace", header, r"\busing\s+namespace\b", "A header brings no foreign names into those who include it.",
         ("src/net/a.hpp", "using namespace std::chrono_literals;"), ("src/net/a.cpp", "using namespace std::chrono_literals;")),
    Rule("unfinished", checks_aside, r"\b(?:TODO|FIXME|XXX|HACK)\b|(?i:\bstubs?\b)", "Finish it, or leave it out and write it down in docs/plan.md.",
         ("src/net/a.cpp", "int a; // TODO: more"), ("src/net/a.cpp", "int todos;"), "text"),
    Rule("registry-host", outside_hub,
         r"(?i)npmjs\.(?:com|org)|\bdebian\.org|\bpypi\.|pythonhosted\.org|\bhuggingface\.co\b|\bhf\.co\b|crates\.io|\bghcr\.io|docker\.io|\bquay\.io",
         "Name no registry host: use the ordinary client (apt-get, npm); for package-lock.json: npm config set omit-lockfile-registry-resolved true. Only src/hub knows model hosts.",
         ("web/package-lock.json", '"resolved": "https://registry.npmjs.org/x.tgz"'), ("src/hub/a.cpp", 'constexpr auto host = "huggingface.co";'), "text"),
    Rule("machine-path", checks_aside, r"(?<![\w.$}])/(?:work/(?:main|wt|shared|land)|home/[a-z]+|root/)", "Derive paths from the repository's root, from a flag or from the environment.",
         ("scripts/x", "cd /work/main"), ("scripts/x", 'cd "$root/work/main"'), "text"),
    Rule("test-blocking-wait", tests_of_runtime, BLOCKING_SLEEP, "Runtime's tests may pause on its own timers, never block a thread.",
         ("src/runtime/a_test.cpp", "usleep(10);"), ("src/runtime/a_test.cpp", "co_await sleep_for(1us);")),
    Rule("test-wait", lambda s: s.is_test and not tests_of_runtime(s), SLEEP + r"|\bsleep\s+[0-9.]+|\bsetTimeout\s*\(|\btime\.sleep\s*\(|\basyncio\.sleep\b|timers/promises",
         "Wait for the event: poll in a bounded loop on the condition, release a fake by hand, or use AbortSignal.timeout for a deadline.",
         ("src/net/a_test.cpp", "std::this_thread::sleep_for(10ms);"), ("src/net/a_test.cpp", "until([&] { return done; });")),
]

_ALLOW = re.compile(r"lint: allow\(([\w-]+)\)[ \t]*(\S.*)?")


def _exempt(lines, line, rule):
    for candidate in (lines[line - 1], lines[line - 2] if line >= 2 else ""):
        match = _ALLOW.search(candidate)
        if match and match.group(1) == rule and match.group(2):
            return True
    return False


def check_rule(rule, source):
    if not rule.where(source):
        return
    lines = source.text.split("\n")
    form = getattr(source, rule.form)
    for match in re.finditer(rule.pattern, form):
        line = form.count("\n", 0, match.start()) + 1
        if not _exempt(lines, line, rule.name):
            yield Finding(source.path, line, rule.name, lines[line - 1].strip(), rule.instead)


def check_shape(source):
    """Rules about a whole file."""
    count = source.text.count("\n")
    if in_src(source) or source.path.startswith("tests/"):
        limit = MAX_TEST_LINES if source.is_test else MAX_SOURCE_LINES
        if source.is_cpp and count > limit:
            yield Finding(source.path, count, "file-length", f"{count} lines, the limit is {limit}", "Split it along what it does: a file fits in a head.")
    if source.path == "src/main.cpp" and count > MAX_MAIN_LINES:
        yield Finding(source.path, count, "main-length", f"{count} lines, the limit is {MAX_MAIN_LINES}", "main only chooses; composition stands in cli.")
    if header(source):
        if not re.search(r"^#pragma once$", source.text, re.MULTILINE):
            yield Finding(source.path, 1, "pragma-once", "no #pragma once", "Add it below the header's opening comment.")
        if not source.text.startswith("//"):
            yield Finding(source.path, 1, "header-comment", "the header does not say what it is", "Begin with a comment: purpose, ownership, threads, errors, units, lifetime.")


def check(sources):
    for source in sources:
        for rule in RULES:
            yield from check_rule(rule, source)
        yield from check_shape(source)
