"""A check that cannot fail is worthless: each is shown a planted violation, and something that it must let pass."""
import os
import pathlib
import subprocess
import tempfile
from types import SimpleNamespace

from . import analysis, bans, build, coverage, format as formatting, layers, purity, seed
from .source import ROOT, Finding, Source


def _wrong(what):
    return Finding("scripts/checks/selftest.py", 1, "selftest", what, "Mend the check: it must find what it is for, and nothing else.")


def _names(found):
    return {finding.rule for finding in found}


def rules(_):
    for rule in bans.RULES:
        for (path, *texts), expected in ((rule.bad, True), (rule.good, False)):
            for text in texts:
                if (rule.name in _names(bans.check_rule(rule, Source(path, text)))) != expected:
                    yield _wrong(f"rule {rule.name}: {'misses' if expected else 'blames'} {text} in {path}")


def exemptions(_):
    rule = next(r for r in bans.RULES if r.name == "pure-clock")
    for text, expected in (
            ("steady_clock::now(); // lint: allow(pure-clock) measures the test itself", False),
            ("// lint: allow(pure-clock) measures the test itself\nsteady_clock::now();", False),
            ("steady_clock::now(); // lint: allow(pure-clock)", True),
            ("steady_clock::now(); // lint: allow(pure-file) another rule", True)):
        if bool(list(bans.check_rule(rule, Source("src/core/a.cpp", text)))) != expected:
            yield _wrong(f"exemption wrongly judged: {text!r}")


def shapes(_):
    planted = {
        "file-length": Source("src/core/a.cpp", "\n" * (bans.MAX_SOURCE_LINES + 1)),
        "main-length": Source("src/main.cpp", "\n" * (bans.MAX_MAIN_LINES + 1)),
        "pragma-once": Source("src/core/a.hpp", "// x\n"),
        "header-comment": Source("src/core/a.hpp", "#pragma once\n"),
    }
    for name, source in planted.items():
        if _names(bans.check_shape(source)) != {name}:
            yield _wrong(f"{name} not found alone")


def literals(_):
    source = Source("src/core/a.cpp", '// rand()\nauto a = R"x(co_await ")x"; int b = 1\'000; char c = \'"\'; auto d = "getenv"; /* thread\n */ f();\n')
    if any(word in source.code for word in ("rand", "co_await", "getenv", "thread")) or "f();" not in source.code:
        yield _wrong("comments or literals are not told from code")
    if source.code.count("\n") != source.text.count("\n") or "getenv" not in source.code_and_strings:
        yield _wrong("blanking moves lines or loses strings")


def directions(_):
    cmake = [Source(f"src/{name}/CMakeLists.txt", f"paddler_library({name} DEPENDS {uses} SOURCES a.cpp)")
             for name, uses in (("base", ""), ("model", "base"), ("core", "base"), ("net", "runtime"), ("runtime", "ports"), ("ports", "model"))]
    for path, include, expected in (
            ("src/core/a.cpp", '"ports/clock.hpp"', True), ("src/wire/a.cpp", '"net/http.hpp"', True),
            ("src/net/a.cpp", '"balancer/run.hpp"', True), ("src/core/a.cpp", '"model/agent.hpp"', True),
            ("src/core/a.cpp", "<runtime/loop.hpp>", True), ("src/core/a.cpp", '"a.hpp"', True),
            ("src/core/a.cpp", '"../base/ids.hpp"', True), ("src/attic/a.cpp", "<string>", True),
            ("src/core/a.cpp", '"base/ids.hpp"', False), ("src/net/a.cpp", '"base/ids.hpp"', False),
            ("src/core/a.cpp", '"core/b.hpp"', False), ("src/net/a.cpp", "<boost/asio.hpp>", False)):
        found = list(layers.check([*cmake, Source(path, f"#include {include}\n")]))
        if bool(found) != expected:
            yield _wrong(f"{path} including {include}: {'let pass' if expected else 'blamed'}")


def own_headers(_):
    header = Source("src/core/a.hpp", "// x\n#pragma once\n")
    for text, expected in (('#include <string>\n#include "core/a.hpp"\n', True), ("int a;\n", True), ('#include "core/a.hpp"\n#include <string>\n', False)):
        found = _names(layers.check([header, Source("src/core/a.cpp", text)]))
        if ("own-header-first" in found) != expected:
            yield _wrong(f"own-header-first {'misses' if expected else 'blames'} {text!r}")


def pure_includes(_):
    def unit(layer, *inputs):
        return SimpleNamespace(path=f"src/{layer}/a.cpp", layer=layer, generated_for="", inputs=list(inputs))
    clean = [unit(layer, "/usr/include/string") for layer in bans.PURE]
    if list(purity.check(clean)):
        yield _wrong("purity blames a clean build")
    if not list(purity.check([*clean, unit("core", "/usr/include/boost/asio/io_context.hpp")])):
        yield _wrong("purity misses Asio")
    try:
        list(purity.check([]))
        yield _wrong("purity is content with a build that holds nothing")
    except build.BuildError:
        pass


BAD_COROUTINES = """
struct pair_of { int* a; int b; ~pair_of(); };
struct held { pair_of p; }; task<int> keep(held); task<void> empty() { take(co_await keep(held{})); }
task<void> braced() { use(pair_of{nullptr, co_await number()}); }
task<void> chosen(bool x) { use(co_await number() > 0 && x ? pair_of() : pair_of()); }
task<void> captured(int x) { auto f = [x]() -> task<void> { take(x + co_await number()); }; co_await f(); }
"""
GOOD_COROUTINES = """
struct pair_of { int* a; int b; ~pair_of(); };
task<void> named() { int const n = co_await number(); pair_of p{nullptr, n}; use(p); }
task<void> started(int x) { auto f = [](int y) -> task<void> { take(y + co_await number()); }; co_await f(x); }
struct tag {}; task<int> tagged(tag); task<void> harmless() { take(co_await tagged(tag{})); }
"""
COROUTINE_HEAD = """
#include <coroutine>
template <class T> struct promise_of { void return_value(T); };
template <> struct promise_of<void> { void return_void(); };
template <class T> struct task {
  struct promise_type : promise_of<T> {
    task get_return_object(); std::suspend_always initial_suspend(); std::suspend_always final_suspend() noexcept; void unhandled_exception();
  };
  bool await_ready(); void await_suspend(std::coroutine_handle<>); T await_resume();
};
struct pair_of; task<int> number(); void use(pair_of const&); void take(int);
"""


def coroutines(_):
    with tempfile.TemporaryDirectory() as folder:
        for text, expected in ((BAD_COROUTINES, {"brace", "conditional", "lambda"}), (GOOD_COROUTINES, set())):
            file = pathlib.Path(folder) / "planted.cpp"
            file.write_text(COROUTINE_HEAD + text)
            said = analysis.query(str(file), [], ["--", "-std=c++23"])
            if {name for name in analysis.ADVICE if f"[{name}]" in said} != expected or bool(said) != bool(expected):
                yield _wrong(f"coroutine queries: expected {expected or 'nothing'}, said {said or 'nothing'}")


def tidy(_):
    bad = "#include <string>\n#include <utility>\nstd::string f(std::string s) { auto t = std::move(s); return s + t; }\n"
    good = "#include <string>\nstd::string f(std::string const& s) { return s + s; }\n"
    with tempfile.TemporaryDirectory() as folder:
        for text, expected in ((bad, True), (good, False)):
            file = pathlib.Path(folder) / "planted.cpp"
            file.write_text(text)
            arguments = [f"--config-file={ROOT / '.clang-tidy'}", "--extra-arg=-std=c++23"]
            if bool(analysis.tidy(str(file), arguments)) != expected:
                yield _wrong(f"clang-tidy {'misses' if expected else 'blames'} {text!r}")


def joined(_):
    bad = "#include <string>\n#include <utility>\nnamespace { std::string f(std::string s) { auto t = std::move(s); return s + t; } }\nint b() { return int(f({}).size()); }\n"
    good = "namespace { int g() { return 1; } }\nint a() { return g(); }\n"
    other = "namespace { char g() { return 1; } }\nint c() { return g(); }\n"  # of another type
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "src").mkdir()
        third = good.replace("g()", "h()").replace("a()", "b()")
        for texts, expected in (((good, bad), False), ((good, other), False), ((good, COROUTINE_HEAD + BAD_COROUTINES), False),
                                ((good, COROUTINE_HEAD + GOOD_COROUTINES), True), ((good, third), True)):
            files = [pathlib.Path(folder) / f"src/planted_{number}.cpp" for number in range(len(texts))]
            for file, text in zip(files, texts):
                file.write_text(text)
            if analysis.joined_is_clean(files, ["-std=c++23"]) != expected:
                yield _wrong(f"files that are examined together: {'blames' if expected else 'misses'} {texts[1]!r}")


def layout(_):
    with tempfile.TemporaryDirectory() as folder:
        for text, expected in (("int  f( );\n", True), ("int f();\n", False)):
            file = pathlib.Path(folder) / "planted.cpp"
            file.write_text(text)
            if bool(list(formatting.check([Source(str(file), text)]))) != expected:
                yield _wrong(f"format {'misses' if expected else 'blames'} {text!r}")


HOUSE = """
cmake_minimum_required(VERSION 3.25)
project(planted LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 23)
list(APPEND CMAKE_MODULE_PATH {root}/cmake)
add_library(paddler_flags INTERFACE)
enable_testing()
include(Layers)
add_subdirectory(src/base)
add_subdirectory(src/model)
"""


def _plant(folder, files):
    for path, text in {"CMakeLists.txt": HOUSE.replace("{root}", str(ROOT)), **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _builds(files):
    """Where a house with these files fails: "configure", "build", or "" if nowhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        _plant(folder, files)
        quiet = {"cwd": folder, "capture_output": True, "text": True}
        if subprocess.run(["cmake", "-G", "Ninja", "-B", "b", "-DCMAKE_CXX_COMPILER=clang++-19"], **quiet).returncode:
            return "configure"
        return "build" if subprocess.run(["ninja", "-C", "b", "-j2", "all", "paddler_checks"], **quiet).returncode else ""


def house(_):
    sound = {
        "src/base/CMakeLists.txt": "paddler_library(base SOURCES a.cpp)", "src/base/a.cpp": '#include "base/a.hpp"\nint a() { return 1; }',
        "src/base/a.hpp": "#pragma once\nint a();\n", "src/base/b.hpp": "#pragma once\nstruct b {};\n",
        "src/model/CMakeLists.txt": "paddler_library(model DEPENDS base SOURCES m.cpp)",
        "src/model/m.cpp": '#include "base/a.hpp"\nint m() { return a(); }',
    }
    for what, change, expected in (
            ("a sound house", {}, ""),
            ("a symbol that no declared layer has", {"src/base/a.cpp": "int m(); int a() { return m(); }"}, "build"),
            ("a header that needs another", {"src/base/b.hpp": "#pragma once\nstd::string b();\n"}, "build"),
            ("a header with a source, that needs another", {"src/base/a.hpp": "#pragma once\nint a();\nstd::string b();\n"}, "build"),
            ("a forbidden dependency", {"src/base/CMakeLists.txt": "paddler_library(base DEPENDS model SOURCES a.cpp)"}, "configure")):
        failed = _builds({**sound, **change})
        if failed != expected:
            yield _wrong(f"{what}: expected to fail at {expected or 'no step'}, failed at {failed or 'no step'}")


def seed_page(_):
    tests = seed.tests_in(["TEST(Some, Test) {\nSYSTEM_TEST(other, one_that_is_long, local_cluster) {\n  TEST_F(Some,\n  Wrapped)"])
    if tests != {"Some.Test", "other.one_that_is_long", "Some.Wrapped"}:
        yield _wrong(f"seed-coverage reads these tests: {tests}")
    head = "| the seed | code | test | shown by |\n|---|---|---|---|\n"
    for row, expected in (
            ("| x | `src/a.hpp` | `Some.Test` | `paddler get` |", False),
            ("| x | `src/a.hpp` (`member`) | `Some.*`, `other.one_*` | see it |", False),
            ("| x | **open** (issue 5) | **open** (HA) | **open** (issue 5) |", False),
            ("| x | `src/b.hpp` | `Some.Test` | see it |", True),
            ("| x | `src/a.hpp` | `Some.Tes` | see it |", True),
            ("| x | `src/a.hpp` | `some.*` | see it |", True),
            ("| x | `src/a.hpp`, `src/b.hpp` | `Some.Test` | see it |", True),
            ("| x | a class | `Some.Test` | see it |", True),
            ("| x | `src/a.hpp` | by hand | see it |", True),
            ("| x | `src/a.hpp` | **open** | see it |", True),
            ("| x | `src/a.hpp` | `Some.Test` | |", True),
            ("| x | `src/a.hpp` | `Some.Test` |", True)):
        if bool(list(seed.check_page(head + row, tests, lambda name: name == "src/a.hpp"))) != expected:
            yield _wrong(f"seed-coverage {'misses' if expected else 'blames'} {row}")


def coverage_bars(_):
    for figures, expected in (((95, 90, 1.5), 0), ((94.9, 90, 1.5), 1), ((95, 89.9, 1.5), 1), ((95, 90, 1.4), 1), ((0, 0, 0), 3)):
        if len(coverage.judge(*figures)) != expected:
            yield _wrong(f"coverage of {figures} is wrongly judged")
    if coverage.code_lines("int a;\n\n// b\n  // c\n  int d; // e\n") != 2:
        yield _wrong("coverage counts comments or blank lines")


TESTS = (rules, exemptions, shapes, literals, directions, own_headers, seed_page, coverage_bars, pure_includes, coroutines, tidy, joined, layout,
         house)


def check(only=None):
    for test in TESTS:
        yield from test(only)
