"""Loads by paddler-load."""
import json
import subprocess
import sys

from modes.processes import complain, find, give_up, start


def start_load(target, body, path="/v1/completions", cores=None, **options):
    command = [find("paddler-load"), "--target", target, "--path", path, "--body", json.dumps(body)]
    for name, value in options.items():
        command += ["--" + name, value]
    return start(command, cores, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome_of(running):
    """Waits for its end."""
    out, complaints = running.communicate()
    if not out:
        give_up(f"the load failed: {complaints.strip()}")
    outcome = json.loads(out)
    if outcome["broken"]:
        complain(f"{outcome['broken']} requests broke; {complaints.strip()}")
    return outcome


def load(target, body, **options):
    """One whose requests must all be answered with 200."""
    out = outcome_of(start_load(target, body, **options))
    if out["late"]:
        print(f"  {out['late']} requests to {target} could not start on time", file=sys.stderr)
    if out["answered"] != out["requests"]:
        complain(f"of {out['requests']} requests to {target}, {out['answered']} were answered with 200")
    return out
