#!/usr/bin/env python3
"""Never lost, never twice, whenever the daemon dies: it is killed at random moments under load and started again, and posts to a
platform that has no idempotency (counter.py). In the end every acknowledged post stands there exactly once.

    check_kill.py [--kills N] [--seed N] [--accounts N]       also: SMMQ_KILLS, SEED

Clients add posts without a pause over pipelining connections, each with a key, and repeat after a restart what was not
acknowledged. Most are for 2035: they make commits and must be there in the end; the others are due at once, some with a picture, some
threads. The platform is late, loses answers, and answers 5xx after the work was done.

Where a kill hit is told by what was seen from outside and by the journal: an add under way whose key the next daemon knows, or
does not; an intent without a later record, whose request the platform never saw, saw, or had answered before the kill. One
kill can hit several. With 200 kills and more each of the four must be at least 5 %.
"""
import argparse
import collections
import json
import os
import random
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import pictures
import smmqtest
from servers import http_json, served
from smmqtest import check, daemon, eq

COUNTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counter.py")
CLIENTS, WINDOW = 4, 8
FAR = "2035-03-01 09:00"
ENDED = "the daemon ended while the request was on its way"
ROWS = (
    ("before", "an add was under way, not committed"),
    ("added", "an add was committed, its answer not yet sent"),
    ("armed", "an intent was committed, its request not yet sent"),
    ("sent", "a request was sent, not yet answered"),
    ("answered", "a request was answered, the answer not yet stored"),
    ("starting", "the daemon was not ready yet"),
)
GROUPS = (("before commit", {"before"}), ("committed", {"added", "armed"}), ("sent", {"sent"}), ("answered", {"answered"}))


class Item:
    """One request to add and what is known of it."""

    def __init__(self, key, body, texts):
        self.key, self.body, self.texts = key, body, texts
        self.id = None
        self.sent_in = None             # the last generation of the daemon that was sent it

    @property
    def far(self):
        return "at" in self.body


class Client(threading.Thread):
    """Adds in bursts, and after every restart repeats first what was not acknowledged."""

    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number = run, number
        self.random = random.Random("%d client %d" % (run.seed, number))
        self.count, self.pending, self.done, self.error = 0, [], [], None

    def new_item(self):
        self.count += 1
        key = "c%d-n%d" % (self.number, self.count)
        account = "a%d" % self.random.randrange(self.run_.accounts)
        kind, texts = self.random.random(), [key + " says hello"]
        body = {"accounts": [account], "key": key, "text": texts[0]}
        if kind < self.run_.far_share:
            body["at"] = FAR
            return Item(key, body, [])
        body["now"] = True
        if kind > 0.98:
            texts = [key + " part one", key + " part two"]
            body["parts"] = [{"text": t} for t in texts]
            del body["text"]
        elif kind > 0.96:
            body["media"] = [{"id": self.run_.picture, "alt": "tulips"}]
        return Item(key, body, [(account, t) for t in texts])

    def run(self):
        try:
            while not self.run_.stop.is_set() or self.pending:
                try:
                    self.talk()
                except OSError:
                    time.sleep(0.005)
        except BaseException as e:
            self.error = e

    def talk(self):
        """Until the connection breaks, or all is said."""
        wire = smmqtest.Wire(self.run_.daemon.socket, 120)
        generation, again = self.run_.generation, list(self.pending)
        try:
            while again or not self.run_.stop.is_set():
                burst = again[:WINDOW] or [self.new_item() for _ in range(self.random.randrange(1, WINDOW + 1))]
                del again[:WINDOW]
                self.pending += [i for i in burst if i not in self.pending]
                for item in burst:
                    wire.send("ADD " + json.dumps(item.body))
                    item.was, item.sent_in = item.sent_in, generation
                for item in burst:
                    answer = wire.read()
                    if answer is None:
                        return
                    self.take(item, answer)
                time.sleep(self.random.uniform(0, self.run_.pause_s))
        finally:
            wire.close()

    def take(self, item, answer):
        if not answer.ok:
            # A stopping or starting daemon may say so; nothing else is acceptable.
            check(answer.code in ("busy", "stopping", "io"), "a refused add:", item.body, answer)
            time.sleep(0.01)
            raise OSError
        if item.was is not None and item.was != item.sent_in:
            self.run_.hit(item.was, "added" if answer.body["repeated"] else "before")
        else:
            check(not answer.body["repeated"], "a key is known that was never used:", item.key)
        item.id = answer.body["id"]
        self.pending.remove(item)
        self.done.append(item)


class Run:
    def __init__(self, seed, kills, accounts, rate):
        self.seed, self.kills, self.accounts = seed, kills, accounts
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.generation, self.hits = 0, collections.defaultdict(collections.Counter)
        self.far_share, self.pause_s = 0.8, CLIENTS * 4.5 * 0.2 * 2 / rate
        self.began, self.ended = {}, {}         # generation: monotonic ns
        self.intents, self.lost = {}, []        # target: (generation, step); (generation, target, step)
        self.cursor, self.wall = None, []
        self.evidence, self.asked = collections.Counter(), 0
        self.platform, self.port = served([sys.executable, COUNTER])
        self.tell(seed=seed, delay_ms=50, drop=0.02, fail=0.02, refuse=0.01, partial=0.01)
        self.daemon = daemon()
        for n in range(accounts):
            self.daemon.account("a%d" % n, "mastodon", BaseURL="http://127.0.0.1:%d" % self.port, credential="t%d" % n, TimeZone="UTC",
                                PlatformQuota="ignore", CatchUp=0)
        self.clients = [Client(self, n) for n in range(CLIENTS)]

    def tell(self, **control):
        http_json(self.port, "POST", "/_control", control)

    def hit(self, generation, what):
        self.hits[generation][what] += 1

    # ---- killing ----

    def start(self, wait=True):
        self.generation += 1
        self.began[self.generation] = time.monotonic_ns()
        self.wall.append((time.time() * 1000, self.generation))
        self.daemon.start(wait=wait)

    def kill(self):
        self.daemon.kill9()
        self.ended[self.generation] = time.monotonic_ns()

    def kill_one(self):
        """Nine of ten die at a random moment of their work, the tenth before it is ready."""
        if self.random.random() < 0.1:
            time.sleep(self.random.uniform(0, 0.03))
            self.kill()
            self.hit(self.generation, "starting")
            self.start(wait=False)
            return
        self.daemon.wait_ready()
        time.sleep(self.random.uniform(0.005, 0.45))
        self.kill()
        self.start(wait=False)

    def kill_all(self):
        began = time.monotonic()
        self.start()
        self.picture = self.daemon.wire().put("a.png", pictures.png()).body["id"]
        for c in self.clients:
            c.start()
        for n in range(self.kills):
            self.kill_one()
            for c in self.clients:
                check(c.error is None, "client %d:" % c.number, c.error)
            if n % 25 == 24:
                self.daemon.wait_ready()
                self.read_journal()
                if self.kills >= 200 and n % 100 == 99:
                    print("# %d kills, %.0f s, %d acknowledged" % (n + 1, time.monotonic() - began, sum(len(c.done) for c in self.clients)))
                    sys.stdout.flush()
        self.daemon.wait_ready()
        self.stop.set()
        for c in self.clients:
            c.join(60 * smmqtest.SLOW)
            check(not c.is_alive() and c.error is None, "client %d ends:" % c.number, c.error)
        self.read_journal()

    # ---- what the journal tells ----

    def read_journal(self):
        wire, more = smmqtest.Wire(self.daemon.socket), True
        while more:
            answer = wire.ok("LOG", {"limit": 1000, **({"cursor": self.cursor} if self.cursor else {})})
            for e in answer.data:
                self.take_entry(e)
                self.cursor = e["cursor"]
            self.cursor = answer.body["cursor"] or self.cursor
            more = answer.body["cursor"] is not None
        wire.close()

    def take_entry(self, e):
        if e["event"] == "intent":
            generation = max((g for ms, g in self.wall if ms <= e["time_ms"]), default=1)
            self.intents[e["id"]] = (generation, e["detail"]["step"])
        elif e["event"] == "lose" and e["reason"] == ENDED and e["id"] in self.intents:
            self.lost.append((*self.intents.pop(e["id"]), e["id"]))

    def classify_lost(self):
        """Of requests that were on their way when the daemon was killed: how far had they come?"""
        by_id = {str(i.id): i for c in self.clients for i in c.done}
        notes = collections.defaultdict(list)
        for note in http_json(self.port, "GET", "/_log")[1]:
            notes[note["token"], note["text"]].append(note)
        for generation, step, target in self.lost:
            account, text = by_id[target.partition(".")[0]].texts[int(step.partition(".")[2])]
            until = self.began.get(generation + 2, 1 << 63)
            seen = [n for n in notes["t" + account[1:], text] if self.began[generation] <= n["received_ns"] < until]
            if not seen:
                self.hit(generation, "armed")
            elif seen[0]["answered_ns"] and seen[0]["answered_ns"] < self.ended[generation]:
                self.hit(generation, "answered")
            else:
                self.hit(generation, "sent")

    # ---- settling ----

    def unknown(self):
        rows, cursor, wire = [], None, smmqtest.Wire(self.daemon.socket)
        while True:
            answer = wire.ok("LIST", {"state": "unknown", "limit": 1000, **({"cursor": cursor} if cursor else {})})
            rows += answer.data
            cursor = answer.body["cursor"]
            if cursor is None:
                wire.close()
                return rows

    def settle(self, timeout_s):
        """Until nothing moves any more: no target is sending, none due, and each unknown one waits for a person."""
        end, asked = time.monotonic() + timeout_s * smmqtest.SLOW, {}
        far = sum(1 for c in self.clients for i in c.done if i.far)
        while True:
            s = self.daemon.status()
            rows = self.unknown()
            open_ = [r for r in rows if "smmq resolve" not in (r["reason"] or "")]
            if s["sending"] == 0 and s["queued"] == far and not open_:
                return rows
            check(time.monotonic() < end, "not settled in time:", {k: s[k] for k in ("queued", "sending", "unknown", "published", "failed")},
                  far, [(r["id"], r["reason"]) for r in open_[:5]])
            # A look that a kill broke off is planned five minutes later; a person may ask for it at once.
            wire = smmqtest.Wire(self.daemon.socket)
            for r in open_:
                if time.monotonic() - asked.setdefault(r["id"], time.monotonic()) > 20:
                    wire.ask("RESOLVE %s" % r["id"], {"as": "lookup"})
                    asked[r["id"]] = time.monotonic()
                    self.asked += 1
            wire.close()
            time.sleep(0.25)

    # ---- judging ----

    def shown(self, items):
        wire = smmqtest.Wire(self.daemon.socket)
        for at in range(0, len(items), 50):
            for item in items[at:at + 50]:
                wire.send("SHOW %s" % item.id)
            for item in items[at:at + 50]:
                answer = wire.read()
                check(answer is not None and answer.ok, "%s was acknowledged as %s and is gone:" % (item.key, item.id), answer)
                eq(answer.body["key"], item.key, "key of %s" % item.id)
                yield item, answer.body["targets"][0]
        wire.close()

    def judge(self):
        """(lost, doubled, held): lists of what went wrong, and how many wait for a person."""
        stands = collections.defaultdict(list)
        for ident, token, text, _ in http_json(self.port, "GET", "/_statuses")[1]:
            stands["a" + token[1:], text].append(ident)
        items = [i for c in self.clients for i in c.done]
        eq(len({i.id for i in items}), len(items), "each request has an id of its own: ids")
        lost, wrong, held, known = [], [], 0, set()
        for item, target in self.shown(items):
            known.update(item.texts)
            if item.far:
                if target["state"] != "queued":
                    lost.append((item.id, target["state"], target["reason"]))
            elif target["state"] == "unknown":
                held += 1
                check(target["open"]["evidence"], "%s is unknown without evidence" % target["id"])
                self.evidence[re.sub("[0-9]+", "N", target["open"]["evidence"])] += 1
            elif target["state"] != "published" or not all(stands[t] for t in item.texts):
                lost.append((target["id"], target["state"], target["reason"], [stands[t] for t in item.texts]))
            else:
                wrong += [(target["id"], t, s) for t, s in zip(item.texts, target["shown"]) if s["remote_id"] not in stands[t]]
        doubled = [(t, ids) for t, ids in stands.items() if len(ids) > 1]
        strange = [t for t in stands if t not in known]
        eq(strange, [], "statuses that nobody asked for")
        eq(wrong, [], "targets that show what is not theirs")
        eq(self.daemon.status()["queued"], sum(1 for i in items if i.far), "targets queued")
        return lost, doubled, held

    def report(self, seconds, lost, doubled, held):
        items = [i for c in self.clients for i in c.done]
        notes = http_json(self.port, "GET", "/_log")[1]
        how = collections.Counter(n["how"] for n in notes)
        print("# seed %d: %d kills in %.0f s; %d adds acknowledged, %d of them due at once" % (
            self.seed, self.kills, seconds, len(items), sum(1 for i in items if not i.far)))
        print("# platform: %d requests to post (%s); unknown outcomes left by kills: %d, looks asked for: %d" % (
            len(notes), ", ".join("%s %d" % h for h in sorted(how.items())), len(self.lost), self.asked))
        print("# %-52s %6s %7s %6s" % ("where the kills hit", "kills", "", "items"))
        for name, title in ROWS:
            hit = [h[name] for h in self.hits.values() if h[name]]
            print("# %-52s %6d %5.1f %% %6d" % (title, len(hit), 100 * len(hit) / self.kills, sum(hit)))
        share = {}
        for name, rows in GROUPS:
            share[name] = 100 * sum(1 for h in self.hits.values() if any(h[r] for r in rows)) / self.kills
        print("# kills that hit: " + ", ".join("%s %.1f %%" % s for s in share.items()))
        for evidence, count in self.evidence.items():
            print("# held, %d times: %s" % (count, evidence))
        print("# lost %d, doubled %d, held with evidence %d" % (len(lost), len(doubled), held))
        sys.stdout.flush()
        return share


def run(seed, kills, accounts, rate):
    print("# seed %d" % seed)
    sys.stdout.flush()
    began = time.monotonic()
    r = Run(seed, kills, accounts, rate)
    r.kill_all()
    r.tell(drop=0, fail=0, refuse=0, partial=0)
    r.settle(60 if kills < 200 else 400)
    r.classify_lost()
    lost, doubled, held = r.judge()
    r.daemon.run("check")
    r.daemon.run("verify")
    share = r.report(time.monotonic() - began, lost, doubled, held)
    eq(lost[:5], [], "lost")
    eq(doubled[:5], [], "doubled")
    if kills >= 200:
        for name, percent in share.items():
            check(percent >= 5, "too few kills hit \"%s\": %.1f %%" % (name, percent))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--kills", type=int, default=int(os.environ.get("SMMQ_KILLS") or 12))
    a.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 31)))
    a.add_argument("--accounts", type=int, help="a platform's list of an account must not grow too fast to be looked through (40; 400 for many kills)")
    a.add_argument("--rate", type=float, default=100, help="posts due at once, per second")
    args = a.parse_args()
    args.accounts = args.accounts or (40 if args.kills < 200 else 400)
    sys.argv[1:] = []

    def test_killed_at_random_moments():
        run(args.seed, args.kills, args.accounts, args.rate)
    smmqtest.main({"test_killed_at_random_moments": test_killed_at_random_moments})


if __name__ == "__main__":
    main()
