"""clang-tidy and the coroutine queries, two files at a time, remembering what was clean.

A file is skipped when nothing that could change the verdict has changed: its text, every header it reads, its compile
command, the configuration and the tools. The memory lies outside the build folder (PADDLER_CACHE).
"""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

from .source import ROOT, Finding

TIDY, QUERY = "clang-tidy-19", "clang-query-19"
QUERIES = ROOT / "scripts/checks/coroutines.query"
MAX_REMEMBERED = 20_000
JOBS = 2

_hashes = {}


def cache_folder():
    base = os.environ.get("PADDLER_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "paddler")
    folder = pathlib.Path(base) / "lint"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _hash_of(path):
    if path not in _hashes:
        try:
            _hashes[path] = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
        except OSError:
            _hashes[path] = "absent"
    return _hashes[path]


def _tool_version():
    done = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True)
    return done.stdout


def key_of(unit, version):
    """Equal for equal text in another clone: paths enter relative to the root and to the build folder."""
    def portable(path):
        return path.replace(unit.directory, "<build>").replace(str(ROOT), "<root>")
    digest = hashlib.sha256()
    for part in (version, _hash_of(ROOT / ".clang-tidy"), _hash_of(QUERIES), portable(" ".join(unit.command))):
        digest.update(part.encode() + b"\0")
    for path in sorted(unit.inputs):
        digest.update(f"{portable(path)} {_hash_of(path)}\n".encode())
    return digest.hexdigest()


def tidy(file, arguments):
    """What clang-tidy says about one file; empty if it is clean."""
    done = subprocess.run([TIDY, "--quiet", *arguments, file], cwd=ROOT, capture_output=True, text=True)
    said = [line for line in done.stdout.splitlines() if not line.startswith("[")]
    if done.returncode != 0 or any(": warning: " in line or ": error: " in line for line in said):
        return "\n".join(said) or done.stderr
    return ""


def query(file, arguments, trailing=()):
    """What the coroutine queries find in one file; empty if it is clean."""
    done = subprocess.run([QUERY, "-f", str(QUERIES), *arguments, file, *trailing], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        return done.stderr or done.stdout
    hits = re.findall(r'^(\S+:\d+):\d+: note: "(\w+)" binds here', done.stdout, re.MULTILINE)
    return "\n".join(f"{place}: [{name}] {ADVICE[name]}" for place, name in hits)


ADVICE = {
    "brace": "a braced value in the same full expression as a co_await: build the object in a statement of its own (g++ before 13 destroys it twice)",
    "conditional": "?: of a class type in the same full expression as a co_await: write if/else (g++ before 13 frees it wrongly)",
    "lambda": "a coroutine lambda with captures: make it a function with parameters by value; the captures die with the lambda",
}


def _examine(unit):
    began = time.monotonic()
    said = [tidy(unit.path, ["-p", unit.directory])]
    text = (ROOT / unit.path).read_text(encoding="utf-8")
    if "co_await" in text or "co_return" in text:
        said.append(query(unit.path, ["-p", unit.directory]))
    return "\n".join(filter(None, said)), time.monotonic() - began


def _trim(folder):
    remembered = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
    for old in remembered[MAX_REMEMBERED:]:
        old.unlink(missing_ok=True)


def check(units, wanted=()):
    folder, version = cache_folder(), _tool_version()
    work = {}
    for unit in units:
        if unit.generated_for or not unit.path.endswith(".cpp") or (wanted and unit.path not in wanted):
            continue
        key = key_of(unit, version) if unit.inputs else None
        if key is None or not (folder / key).exists():
            work[unit.path] = (unit, key)
        else:
            os.utime(folder / key)
    yield from _run(work, folder)
    _trim(folder)


def _run(work, folder):
    reported = set()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        futures = {pool.submit(_examine, unit): (unit, key) for unit, key in work.values()}
        for number, future in enumerate(concurrent.futures.as_completed(futures), 1):
            unit, key = futures[future]
            said, seconds = future.result()
            print(f"  [{number}/{len(futures)}] {unit.path} {seconds:.1f} s", file=sys.stderr)
            if not said:
                if key:
                    (folder / key).touch()
            elif said not in reported:
                reported.add(said)
                yield Finding(unit.path, 1, "analysis", "\n" + said, f"Again, this file alone: scripts/lint tidy {unit.path}")
