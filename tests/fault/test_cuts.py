#!/usr/bin/env python3
"""The peer goes away after n bytes of the request, or of its answer, in each kind of exchange that publishing on Mastodon has, the
looks after a lost answer included: every post stands there once in the end, though the platform knows no idempotency.

Each cut has an account, and so a fate, of its own; all run at the same time. SMMQ_LONG=1 cuts at every byte."""
import os
import time

from faulttest import Counter, pictures, smmqtest
from smmqtest import daemon, eq, until

LONG = bool(os.environ.get("SMMQ_LONG"))
ACCOUNTS = 800                  # of one daemon
MAKE, UPLOAD, BEFORE = "POST /api/v1/statuses", "POST /api/v2/media", "GET /api/v1/accounts/*/statuses"
WHO, FIND, SOURCE = "GET /api/v1/accounts/verify_credentials", BEFORE + "?find", "GET /api/v1/statuses/*/source"
LOST = {"part": MAKE, "side": "answer", "at": 0, "how": "close"}
KINDS = (WHO, BEFORE, UPLOAD, MAKE, FIND, SOURCE)


def rules_of(case):
    """A look is only had by those who lost an answer."""
    part, side, at, how = case
    return ([LOST] if part in (FIND, SOURCE) else []) + [{"part": part, "side": side, "at": at, "how": how}]


def text_of(case):
    return "cut %s %s at %s, %s" % case


class Round:
    """One daemon, an account for each case."""

    def __init__(self, counter, first, cases):
        self.counter, self.d, self.cases = counter, daemon(), {"a%04d" % (first + n): c for n, c in enumerate(cases)}
        for account in self.cases:
            counter.attach(self.d, account)
        counter.rules({"t" + a[1:]: rules_of(c) for a, c in self.cases.items() if c})
        self.ids = {}

    def add(self):
        self.d.start()
        wire = self.d.wire()
        picture = wire.put("a.png", pictures.png()).body["id"]
        for account, case in self.cases.items():
            body = {"accounts": [account], "now": True, "text": text_of(case) if case else "probe"}
            if case and case[0] == UPLOAD:
                body["media"] = [{"id": picture, "alt": "tulips"}]
            self.ids[account] = wire.ok("ADD", body).body["id"]
        return self

    def settled(self, timeout_s=90):
        asked = {}

        def quiet():
            s = self.d.status()
            wire = smmqtest.Wire(self.d.socket)
            for row in wire.ok("LIST", {"state": "unknown", "limit": 1000}).data:
                # A look that failed is tried again later and later; a person need not wait for that.
                lost = self.d.target(row["id"])["open"] or {"evidence": None}
                if "could not look" in (lost["evidence"] or "") and time.monotonic() - asked.get(row["id"], 0) > 5:
                    wire.ask("RESOLVE %s" % row["id"], {"as": "lookup"})
                    asked[row["id"]] = time.monotonic()
            wire.close()
            return s["published"] == len(self.ids)
        try:
            until(quiet, "everything is published", timeout_s, 0.5)
        except AssertionError:
            wire = smmqtest.Wire(self.d.socket)
            left = [r for state in ("queued", "sending", "unknown", "failed", "held", "missed")
                    for r in wire.ok("LIST", {"state": state, "limit": 1000}).data]
            raise AssertionError("%d of %d are not published: %s" % (len(left), len(self.ids), [
                (r["id"], self.cases[r["account"]], r["state"], r["reason"], r["gate"]) for r in left[:5]])) from None

    def judge(self):
        stands = self.counter.stands()
        for account, case in self.cases.items():
            shown = self.d.target(self.ids[account])
            eq(shown["state"], "published", "state of %s (%s)" % (case, shown["reason"]))
            eq(stands[account, text_of(case)], [shown["remote_id"]], "statuses of %s" % (case,))


def sizes(counter):
    """Of each kind's request and answer, from an item that loses its answer and one with a picture."""
    longest = max((text_of((k, "request", 1, "reset")) for k in KINDS), key=len)
    probe = Round(counter, 9000, [None, None])
    counter.rules({"t9000": [LOST]})
    probe.d.start()
    wire = probe.d.wire()
    picture = wire.put("a.png", pictures.png()).body["id"]
    wire.ok("ADD", {"accounts": ["a9000"], "now": True, "text": longest})
    wire.ok("ADD", {"accounts": ["a9001"], "now": True, "text": longest, "media": [{"id": picture, "alt": "tulips"}]})
    until(lambda: probe.d.status()["published"] == 2, "the probes are published", 60)
    return counter.sizes()


def places(side, size):
    """Where to cut, and how; after an answer's last byte there is no cut, after a request's there is. Byte 20 of an answer lies
    among its headers: to a client that is content with a status line the answer is whole."""
    if LONG:
        return [(at, ("reset", "close")[at % 2]) for at in range(size + (side == "request"))]
    some = [(0, "reset"), (1, "close"), (20, "close"), (0.2, "reset"), (0.5, "close"), (0.8, "reset"), (-1, "close")]
    return some + [(1.0, "reset")] * (side == "request")


def test_every_post_stands_once_wherever_it_was_cut():
    counter = Counter()
    counter.tell(delay_ms=5)
    size, cases = sizes(counter) if LONG else dict.fromkeys(KINDS, (0, 0)), []
    for part in KINDS:
        for side, length in zip(("request", "answer"), size[part]):
            cases += [(part, side, at, how) for at, how in places(side, length)]
    for first in range(0, len(cases), ACCOUNTS):
        r = Round(counter, first, cases[first:first + ACCOUNTS]).add()
        r.settled()
        r.judge()
        r.d.kill9()
    size, log = counter.sizes(), counter.log()
    print("# %d cuts; %d requests to post; bytes of request and answer: %s" % (
        len(cases), len(log), ", ".join("%s %d + %d" % (k, *size[k]) for k in KINDS)))
    left = {t: r for t, r in counter.rules_left().items() if r}
    eq(left, {}, "cuts that were never made")


if __name__ == "__main__":
    smmqtest.main(globals())
