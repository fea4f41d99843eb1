"""What the front door costs: the same requests to one simulated engine, directly, through nginx, through HAProxy and through
Paddler (balancer, slot connection, agent, the engine's socket), in turns. The front door has a core of its own."""
import contextlib
import tempfile

from modes.figures import medians
from modes.load import load
from modes.processes import BEHIND, Cluster, Process, answers, find, processor_seconds, unix_answers, wait_until
from modes.proxies import proxies

SLOTS = 16
SIMULATION = "token-time=500us"
BODY = {"model": "simulated", "prompt": "bench", "max_tokens": 32}
BODIES = {"streaming": {**BODY, "stream": True}, "not streaming": BODY}
LOADS = {"open loop, 200 requests/s": {"rate": 200, "concurrency": SLOTS * 4},
         f"closed loop, {SLOTS} at once": {"concurrency": SLOTS}}


class Target:
    """`front`: the processes of the front door; `behind`: those between it and the engine."""

    def __init__(self, address, front=(), behind=()):
        self.address, self.front, self.behind = address, front, behind

    def measure(self, body, seconds, options):
        spent = lambda: [processor_seconds(pids) for pids in (self.front, self.behind)]
        before = spent()
        out = load(self.address, body, cores=BEHIND, seconds=seconds, **options)
        out["front_seconds"], out["behind_seconds"] = (b - a for a, b in zip(before, spent()))
        return out


@contextlib.contextmanager
def targets():
    """direct, nginx, haproxy and paddler, ready."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
        engine = f"{directory}/engine.sock"
        running.enter_context(Process(find("paddler"), "engine", "--simulate", SIMULATION, "--host", engine, "--alias", "simulated",
                                      "--parallel", SLOTS, "--ctx-size", SLOTS * 4096, log=f"{directory}/engine.log", cores=BEHIND))
        wait_until("the engine", lambda: unix_answers(engine))
        out = {"direct": Target("unix:" + engine)}
        for name, (proxy, address) in proxies(directory, engine).items():
            running.enter_context(proxy)
            wait_until(name, lambda: answers(f"http://{address}/health"))
            out[name] = Target(address, proxy.pids())
        cluster = running.enter_context(Cluster(directory, [("--model", "/simulated.gguf", "--simulate=" + SIMULATION, "--slots",
                                                             SLOTS, "--context", 4096)], pinned=True))
        cluster.wait_for_slots(SLOTS)
        out["paddler"] = Target(cluster.inference, [cluster.balancer.pid], [cluster.agents[0].pid])
        yield out


def frontdoor(rounds, seconds):
    with targets() as to:
        for kind, body in BODIES.items():
            for words, options in LOADS.items():
                results = {name: [] for name in to}
                for _ in range(rounds):
                    for name, target in to.items():
                        results[name].append(target.measure(body, seconds, options))
                show(f"{kind}, 32 tokens, {words}", {name: medians(r) for name, r in results.items()})


def per_core(row, *what):
    """Requests that one core of a front door could serve in a second."""
    spent = sum(row[each] for each in what)
    return row["answered"] / spent if spent else 0


def show(title, rows):
    direct = rows["direct"]
    pair = lambda row, key: f"{row[key + '_p50_us']:,.0f} / {row[key + '_p99_us']:,.0f} us"
    over = lambda row, key: f"{row[key + '_p50_us'] - direct[key + '_p50_us']:,.0f} / {row[key + '_p99_us'] - direct[key + '_p99_us']:,.0f} us"
    print(f"\n**{title}**\n")
    print("| | first event p50 / p99 | added | between events p50 / p99 | added | requests/s | requests per core and second | with its agent |")
    print("|---|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        front = name != "direct"
        streams = row["events"] > 0
        cells = [name, pair(row, "first"), over(row, "first") if front else "-", pair(row, "gap") if streams else "-",
                 over(row, "gap") if front and streams else "-", f"{row['requests_per_second']:.0f}",
                 f"{per_core(row, 'front_seconds'):,.0f}" if front else "-",
                 f"{per_core(row, 'front_seconds', 'behind_seconds'):,.0f}" if row["behind_seconds"] else "-"]
        print(f"| {' | '.join(cells)} |")
    ours = per_core(rows["paddler"], "front_seconds")
    ratios = [f"{ours / per_core(row, 'front_seconds'):.2f} x {name}" for name, row in rows.items() if name not in ("direct", "paddler")]
    if ratios:
        print(f"\nrequests per core and second: paddler is {', '.join(ratios)}")
