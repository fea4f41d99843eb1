"""What a benchmark runs: processes of ours, which end with the block that started them, and what the kernel says of them."""
import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PADDLER_BUILD", ROOT / "build" / "release"))
READY_SECONDS = 60

# What is compared has a core of its own; the engine, the agents and whoever asks share the others.
_CORES = sorted(os.sched_getaffinity(0))
FRONT = {_CORES[0]}
BEHIND = set(_CORES[1:]) or FRONT


problems = []


def give_up(why):
    sys.exit(f"bench/run: {why}")


def complain(what):
    """The run goes on, and ends with status 1."""
    problems.append(what)
    print(f"  ! {what}", file=sys.stderr)


def find(name):
    for folder in ("", "src", "bench", "bench/state", "tools/models"):
        path = BUILD / folder / name
        if path.is_file():
            return str(path)
    give_up(f"{name} is not built. Run: make build")


def raise_open_file_limit():
    """For this process and those that it starts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command, cores=None, **options):
    """On these cores only, where they are given."""
    pin = None if cores is None else lambda: os.sched_setaffinity(0, cores)
    return subprocess.Popen([str(word) for word in command], preexec_fn=pin, **options)


def children_of(pid):
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            child = int(entry.parent.name)
            found += [child] + children_of(child)
    return found


class Process:
    """Its output goes to the file `log`."""

    def __init__(self, *command, log, cores=None):
        self.command, self.log, self.cores = command, log, cores

    def __enter__(self):
        with open(self.log, "w") as log:
            self.child = start(self.command, self.cores, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    @property
    def pid(self):
        return self.child.pid

    def pids(self):
        return [self.pid] + children_of(self.pid)


def processor_seconds(pids):
    """Of all their threads, user and system: the scheduler counts nanoseconds, /proc/PID/stat ticks of 10 ms only."""
    threads = [thread for pid in pids for thread in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def wait_until(what, look, seconds=READY_SECONDS):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if look():
                return
        except OSError:
            pass
        time.sleep(0.05)
    give_up(f"{what} did not become ready within {seconds} s")


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except urllib.error.HTTPError:
        return False


def unix_answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b" 200 " in s.recv(64)


class Cluster:
    """A balancer and its agents, each a process of its own, so that the front door's own processor time can be told.
    `agents` holds the flags of each; `pinned`: the balancer on its own core, the agents and their engines on the others."""

    def __init__(self, directory, agents, flags=(), pinned=False):
        self.inference, self.management = (f"127.0.0.1:{free_port()}" for _ in range(2))
        front, behind = (FRONT, BEHIND) if pinned else (None, None)
        self.balancer = Process(find("paddler"), "balancer", "--inference-addr", self.inference, "--management-addr", self.management,
                                "--state-dir", f"{directory}/state", *flags, log=f"{directory}/balancer.log", cores=front)
        self.agents = [Process(find("paddler"), "agent", "--balancer", self.management, "--name", f"bench-{i}", *each,
                               log=f"{directory}/agent-{i}.log", cores=behind) for i, each in enumerate(agents)]

    def __enter__(self):
        with contextlib.ExitStack() as running:
            for each in (self.balancer, *self.agents):
                running.enter_context(each)
            self._running = running.pop_all()
        return self

    def __exit__(self, *_):
        self._running.close()

    def wait_for_slots(self, count):
        wait_until("paddler", lambda: answers(f"http://{self.inference}/readyz?slots={count}"))

    def manage(self, method, path, document):
        """One request to the management API, which must be taken."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(f"http://{self.management}/management/v1{path}", json.dumps(document).encode(),
                                         {"Content-Type": kind}, method=method)
        urllib.request.urlopen(request, timeout=10).close()
