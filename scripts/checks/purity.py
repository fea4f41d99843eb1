"""base, model, core and wire compile without Asio: what the compiler read for them names no file of Asio or Beast.

Boost's headers are one package, so the include path cannot prove it; the record of what was read can.
"""
from .bans import PURE
from .build import BuildError
from .source import ROOT, Finding

FOREIGN = ("/boost/asio", "/boost/beast", "/spdlog/", "/sqlite3.h", "/openssl/", "/llama.h")


def check(units):
    seen = {}
    for unit in units:
        layer = unit.layer or unit.generated_for
        if layer not in PURE or unit.path.endswith("_test.cpp") or not unit.inputs:
            continue
        seen[layer] = seen.get(layer, 0) + 1
        for path in unit.inputs:
            foreign = next((f for f in FOREIGN if f in path), None)
            if foreign:
                yield Finding(unit.path, 1, "pure-includes", f"{layer} reads {path}", "The pure part knows no sockets, logs, databases or engines: include less, or pass values in.")
                break
    for layer in PURE:
        if (ROOT / "src" / layer / "CMakeLists.txt").exists() and not seen.get(layer):
            raise BuildError(f"no object of {layer} is built, so nothing proves that it is pure. Build it, and the target paddler_checks, first.")
