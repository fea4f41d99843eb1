"""clang-format with the configuration in the root."""
import subprocess

from .source import ROOT, Finding

TOOL = ("clang-format-19", f"--style=file:{ROOT / '.clang-format'}")


def _files(sources):
    return [source.path for source in sources if source.is_cpp]


def check(sources):
    files = _files(sources)
    done = subprocess.run([*TOOL, "--dry-run", *files], cwd=ROOT, capture_output=True, text=True) if files else None
    if done is None:
        return
    seen = set()
    for line in done.stderr.splitlines():
        path, _, rest = line.partition(":")
        if "clang-format-violations" in rest and path not in seen:
            seen.add(path)
            yield Finding(path, int(rest.split(":")[0]), "format", "not as clang-format-19 writes it", "Run: make format")
    if done.returncode != 0:
        yield Finding(".clang-format", 1, "format", done.stderr.strip(), "Mend the configuration.")


def mend(sources):
    files = _files(sources)
    if files:
        subprocess.run([*TOOL, "-i", *files], cwd=ROOT, check=True)
    return len(files)
