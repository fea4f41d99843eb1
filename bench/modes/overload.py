"""Ten times what a cluster can do, from clients who come whether or not others are answered, wait ten seconds and leave:
goodput, how fast the others are refused, and how long it takes until all is as before."""
import pathlib
import tempfile
import time

from modes.figures import percentile
from modes.load import load, outcome_of, start_load
from modes.processes import BEHIND, Cluster, complain, processor_seconds

AGENTS, SLOTS = 2, 8
BODY = {"model": "simulated", "prompt": "overload", "stream": True, "max_tokens": 20}
SIMULATION = "token-time=5ms"
PATIENCE = 10
MOST_AT_ONCE = 4000
USUAL, SURGE = 0.5, 9.5  # of the capacity
BEFORE = 0.2             # of the surge's length, that the usual load runs before it
AFTER = 1.0              # of it, that it runs on: the cluster recovers meanwhile
REFUSALS = ("503", "429")
AS_BEFORE = 2            # times the longest answer before the surge


class Asked:
    """One line of paddler-load's records."""

    def __init__(self, line):
        due, _first, ended, self.status, self.end = line.split()
        self.due, self.ended = float(due), float(ended)
        self.good = self.end == "answered" and self.status == "200"
        self.refused = self.end == "answered" and self.status in REFUSALS
        self.took = self.ended - self.due


def records(path):
    return [Asked(line) for line in pathlib.Path(path).read_text().splitlines()]


def crowd(cluster, directory, name, rate, seconds, seed):
    path = f"{directory}/{name}"
    return path, start_load(cluster.inference, BODY, cores=BEHIND, rate=rate, seconds=seconds, seed=seed, patience=PATIENCE,
                            concurrency=MOST_AT_ONCE, records=path)


def surge(cluster, directory, capacity, seconds):
    """Usual clients all the time, and many others beside them for a while: what came of both, and the balancer's share of its core."""
    before = BEFORE * seconds
    usual_path, usual = crowd(cluster, directory, "usual", USUAL * capacity, before + seconds + AFTER * seconds, seed=1)
    time.sleep(before)
    spent = processor_seconds([cluster.balancer.pid])
    others_path, others = crowd(cluster, directory, "others", SURGE * capacity, seconds, seed=2)
    late = outcome_of(others)["late"]
    spent = processor_seconds([cluster.balancer.pid]) - spent
    outcome_of(usual)
    if late:
        complain(f"{late} requests of the surge could not start: more than {MOST_AT_ONCE} were under way")
    return records(usual_path), records(others_path), spent / seconds


def overload(seconds):
    with tempfile.TemporaryDirectory() as directory:
        flags = ["--model", "/simulated.gguf", "--simulate=" + SIMULATION, "--slots", SLOTS]
        with Cluster(directory, [flags] * AGENTS, pinned=True) as cluster:
            cluster.wait_for_slots(AGENTS * SLOTS)
            capacity = load(cluster.inference, BODY, cores=BEHIND, concurrency=AGENTS * SLOTS, seconds=BEFORE * seconds)["requests_per_second"]
            show(capacity, *surge(cluster, directory, capacity, seconds))


def recovery_seconds(usual, begin, end):
    """After the surge: until usual clients are answered as before it, and stay so."""
    longest = max((each.took for each in usual if each.ended < begin and each.good), default=0)
    bad = [each.due for each in usual if each.due > end and not (each.good and each.took <= AS_BEFORE * longest)]
    return max(bad) - end if bad else 0.0


def show(capacity, usual, others, processor):
    begin, end = min(each.due for each in others), max(each.due for each in others)
    during = [each for each in usual + others if begin <= each.ended <= end]
    asked = sum(begin <= each.due <= end for each in usual + others) / (end - begin)
    goodput = sum(each.good for each in during) / (end - begin)
    refused = [each.took * 1000 for each in during if each.refused]
    other = sum(not each.good and not each.refused and each.end != "left" for each in usual + others)
    if other:
        complain(f"{other} requests were neither answered nor refused")
    print(f"\n**overload: {AGENTS} agents of {SLOTS} slots, {end - begin:.0f} s**\n")
    print("| capacity | asked | goodput | of capacity | refused | refusals p50 / p99 / longest | left after 10 s | as before after | balancer, of its core |")
    print("|---|---|---|---|---|---|---|---|---|")
    print(f"| {capacity:.0f}/s | {asked:,.0f}/s | {goodput:.0f}/s | **{goodput / capacity:.2f}** | {len(refused):,} | "
          f"{percentile(refused, 50):.1f} / {percentile(refused, 99):.1f} / {max(refused, default=0):.1f} ms | "
          f"{sum(each.end == 'left' for each in usual + others):,} | {recovery_seconds(usual, begin, end):.1f} s | {processor:.2f} |")
