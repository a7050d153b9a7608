#!/usr/bin/env python3
"""make bench: smmq beside its peers and beside what the machine allows. Figures are of this machine and this moment; what counts is
the ratio within a run: what is compared runs in turn, A B C A B C, and medians are taken.

    make bench [BENCH='adds shell waiting late drain size status idle'] [ROUNDS=5] [ITEMS=1000000]"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import smmqtest
from smmqtest import SMMQ, Wire, cleanup, daemon, until

import peers
from peers import Sink, tool

ROUNDS = int(os.environ.get("ROUNDS") or 5)
ITEMS = int(os.environ.get("ITEMS") or 1000000)
ADDS = (("1 client, one at a time", 1, 1, 3000, 1), ("1 client, 64 in flight", 1, 64, 60000, 128), ("16 clients, one at a time", 16, 1, 30000, 16))
TABLE = []


def row(measure, have, goal="", met=None, **beside):
    """One line of the table, printed at once as well."""
    others = "  ".join("%s %s" % (name.replace("_", " "), value) for name, value in beside.items() if value is not None)
    TABLE.append((measure, have, others, goal, "" if met is None else "yes" if met else "NO"))
    print("%-46s %-26s %-52s %-34s %s" % TABLE[-1], flush=True)


def number(x):
    return None if x is None else "%.0f" % x if x >= 100 else "%.2f" % x


def ratio(a, b):
    return None if not a or not b else a / b


def bench_daemon(platform="outbox", port=None, accounts=1, **options):
    d = daemon()
    d.configure(LogLevel="warning", **options)
    for i in range(accounts):
        name = "bench" if accounts == 1 else "a%d" % i
        if platform == "outbox":
            d.account(name, TimeZone="UTC")
        else:
            d.account(name, platform, credential="token", TimeZone="UTC", PlatformQuota="ignore", BaseURL="http://127.0.0.1:%d%s" % (port, "/x" if platform == "webhook" else ""))
    return d.start()


def fill(d, count, account="bench"):
    """Waiting items, scattered over years."""
    if count:
        tool("load", "smmq", d.socket, 1, 256, count, account)
        time.sleep(1)


# ---- adding

def add_rounds(targets, clients, depth, count, per):
    """Medians of adds a second: {name: figure}; "LMDB" is the machine's limit."""
    figures = {name: [] for name in targets}
    for _ in range(ROUNDS):
        for name, path in targets.items():
            if name == "LMDB":
                out = tool("lmdb_limit", peers.directory(), per, count if per == 1 else 4 * count)
            elif path is None:
                continue
            else:
                out = tool("load", name.split()[0], path, clients, depth, count)
            figures[name].append(float(out))
    return {name: statistics.median(f) if f else None for name, f in figures.items()}


def adds():
    d = bench_daemon()
    for what, clients, depth, count, per in ADDS:
        targets = {"smmq": d.socket, "LMDB": "", "redis": peers.redis(), "beanstalkd": peers.beanstalkd()}
        f = add_rounds(targets, clients, depth, count, per)
        limit, redis = ratio(f["smmq"], f["LMDB"]), ratio(f["smmq"], f["redis"])
        goal = (">= 0.8 x LMDB's limit: %s" % number(limit), limit and limit >= 0.8) if depth == 1 and clients == 1 else \
            (">= 1.2 x Redis: %s" % number(redis), redis and redis >= 1.2)
        row("adds/s, " + what, number(f["smmq"]), *goal, LMDB=number(f["LMDB"]), Redis=number(f["redis"]), beanstalkd=number(f["beanstalkd"]))


def waiting():
    """The same adds on top of a full queue, beside an empty one."""
    empty, full = bench_daemon(), bench_daemon()
    fill(full, ITEMS)
    for what, clients, depth, count, per in ADDS:
        f = add_rounds({"smmq empty": empty.socket, "smmq full": full.socket}, clients, depth, count, per)
        r = ratio(f["smmq full"], f["smmq empty"])
        row("adds/s on %d waiting, %s" % (ITEMS, what), number(f["smmq full"]), ">= 0.7 x the empty queue: %s" % number(r), r >= 0.7,
            empty=number(f["smmq empty"]))


def shell():
    d, redis, count = bench_daemon(), peers.redis(), 300
    text = "x" * 430
    commands = {"true": ["/bin/true"], "smmq": [SMMQ, "-s", d.socket, "add", "-a", "bench", "--at", "2035-01-01 09:00", text]}
    if redis:
        commands["redis-cli"] = ["redis-cli", "-s", redis, "SET", "k", text]
    figures = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            start = time.monotonic()
            subprocess.run(["sh", "-c", 'i=0; while [ $i -lt %d ]; do "$@" >/dev/null 2>&1; i=$((i+1)); done' % count, "sh", *command], check=True)
            figures[name].append(count / (time.monotonic() - start))
    f = {name: statistics.median(v) for name, v in figures.items()}
    row("smmq add in a shell loop, a process each", number(f["smmq"]) + "/s", ">= 400/s", f["smmq"] >= 400, bin_true=number(f["true"]),
        redis_cli=number(f.get("redis-cli")))


# ---- firing

def queue_posts(d, count, period_ms, accounts, lead_s):
    """Posts whose text says when they are due."""
    wire, start = Wire(d.socket), int((time.time() + lead_s) * 1000)
    lines = []
    for i in range(count):
        due = start + int(i * period_ms)
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(due // 1000)) + ".%03dZ" % (due % 1000)
        lines.append("ADD " + json.dumps({"accounts": ["a%d" % (i % accounts)], "text": "due=%d " % due + "x" * 430, "at": at,
                                          "key": "q%d-%d" % (start, i)}) + "\n")
    for i in range(0, count, 200):
        wire.send("".join(lines[i:i + 200]).encode())
        for _ in lines[i:i + 200]:
            answer = wire.read()
            if not answer.ok:
                sys.exit("bench: %r" % answer)
    if time.time() * 1000 > start - 500:
        print("SKIPPED: adding took longer than the lead; the next figure is not to be read", file=sys.stderr)


def fired(platform, count, period_ms, accounts, lead_s, full=0, **options):
    sink = Sink(count)
    d = bench_daemon(platform, sink.port, accounts, **options)
    fill(d, full, "a0")
    queue_posts(d, count, period_ms, accounts, lead_s)
    figures = sink.figures()
    until(lambda: d.wire().ok("STATUS").body["published"] == count, "all published", 60)
    d.stop()
    return figures


def late():
    for full in (10000, ITEMS):
        for platform in ("webhook", "mastodon"):
            _, p50, p99, worst, _, _ = fired(platform, 1000, 20, 4, 4, full)
            row("lateness, 50/s, %d waiting, %s" % (full, platform), "p50 %.2f p99 %.2f max %.2f ms" % (p50, p99, worst),
                "p99 <= 1 ms, aim 0.3", p99 <= 1.0)
    b = peers.bullmq(1000, 20, 5000)
    if b:
        row("lateness, 50/s, BullMQ", "", BullMQ="p50 %.2f p99 %.2f max %.2f ms" % b[1:4])


def drain():
    b = [peers.bullmq(20000, 0, 15000) for _ in range(min(ROUNDS, 3))]
    other = statistics.median(x[5] for x in b) if b[0] else None
    for platform, count, accounts in (("webhook", 20000, 64), ("mastodon", 20000, 64), ("webhook", 100000, 64)):
        rates = [fired(platform, count, 0, accounts, 3 + count / 4000)[5] for _ in range(min(ROUNDS, 3))]
        rate, r = statistics.median(rates), ratio(statistics.median(rates), other)
        row("%d due at once, %s" % (count, platform), number(rate) + "/s", ">= 1.5 x BullMQ: %s" % number(r), None if r is None else r >= 1.5,
            BullMQ=number(other))


# ---- size, reading, idling

def proc(d, name):
    with open("/proc/%d/status" % d.process.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(name))


def size():
    d = bench_daemon()
    fill(d, ITEMS)
    d.wire().ok("STATUS")
    row("anonymous memory, %d waiting" % ITEMS, "%.1f MB" % (proc(d, "RssAnon") / 1024), "<= 32 MB", proc(d, "RssAnon") <= 32 * 1024)
    times = []
    for _ in range(ROUNDS):
        d.kill9()
        start = time.monotonic()
        d.start(wait=False)
        while True:
            try:
                Wire(d.socket).ok("STATUS")
                break
            except (OSError, AssertionError):
                time.sleep(0.0005)
        times.append((time.monotonic() - start) * 1000)
    ready = statistics.median(times)
    row("SIGKILL to ready, %d waiting" % ITEMS, "%.1f ms" % ready, "<= 100 ms", ready <= 100)


def ask_times(d, count, pause_s):
    wire, times = Wire(d.socket), []
    for _ in range(count):
        start = time.perf_counter()
        wire.ok("STATUS")
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(pause_s)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def status():
    d = bench_daemon()
    fill(d, 10000)
    quiet = ask_times(d, 1000, 0.001)
    load = smmqtest.spawn([os.path.join(peers.TOOLS, "load"), "smmq", d.socket, 16, 4, 2000000, "bench"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    busy = ask_times(d, 2000, 0.001)
    load.kill()
    row("STATUS while adds run", "p50 %.2f p99 %.2f ms" % busy, "p99 <= 1.6 ms", busy[1] <= 1.6, quiet="p50 %.2f p99 %.2f ms" % quiet)


def used(pid):
    """CPU nanoseconds and voluntary switches of all threads."""
    cpu = switches = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
            cpu += int(f.read().split()[0])
        with open("/proc/%d/task/%s/status" % (pid, task)) as f:
            switches += sum(int(line.split()[1]) for line in f if line.startswith("voluntary"))
    return cpu, switches


def idle():
    d = bench_daemon()
    fill(d, 100000)
    peers.beanstalkd()
    pids = {"smmq": d.process.pid, "beanstalkd": peers.beanstalkd.process.pid if hasattr(peers.beanstalkd, "process") else None}
    time.sleep(75)          # keeping house begins a minute after the start
    before = {name: used(pid) for name, pid in pids.items() if pid}
    time.sleep(60)
    after = {name: used(pid) for name, pid in pids.items() if pid}
    text = {name: "%.1f ms CPU, %d switches" % ((after[name][0] - before[name][0]) / 1e6, after[name][1] - before[name][1]) for name in before}
    switches = after["smmq"][1] - before["smmq"][1]
    row("idle minute, 100000 waiting", text["smmq"], "the watchdog's wake-ups alone (6)", switches <= 8, beanstalkd=text.get("beanstalkd"))


BENCHES = {f.__name__: f for f in (adds, shell, waiting, late, drain, size, status, idle)}


def main():
    tempfile.tempdir = os.environ.get("SMMQ_BENCH_DIR") or "/var/tmp"
    wanted = (os.environ.get("BENCH") or " ".join(BENCHES)).split()
    unknown = [w for w in wanted if w not in BENCHES]
    if unknown:
        sys.exit("bench: there is no %s; there are: %s" % (" ".join(unknown), " ".join(BENCHES)))
    for name in wanted:
        BENCHES[name]()
        cleanup()


if __name__ == "__main__":
    main()
