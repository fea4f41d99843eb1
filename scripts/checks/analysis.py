"""clang-tidy and the coroutine queries, two at a time, remembering what was clean.

Most of the time goes into headers, so files that are compiled alike are examined together, as one that includes them
all. Where that finds anything, be it that two files use one name for different things, each half is, down to one file.

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
import tempfile
import time

from .source import ROOT, Finding

TIDY, QUERY = "clang-tidy-19", "clang-query-19"
QUERIES = ROOT / "scripts/checks/coroutines.query"
MAX_REMEMBERED = 20_000
JOBS = 2
TOGETHER = 8
# A file that is examined with others is included; these would blame that, or the names that files share.
JOINED = [f"--config-file={ROOT / '.clang-tidy'}", "--checks=-bugprone-suspicious-include", r"--header-filter=/(src|tests|tools|bench|sim)/[a-z0-9_/]+\.[ch]pp$"]
JOINED_FLAGS = ["-Wno-shadow", "-Wfatal-errors"]

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


def tidy(file, arguments, trailing=()):
    """What clang-tidy says about one file; empty if it is clean."""
    done = subprocess.run([TIDY, "--quiet", *arguments, file, *trailing], cwd=ROOT, capture_output=True, text=True)
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


def _has_coroutines(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    return "co_await" in text or "co_return" in text


def _examine(unit):
    said = [tidy(unit.path, ["-p", unit.directory])]
    if _has_coroutines(unit.path):
        said.append(query(unit.path, ["-p", unit.directory]))
    return "\n".join(filter(None, said))


def joined_is_clean(paths, flags):
    """Whether nothing is found in these files, examined as one."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "joined.cpp"
        file.write_text("".join(f'#include "{ROOT / path}"\n' for path in paths), encoding="utf-8")
        trailing = ["--", *flags, *JOINED_FLAGS]
        if tidy(str(file), JOINED, trailing):
            return False
        return not any(map(_has_coroutines, paths)) or not query(str(file), [], trailing)


def _examine_together(group):
    """(unit, what was found in it) for each."""
    if len(group) == 1:
        return [(group[0], _examine(group[0]))]
    if joined_is_clean([unit.path for unit in group], group[0].flags):
        return [(unit, "") for unit in group]
    half = len(group) // 2
    return _examine_together(group[:half]) + _examine_together(group[half:])


def _examine_timed(group):
    began = time.monotonic()
    return _examine_together(group), time.monotonic() - began


def groups_of(units):
    """Neighbours that are compiled with the same flags, so many together."""
    out = []
    for unit in units:
        last = out[-1] if out else []
        if last and len(last) < TOGETHER and last[0].flags == unit.flags:
            last.append(unit)
        else:
            out.append([unit])
    return out


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
    reported, done = set(), 0
    groups = groups_of([unit for unit, _ in work.values()])
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for future in concurrent.futures.as_completed([pool.submit(_examine_timed, group) for group in groups]):
            found, seconds = future.result()
            done += len(found)
            print(f"  [{done}/{len(work)}] {found[0][0].path}, {len(found)} files: {seconds:.1f} s", file=sys.stderr)
            for unit, said in found:
                key = work[unit.path][1]
                if not said and key:
                    (folder / key).touch()
                elif said and said not in reported:
                    reported.add(said)
                    yield Finding(unit.path, 1, "analysis", "\n" + said, f"Again, this file alone: scripts/lint tidy {unit.path}")
