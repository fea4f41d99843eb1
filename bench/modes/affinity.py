"""Conversations behind one long system prompt, on llama.cpp, as they are routed by prefix and each in turn: how much of their
prompts is read again, and how long the first token takes. Then prompts that have nothing in common, where affinity can only
cost. In one run, in turns; each run's texts are new, so that nothing is cached of them."""
import concurrent.futures
import http.client
import json
import random
import tempfile
import time

from modes.figures import percentile
from modes.processes import Cluster, complain

AGENTS, SLOTS, CONTEXT = 2, 4, 2048
AT_ONCE = 4              # half of the slots: there is a choice
SYSTEM_WORDS = 500
QUESTION_WORDS = 20
UNIQUE_WORDS = 300
ANSWER_TOKENS = 24
STRATEGIES = ("round_robin", "prefix")
WORDS = ("the a one some every little big old young red green cat dog bird tree house river sun moon boy girl man woman friend went saw "
         "found made gave took said asked was had liked happy sad good bad in on under over near with for and but then so day night").split()


def sentence(source, words):
    return " ".join(source.choice(WORDS) for _ in range(words)) + "."


class Answer:
    """Asks at once; reads the stream to its end."""

    def __init__(self, address, messages):
        self.text, self.first, timings = "", None, {}
        asked = time.monotonic()
        connection = http.client.HTTPConnection(address, timeout=120)
        body = {"messages": messages, "stream": True, "max_tokens": ANSWER_TOKENS, "temperature": 0, "ignore_eos": True}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            word = event["choices"][0]["delta"].get("content") if event.get("choices") else None
            if word:
                self.first = self.first or time.monotonic() - asked
                self.text += word
            timings = event.get("timings", timings)
        connection.close()
        self.whole = reply.status == 200 and self.first is not None and "prompt_n" in timings
        self.read, self.cached = timings.get("prompt_n", 0), timings.get("cache_n", 0)


class Run:
    """What came of the requests of one run."""

    def __init__(self, answers, seconds):
        wrong = sum(not each.whole for each in answers)
        if wrong:
            complain(f"{wrong} of {len(answers)} answers were not whole")
        self.count, self.seconds = len(answers), seconds
        self.read = sum(each.read for each in answers)
        self.prompt = self.read + sum(each.cached for each in answers)
        self.first = [each.first * 1000 for each in answers if each.whole]


def conversations(address, source, pool, count, turns):
    """Each turn of all before the next of any, in another order each time: else taking turns would be affinity."""
    system = {"role": "system", "content": sentence(source, SYSTEM_WORDS)}
    texts = [[system] for _ in range(count)]
    answers, began = [], time.monotonic()
    for _ in range(turns):
        source.shuffle(texts)
        for messages in texts:
            messages.append({"role": "user", "content": sentence(source, QUESTION_WORDS)})
        said = list(pool.map(lambda messages: Answer(address, messages), texts))
        for messages, answer in zip(texts, said):
            messages.append({"role": "assistant", "content": answer.text})
        answers += said
    return Run(answers, time.monotonic() - began)


def unique(address, source, pool, count):
    prompts = [[{"role": "user", "content": sentence(source, UNIQUE_WORDS)}] for _ in range(count)]
    began = time.monotonic()
    answers = list(pool.map(lambda messages: Answer(address, messages), prompts))
    return Run(answers, time.monotonic() - began)


def affinity(rounds, model, threads, count, turns):
    talks, alone = ({strategy: [] for strategy in STRATEGIES} for _ in range(2))
    with tempfile.TemporaryDirectory() as directory, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        flags = ["--model", model, "--slots", SLOTS, "--context", CONTEXT, "--threads", threads]
        with Cluster(directory, [flags] * AGENTS) as cluster:
            cluster.wait_for_slots(AGENTS * SLOTS)
            for turn in range(rounds):
                for strategy in STRATEGIES:
                    cluster.manage("PATCH", "/policies", {"routing": {"strategy": strategy}})
                    source = random.Random(f"{turn} {strategy}")
                    talks[strategy].append(conversations(cluster.inference, source, pool, count, turns))
                    alone[strategy].append(unique(cluster.inference, source, pool, 2 * count))
    show(f"{count} conversations of {turns} turns behind one system prompt", talks)
    show(f"{2 * count} prompts with nothing in common", alone)


def show(title, runs):
    print(f"\n**{title}; {AGENTS} agents of {SLOTS} slots, {AT_ONCE} requests at once**\n")
    print("| routed | prompt tokens | of these read | first token p50 / p99 | requests/s |")
    print("|---|---|---|---|---|")
    for strategy in STRATEGIES:
        several = runs[strategy]
        prompt, read = sum(r.prompt for r in several), sum(r.read for r in several)
        first = [ms for r in several for ms in r.first]
        rate = sum(r.count for r in several) / sum(r.seconds for r in several)
        print(f"| {strategy} | {prompt:,} | {read:,} ({read / max(prompt, 1):.1%}) | {percentile(first, 50):.1f} / {percentile(first, 99):.1f} ms | {rate:.1f} |")
    taking_turns, by_prefix = (sum(r.read for r in runs[strategy]) for strategy in STRATEGIES)
    print(f"\nby prefix {by_prefix / max(taking_turns, 1):.2f} x as many tokens are read")
