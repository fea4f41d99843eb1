"""The direction of includes: cmake/layers.txt says who may use whom, each src/LAYER/CMakeLists.txt what it does use."""
import re

from .source import ROOT, Finding

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.MULTILINE)
_LIBRARY = re.compile(r"paddler_library\(\s*(\w+)(.*?)\)", re.DOTALL)
_KEYWORDS = ("DEPENDS", "LINK", "SOURCES", "TESTS", "TEST_LINK")


def allowed_table(text=None):
    """layer -> the layers that it may use, in the order of the file."""
    table = {}
    for line in (text if text is not None else (ROOT / "cmake/layers.txt").read_text()).splitlines():
        name, colon, uses = line.partition(":")
        if colon and not line.startswith("#"):
            table[name.strip()] = uses.split()
    return table


def declared(cmake_sources):
    """layer -> (declared layers, layers that its tests link as well), both closed transitively."""
    direct, for_tests = {}, {}
    for source in cmake_sources:
        for name, body in _LIBRARY.findall(re.sub(r"#[^\n]*", "", source.text)):
            values, key = {keyword: [] for keyword in _KEYWORDS}, None
            for word in body.split():
                if word in _KEYWORDS:
                    key = word
                elif key:
                    values[key].append(word)
            direct[name] = set(values["DEPENDS"])
            for_tests[name] = {w.removeprefix("paddler_") for w in values["TEST_LINK"] if w.startswith("paddler_")}
    closed = {name: _closure(direct, direct[name]) for name in direct}
    return {name: (closed[name], closed[name] | _closure(direct, for_tests[name])) for name in direct}


def _closure(direct, start):
    seen, pending = set(), list(start)
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(direct.get(name, ()))
    return seen


def _problem(source, quote, target, allowed, known):
    layer = source.layer
    first = target.split("/")[0]
    if quote == '"' and ("/" not in target or first not in allowed):
        return "Write includes of ours from src/: \"layer/file.hpp\"; others' with <>."
    if first not in allowed or first == layer:
        return None
    if first not in allowed[layer]:
        may = ", ".join(allowed[layer]) or "nothing"
        return f"{layer} may use: {may} (cmake/layers.txt). Move what you need to the left, or pass it in through a port."
    uses, tests_use = known.get(layer, (None, None))
    if uses is not None and first not in (tests_use if source.is_test else uses):
        return f"Declare it: add {first} to DEPENDS in src/{layer}/CMakeLists.txt."
    return None


def own_header_first(source, paths):
    """That a header compiles alone is proven by its source, if the source includes it before all else."""
    own = source.path.removesuffix(".cpp") + ".hpp"
    if not source.path.endswith(".cpp") or own not in paths:
        return
    first = _INCLUDE.search(source.code)
    if first is None or "src/" + first.group(2) != own:
        line = source.code.count("\n", 0, first.start()) + 1 if first else 1
        yield Finding(source.path, line, "own-header-first", first.group().strip() if first else "no include", f"Include {own.removeprefix('src/')} first: so its source proves that it compiles alone.")


def check(sources, allowed=None):
    allowed = allowed or allowed_table()
    paths = {source.path for source in sources}
    known = declared(s for s in sources if s.path.startswith("src/") and s.path.endswith("/CMakeLists.txt"))
    for source in sources:
        if not source.is_cpp or not source.layer:
            continue
        if source.layer not in allowed:
            yield Finding(source.path, 1, "layer", f"src/{source.layer} is no layer", "Put the file into a layer of cmake/layers.txt.")
            continue
        yield from own_header_first(source, paths)
        for match in _INCLUDE.finditer(source.code):
            problem = _problem(source, match.group(1), match.group(2), allowed, known)
            if problem:
                line = source.code.count("\n", 0, match.start()) + 1
                yield Finding(source.path, line, "layer", match.group().strip(), problem)
