"""The repository's files, and C++ text with comments or string contents blanked out."""
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPP = (".cpp", ".hpp", ".c", ".h")
TEXT = CPP + (".cmake", ".txt", ".md", ".json", ".yaml", ".yml", ".py", ".sh", ".mjs", ".js", ".ts", ".tsx", ".css",
              ".html", ".query", "")

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)")
      | (?P<include>^[ \t]*\#[ \t]*include[^\n]*)
      | (?P<string>"(?:\\.|[^"\\\n])*")
      | (?P<char>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')""",
    re.DOTALL | re.VERBOSE | re.MULTILINE)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _rewrite(text, keep):
    def replace(match):
        kind = "raw" if match.lastgroup == "mark" else match.lastgroup
        if kind in keep:
            return match.group()
        if kind in ("string", "raw"):
            return '"' + _blank(match.group()[1:-1]) + '"'
        return _blank(match.group())
    return _TOKEN.sub(replace, text)


class Source:
    """One file, as text and in the forms that rules look at; every form keeps the line numbers."""

    def __init__(self, path, text):
        self.path = path  # relative to the root, with slashes
        self.text = text

    @property
    def is_cpp(self):
        return self.path.endswith(CPP)

    @property
    def layer(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""

    @property
    def is_test(self):
        """Tests, and what they share."""
        return bool(re.search(r"(_test|/test_\w+)\.[ch]pp$", self.path)) or self.path.startswith(("tests/", "acceptance/"))

    @functools.cached_property
    def code(self):
        """Without comments and without what stands inside literals; include lines stay."""
        return _rewrite(self.text, {"include"}) if self.is_cpp else self.text

    @functools.cached_property
    def code_and_strings(self):
        return _rewrite(self.text, {"include", "string", "raw", "char"}) if self.is_cpp else self.text


def read(path):
    full = ROOT / path
    if full.suffix not in TEXT or not full.is_file():
        return None
    try:
        return Source(path, full.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return None


def repository():
    """Every text file that is in the repository or about to be added to it."""
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"],
                             check=True, capture_output=True, text=True).stdout
    sources = (read(path) for path in sorted(set(filter(None, listing.split("\0")))))
    return [source for source in sources if source is not None]


class Finding:
    def __init__(self, path, line, rule, found, instead):
        self.path, self.line, self.rule, self.found, self.instead = path, line, rule, found, instead

    def __str__(self):
        return f"{self.path}:{self.line}: [{self.rule}] {self.found}\n    {self.instead}"
