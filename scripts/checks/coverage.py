"""What scripts/coverage says: lines and branches of src/core that its tests run, and how many lines of tests there are."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

LINES_BAR = 95.0  # per cent
BRANCHES_BAR = 90.0  # per cent
TESTS_BAR = 1.5  # lines of tests for each line of core

# Of src/core, but of no use in the program.
TEST_HELPERS = ("_testing.hpp", "random_documents.hpp", "simulated_agent.hpp")

# Tests that prove core, and where they stand. The simulation and the checker of linearizability judge nothing else than
# what core decides; system tests are not counted, since most of what they prove is the shell.
TEST_FOLDERS = {
    "unit tests (src/core)": "src/core",
    "simulation (sim)": "sim",
    "linearizability (tests/linearizability)": "tests/linearizability",
}


def is_test(path):
    return path.name.endswith("_test.cpp") or path.name.endswith(TEST_HELPERS)


def code_lines(text):
    """Neither blank nor only a comment."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def sources(folder):
    return sorted(p for p in (ROOT / folder).rglob("*") if p.suffix in (".cpp", ".hpp"))


def test_lines():
    """Lines of core, and of each kind of its tests."""
    core = sum(code_lines(p.read_text()) for p in sources("src/core") if not is_test(p))
    tests = {kind: sum(code_lines(p.read_text()) for p in sources(folder) if folder != "src/core" or is_test(p))
             for kind, folder in TEST_FOLDERS.items()}
    return core, tests


def files_of(report):
    """Those of core itself, as (name, summary, whole entry)."""
    for entry in report["data"][0]["files"]:
        path = pathlib.Path(entry["filename"]).resolve()
        if path.is_relative_to(ROOT / "src/core") and not is_test(path):
            yield str(path.relative_to(ROOT)), entry["summary"], entry


def percent(covered, count):
    return 100.0 * covered / count if count else 100.0


def missing_lines(entry):
    """Line numbers that no test runs. A segment is (line, column, count, has_count, is_region_entry, is_gap)."""
    count = 0
    counted = False
    missing = []
    by_line = {}
    for segment in entry["segments"]:
        by_line.setdefault(segment[0], []).append(segment)
    for line in range(1, max(by_line, default=0) + 1):
        here = [s for s in by_line.get(line, ()) if s[3] and s[4] and not s[5]]
        wrapped = counted and count == 0
        if (here and max(s[2] for s in here) == 0 and (wrapped or not counted)) or (not here and wrapped):
            missing.append(line)
        if line in by_line:
            last = by_line[line][-1]
            count, counted = last[2], last[3] and not last[5]
    return missing


def missing_branches(entry):
    """(line, column, what) of conditions that never came out one way in any instantiation."""
    seen = {}
    for branch in entry["branches"]:
        line, column, _, _, true_count, false_count = branch[:6]
        was = seen.setdefault((line, column), [0, 0])
        was[0] += true_count
        was[1] += false_count
    for (line, column), (yes, no) in sorted(seen.items()):
        if not yes or not no:
            yield line, column, "never run" if not yes and not no else "never false" if yes else "never true"


def show_missing(files):
    for name, _, entry in files:
        text = (ROOT / name).read_text().splitlines()
        for line in missing_lines(entry):
            print(f"{name}:{line}: not run: {text[line - 1].strip()}")
        for line, column, what in missing_branches(entry):
            print(f"{name}:{line}:{column}: {what}: {text[line - 1].strip()}")


def show_table(files):
    """Prints a line for each file and gives the totals as percentages."""
    total = {"lines": [0, 0], "branches": [0, 0]}
    print(f"{'':48} {'lines':>12} {'':>7} {'branches':>12} {'':>7}")
    for name, summary, _ in files:
        cells = []
        for what, sums in total.items():
            covered, count = summary[what]["covered"], summary[what]["count"]
            sums[0] += covered
            sums[1] += count
            cells.append(f"{f'{covered}/{count}':>12} {percent(covered, count):6.1f}%")
        print(f"{name:48} {' '.join(cells)}")
    print(f"{'src/core':48} " + " ".join(f"{f'{c}/{n}':>12} {percent(c, n):6.1f}%" for c, n in total.values()))
    return {what: percent(*sums) for what, sums in total.items()}


def judge(lines, branches, ratio):
    """What is below its bar, in words."""
    return [f"{what} {value:.2f} is below {bar}" for what, value, bar in (
        ("line coverage", lines, LINES_BAR), ("branch coverage", branches, BRANCHES_BAR),
        ("test lines per line of core", ratio, TESTS_BAR)) if value < bar]


def main(arguments):
    files = list(files_of(json.loads(pathlib.Path(arguments[0]).read_text())))
    if "--missing" in arguments:
        show_missing(files)
    found = show_table(files)
    core, tests = test_lines()
    ratio = sum(tests.values()) / core
    print(f"\n{core} lines of core; of tests " + ", ".join(f"{n} of {kind}" for kind, n in tests.items()) +
          f": {ratio:.2f} for each line of core ({tests['unit tests (src/core)'] / core:.2f} beside it)")
    below = judge(found["lines"], found["branches"], ratio)
    for each in below:
        print(f"coverage: {each}", file=sys.stderr)
    return 1 if below or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
