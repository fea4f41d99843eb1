"""docs/seed-coverage.md tells the truth: each file that it names exists, and so does each test."""
import re

from .source import ROOT, Finding

PAGE = "docs/seed-coverage.md"
COLUMNS = 4  # the seed, code, test, shown by

TEST_MACRO = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST|SYSTEM_TEST)\(\s*(\w+)\s*,\s*(\w+)", re.M)
NAMED = re.compile(r"`([^`]+)`")
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.\w+")
OPEN = re.compile(r"\*\*open\*\* \((?:issue \d+|HA)\)")


def tests_in(texts):
    """Every test that these sources declare, as suite.name."""
    return {f"{suite}.{name}" for text in texts for suite, name in TEST_MACRO.findall(text)}


def is_there(wanted, tests):
    if wanted.endswith("*"):
        return any(test.startswith(wanted[:-1]) for test in tests)
    return wanted in tests


def _blame(line, what, mend):
    return Finding(PAGE, line, "seed-coverage", what, mend)


def _check_row(line, cells, tests, exists):
    _, code, test, shown = cells
    for name in NAMED.findall(code):
        if FILE.fullmatch(name) and not exists(name):
            yield _blame(line, f"there is no {name}", "Name the file that does it, or say **open** (issue N).")
    for name in NAMED.findall(test):
        if not is_there(name, tests):
            yield _blame(line, f"there is no test {name}", "Name the test as suite.name, or say **open** (issue N).")
    for cell, what, named in ((code, "no code", any(FILE.fullmatch(n) for n in NAMED.findall(code))),
                              (test, "no test", bool(NAMED.findall(test))), (shown, "nothing that shows it", bool(shown))):
        if not named and not OPEN.search(cell):
            yield _blame(line, f"the row names {what}", "Name it, or say **open** (issue N).")


def check_page(text, tests, exists):
    """Each row of each table, whose first two lines are its head."""
    in_table = 0
    for number, line in enumerate(text.splitlines(), 1):
        in_table = in_table + 1 if line.startswith("|") else 0
        if in_table < 3:
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != COLUMNS:
            yield _blame(number, f"the row has {len(cells)} cells", f"Write {COLUMNS}: the seed, code, test, shown by.")
            continue
        yield from _check_row(number, cells, tests, exists)


def check(sources):
    tests = tests_in(source.text for source in sources if source.path.endswith((".cpp", ".hpp")))
    page = ROOT / PAGE
    if not page.exists():
        yield _blame(1, "the page is missing", "Write what of the seed is where.")
        return
    yield from check_page(page.read_text(), tests, lambda name: (ROOT / name).exists())
