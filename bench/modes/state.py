"""The state system: simulated agents on a real balancer, beside a bare server with the same sockets. What a change, a fact, an
agent at rest and a restart cost, and how that grows."""
import json
import statistics
import subprocess
import sys

from modes.figures import fit, percentile
from modes.processes import complain, find

CHANGES = {"one": "of one agent", "tenth": "of every tenth agent", "all": "of all agents",
           "document": "of one agent, in a document that names all"}


def slots_of(agents):
    """Connected ones: both processes must have that many files open, and 20,000 is what a container often allows."""
    return 16 * agents if agents <= 1000 else 0


def state_run(agents, seconds, changes, balancer, slots):
    command = [find("paddler-state-bench"), "run", "--agents", agents, "--changes", changes, "--seconds", seconds, "--rate", agents / 2]
    if balancer:
        command += ["--paddler", find("paddler"), "--documents", "--restart"] + (["--slot-connections"] if slots else [])
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        complain(f"{agents} agents: {done.stderr.strip()}")
        return None
    return json.loads(done.stdout)


def state(rounds, seconds, sizes):
    """Every size on the balancer and on the bare server, in turns. Slots are connected where files and ports suffice."""
    ours, bare = {n: [] for n in sizes}, {n: [] for n in sizes}
    for turn in range(rounds):
        for n in sizes:
            changes = max(5, min(50, 50_000 // n))
            for runs, is_balancer in ((bare, False), (ours, True)):
                print(f"  round {turn + 1}: {n} agents, {'balancer' if is_balancer else 'bare server'}", file=sys.stderr)
                run = state_run(n, seconds, changes, is_balancer, slots_of(n))
                if run:
                    runs[n].append(run)
    sizes = [n for n in sizes if ours[n] and bare[n]]
    print_state_changes(ours, bare, sizes)
    print_state_rest(ours, bare, sizes)
    print_state_restart(ours, sizes)


def pooled(runs, kind, what):
    return [v for r in runs for v in r["changes"][kind][what]["values"]]


def print_state_changes(ours, bare, sizes):
    print("\n**changes: from the request to the last acknowledgement read by the balancer, ms**\n")
    print("| change | agents | p50 | p99 | max | best round's p99 | bare p50 | p50 / bare | CPU ms | bare CPU ms |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind, words in CHANGES.items():
        for n in sizes:
            all_of = pooled(ours[n], kind, "known_ms")
            best = min(r["changes"][kind]["known_ms"]["p99"] for r in ours[n])
            cpu = statistics.median(r["changes"][kind]["cpu_ms"] for r in ours[n])
            line = f"| {words} | {n:,} | {percentile(all_of, 50):.1f} | {percentile(all_of, 99):.1f} | {max(all_of):.1f} | {best:.1f} | "
            if kind in bare[n][0]["changes"]:
                floor = percentile(pooled(bare[n], kind, "known_ms"), 50)
                bare_cpu = statistics.median(r["changes"][kind]["cpu_ms"] for r in bare[n])
                line += f"{floor:.1f} | {percentile(all_of, 50) / floor:.1f} | {cpu:.1f} | {bare_cpu:.1f} |"
            else:
                line += f"- | - | {cpu:.1f} | - |"
            print(line)


def cpu_of_fact(run):
    facts = run["facts"][0]
    return (facts["cpu"] - run["rest"]["cpu"]) * facts["seconds"] / facts["stated"] * 1e6


def print_state_rest(ours, bare, sizes):
    print("\n**at rest, and with a fact of every agent each 2 s**\n")
    print("| agents | resident MiB | bare | CPU of a core | bare | facts/s | CPU us a fact | bare | bytes a fact | health p50 / p99 ms |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    memory, rest, facts = [], [], []
    for n in sizes:
        mine, floor = ours[n], bare[n]
        mib = [min(r["rest"]["resident_bytes"] for r in runs) / 2**20 for runs in (mine, floor)]
        cpu = [min(r["rest"]["cpu"] for r in runs) for runs in (mine, floor)]
        fact = [min(cpu_of_fact(r) for r in runs) for runs in (mine, floor)]
        sent = mine[0]["facts"][0]["sent"]
        probes = [v for r in mine for v in r["facts"][0]["probe_ms"]["values"]]
        memory.append(mib[0])
        rest.append(cpu[0])
        facts.append(min(r["facts"][0]["cpu"] for r in mine))
        print(f"| {n:,} | {mib[0]:.1f} | {mib[1]:.1f} | {cpu[0]:.3f} | {cpu[1]:.3f} | {mine[0]['facts'][0]['stated'] / mine[0]['facts'][0]['seconds']:.0f} | "
              f"{fact[0]:.0f} | {fact[1]:.0f} | {sent['bytes'] / sent['messages']:.0f} | {percentile(probes, 50):.1f} / {percentile(probes, 99):.1f} |")
    if len(sizes) > 3:
        (a, b, c), r2 = fit([(n, slots_of(n)) for n in sizes], memory)
        print(f"\nresident memory: {a:.1f} MiB + {b * 1024:.1f} KiB an agent + {c * 1024:.1f} KiB a slot, R^2 = {r2:.4f}")
        for what, values in (("CPU at rest", rest), ("CPU with facts", facts)):
            (a, b), r2 = fit([(n,) for n in sizes], values)
            print(f"\n{what}: {a:.3f} + {b * 1e6:.1f} us a second and agent, R^2 = {r2:.4f}")


def print_state_restart(ours, sizes):
    print("\n**kill -9 of the balancer, started again at once; best of the rounds, and the median**\n")
    print("| agents | slots | listens after s | all back s | slots back s | CPU s | CPU peak of a core | dials an agent | states sent again |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n in sizes:
        runs = [r["restart"] for r in ours[n]]
        pair = lambda key: f"{min(r[key] for r in runs):.2f} / {statistics.median(r[key] for r in runs):.2f}"
        print(f"| {n:,} | {slots_of(n):,} | {pair('listening_seconds')} | {pair('live_seconds')} | {pair('slots_seconds')} | {pair('cpu_seconds')} | "
              f"{pair('cpu_peak')} | {statistics.median(r['dials'] for r in runs) / n:.1f} | {max(r['states'] for r in runs)} |")
