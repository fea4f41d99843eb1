"""What streams cost that nothing happens on: those that wait for a slot, and those whose engine thinks. Resident memory of the
balancer before and after they came, and its processor time while they last; each stream is heard of and none ends."""
import json
import socket
import tempfile
import time

from modes.processes import Cluster, complain, processor_seconds, raise_open_file_limit, resident_bytes, wait_until

OPENED_A_SECOND = 2000
KEEP_ALIVE_SECONDS = 5  # between two comments to one who waits
SLOTS_OF_AGENT = 256    # the most that one may have
OTHER_FILES = 250       # of the balancer, beside those of clients and slots
KIB = 1024
BODY = json.dumps({"model": "simulated", "prompt": "one of many", "stream": True}).encode()
REQUEST = (b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
           % len(BODY)) + BODY


class Listener:
    """A client that asks for a stream and listens."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.sendall(REQUEST)
        self.socket.setblocking(False)
        self.heard = b""
        self.ended = False

    def listen(self):
        """Reads what is there."""
        while not self.ended:
            try:
                piece = self.socket.recv(65536)
            except BlockingIOError:
                return
            except ConnectionError:
                piece = b""
            self.heard += piece
            self.ended = not piece

    def has_heard(self, word):
        self.listen()
        return word in self.heard


def open_listeners(address, count):
    """At a bounded rate."""
    began = time.monotonic()
    out = []
    for i in range(count):
        time.sleep(max(0, began + i / OPENED_A_SECOND - time.monotonic()))
        out.append(Listener(address))
    return out


def wait_for_word(listeners, word):
    wait_until("every stream", lambda: all(each.has_heard(word) for each in listeners if word not in each.heard))


def measure(title, cluster, count, word, seconds):
    """The first one is not counted: it is there before memory is looked at."""
    listeners = open_listeners(cluster.inference, 1)
    wait_for_word(listeners, word)
    pid = cluster.balancer.pid
    before = resident_bytes(pid)
    listeners += open_listeners(cluster.inference, count)
    wait_for_word(listeners, word)
    after = resident_bytes(pid)
    spent = processor_seconds([pid])
    time.sleep(seconds)
    spent = processor_seconds([pid]) - spent
    for each in listeners:
        each.listen()
        each.socket.close()
    wrong = sum(each.ended or not each.heard.startswith(b"HTTP/1.1 200") for each in listeners)
    if wrong:
        complain(f"{title}: {wrong} of {len(listeners)} streams ended or were refused")
    print(f"| {title} | {count:,} | {before / KIB**2:.1f} | {after / KIB**2:.1f} | **{(after - before) / count / KIB:.1f}** | {spent / seconds:.3f} |",
          flush=True)


def waiting(count, seconds):
    """For an agent that never comes."""
    with tempfile.TemporaryDirectory() as directory:
        flags = ["--max-queue", count + 1, "--queue-timeout", "10m", "--keep-alive", f"{KEEP_ALIVE_SECONDS}s"]
        with Cluster(directory, [], flags) as cluster:
            cluster.wait_for_slots(0)
            cluster.manage("PUT", "/desired", {"agents": [{"id": "absent", "slots": 1, "desired_model": {"source": "local", "path": "/simulated.gguf"}}],
                                               "models": [{"id": "simulated"}]})
            measure("waiting for a slot", cluster, count, b": waiting\n\n", seconds)


def running(count, seconds):
    """On engines that say one token and then nothing."""
    with tempfile.TemporaryDirectory() as directory:
        slots = count + 1
        agents = [("--model", "/simulated.gguf", "--simulate=stall-at=2", "--slots", min(SLOTS_OF_AGENT, slots - first))
                  for first in range(0, slots, SLOTS_OF_AGENT)]
        with Cluster(directory, agents) as cluster:
            cluster.wait_for_slots(slots)
            measure("running, silent after a token", cluster, count, b"data: ", seconds)


def idle(streams, seconds):
    files = raise_open_file_limit()
    print("\n**idle streams: resident memory of the balancer**\n")
    print("| streams | number | MiB before | MiB after | KiB a stream | processor while they last, of a core |")
    print("|---|---|---|---|---|---|")
    waiting(min(streams, files - OTHER_FILES), seconds)
    # Each of these takes the balancer two files: the client's and the slot's.
    running(min(streams, (files - OTHER_FILES) // 2), seconds)
    print(f"\na process may open {files:,} files here")
