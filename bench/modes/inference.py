"""llama-server's core alone and through Paddler: tokens a second of all streams, in turns."""
import pathlib
import statistics
import subprocess
import tempfile

from modes.figures import medians
from modes.load import load
from modes.processes import ROOT, Cluster, Process, find, unix_answers, wait_until

BODY = {"prompt": "Once upon a time", "stream": True, "max_tokens": 200, "temperature": 0.8, "ignore_eos": True}
SLOTS, CONTEXT = 8, 512


def inference(rounds, seconds, model, threads):
    """Of one model; without one, of two: 64 million random weights, and the demo model."""
    if model:
        return of_model(rounds, seconds, model, threads)
    with tempfile.TemporaryDirectory() as directory:
        of_model(rounds, seconds, medium_model(directory), threads)
    of_model(rounds, seconds, str(ROOT / "models" / "demo.gguf"), threads)


def medium_model(directory):
    path = f"{directory}/random-64m.gguf"
    subprocess.run([find("paddler-make-model"), "random", "--dim", "768", "--layers", "8", "--heads", "12", "--kv-heads", "12",
                    "--ff", "2048", "--vocab", "4096", "--ctx", "8192", "--quant", "q8_0", "-o", path], check=True, stdout=subprocess.DEVNULL)
    return path


def of_model(rounds, seconds, model, threads):
    with tempfile.TemporaryDirectory() as directory:
        # The engine alone, with the command line that the agent gives it (it is printed in the agent's log).
        alone = Process(find("paddler"), "engine", "--host", f"{directory}/alone.sock", "--model", model, "--parallel", SLOTS,
                        "--ctx-size", SLOTS * CONTEXT, "--threads", threads, "--threads-batch", threads, "--no-webui", "--offline",
                        "--jinja", log=f"{directory}/alone.log")
        flags = ["--model", model, "--slots", SLOTS, "--context", CONTEXT, "--threads", threads]
        with alone, Cluster(directory, [flags]) as cluster:
            wait_until("the engine alone", lambda: unix_answers(f"{directory}/alone.sock"))
            cluster.wait_for_slots(SLOTS)
            print(f"\n**{pathlib.Path(model).name}, {threads} thread(s), {SLOTS} slots, 200 tokens a request**\n")
            print("| streams | alone tokens/s | through paddler tokens/s | ratio | first event p50, alone / paddler |")
            print("|---|---|---|---|---|")
            for streams in (1, 4, 8):
                pair = {"alone": [], "paddler": []}
                for _ in range(rounds):
                    for name, target in (("alone", f"unix:{directory}/alone.sock"), ("paddler", cluster.inference)):
                        pair[name].append(load(target, BODY, concurrency=streams, seconds=seconds))
                ratio = statistics.median(p["events_per_second"] / a["events_per_second"] for a, p in zip(pair["alone"], pair["paddler"]))
                a, p = medians(pair["alone"]), medians(pair["paddler"])
                print(f"| {streams} | {a['events_per_second']:.0f} | {p['events_per_second']:.0f} | **{ratio:.3f}** | "
                      f"{a['first_p50_us'] / 1000:.1f} / {p['first_p50_us'] / 1000:.1f} ms |")
