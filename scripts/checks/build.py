"""What a build folder knows: how each file is compiled, and which files each object was made from."""
import json
import os
import shlex
import subprocess

from .source import ROOT

OURS = ("src/", "tools/", "tests/", "bench/", "sim/")


class BuildError(Exception):
    pass


class Unit:
    """One translation unit."""

    def __init__(self, directory, entry, inputs):
        self.path = os.path.relpath(entry["file"], ROOT)
        self.command = shlex.split(entry["command"])
        self.inputs = inputs  # absolute paths of the source and of all it includes; empty if not yet built
        self.directory = directory

    @property
    def flags(self):
        """What it is compiled with, whichever file it is."""
        out, words = [], iter(self.command[next(i for i, word in enumerate(self.command) if "clang" in os.path.basename(word)) + 1:])
        for word in words:
            if word in ("-o", "-c", "-MF", "-MT"):
                next(words)
            elif word != "-MD":
                out.append(word)
        return out

    @property
    def layer(self):
        parts = self.path.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""


def find(explicit=None):
    """The build folder to look at: the given one, else the first that is configured."""
    candidates = [explicit] if explicit else [ROOT / "build" / preset for preset in ("release", "debug", "asan")]
    for candidate in candidates:
        if os.path.exists(os.path.join(candidate, "compile_commands.json")):
            return os.path.abspath(candidate)
    raise BuildError("no configured build folder. Run: cmake --preset debug && cmake --build --preset debug")


def _recorded_inputs(directory):
    """object -> input files, from ninja's log of what the compiler read."""
    done = subprocess.run(["ninja", "-C", directory, "-t", "deps"], capture_output=True, text=True)
    inputs, current = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("    ") and current is not None:
            current.append(os.path.normpath(os.path.join(directory, line.strip())))
        elif ": #deps" in line:
            current = inputs.setdefault(os.path.normpath(os.path.join(directory, line.split(": #deps")[0])), [])
    return inputs


def units(directory):
    """Every translation unit of ours, header checks included, in the order of the compilation database."""
    with open(os.path.join(directory, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    inputs = _recorded_inputs(directory)
    for entry in entries:
        unit = Unit(directory, entry, [])
        generated = os.path.abspath(entry["file"]).startswith(directory + os.sep)
        unit.generated_for = _header_check_layer(directory, entry["file"]) if generated else ""
        if unit.generated_for or (not generated and unit.path.startswith(OURS)):
            output = unit.command[unit.command.index("-o") + 1]
            unit.inputs = inputs.get(os.path.normpath(os.path.join(entry["directory"], output)), [])
            yield unit


def _header_check_layer(directory, file):
    parts = os.path.relpath(file, directory).split(os.sep)
    return parts[1] if parts[0] == "header_checks" and len(parts) > 2 else ""
