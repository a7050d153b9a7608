#!/usr/bin/env python3
"""Allocation n fails, for n = 1, 2, 3 ... until a whole round has none that does: in our own code, in cJSON and in libcurl. A build
of the daemon whose allocations can be made to fail (falloc.c) is asked for everything and publishes to a file and to a URL, while
the n-th allocation since the round began comes to nothing. It never ends; what it acknowledged is there, is published once, and the
store is whole."""
import mmap
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import pictures
import smmqtest
from servers import Webhook
from smmqtest import Wire, check, daemon, eq, until

FAR = "2035-03-01 09:00"
VIDEO = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"
FFPROBE = """#!/bin/sh
echo '{"streams":[{"codec_type":"video","codec_name":"h264","width":4,"height":3,"avg_frame_rate":"25/1"}],"format":{"duration":"1.0"}}'
"""


class Falloc:
    """The daemon's countdown to a failure."""

    def __init__(self, d):
        self.path = os.path.join(d.dir, "falloc")
        with open(self.path, "wb") as f:
            f.write(bytes(8))
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8)

    def arm(self, n):
        self.map[:] = struct.pack("q", n)

    def left(self):
        return struct.unpack("q", self.map[:])[0]


class Round:
    """What is asked while an allocation fails. Every answer is fine or an error; a closed connection is opened again."""

    def __init__(self, d, number):
        self.d, self.number, self.acked, self.wire = d, number, {}, None

    def ask(self, verb, body=None):
        for _ in range(2):
            try:
                if self.wire is None:
                    self.wire = Wire(self.d.socket, 20)
                answer = self.wire.ask(verb, body)
                if answer is not None:
                    check(answer.ok or answer.code in ("no_memory", "no_item", "conflict", "in_flight", "refused", "busy", "too_large"), verb, body, answer)
                    return answer
            except OSError:
                pass
            self.wire = None
        return None

    def add(self, word, **body):
        body.update(text="%s %d" % (word, self.number), key="%s-%d" % (word, self.number))
        answer = self.ask("ADD", body)
        if answer is not None and answer.ok:
            self.acked[word] = answer.body["id"]
        return self.acked.get(word)

    def put(self):
        """A video, so that another program is started, too."""
        try:
            if self.wire is None:
                self.wire = Wire(self.d.socket, 20)
            answer = self.wire.put("clip.mp4", VIDEO)
            if answer is not None:
                check(answer.ok or answer.code in ("no_memory", "busy"), "PUT", answer)
                return
        except OSError:
            pass
        self.wire = None

    def run(self):
        self.put()
        self.add("file", accounts=["brand"], now=True)
        self.add("call", accounts=["hook"], now=True)
        far = self.add("far", accounts=["brand", "hook"], at=FAR, label="spring")
        if far:
            self.ask("SHOW %d" % far)
            self.ask("EDIT %d" % far, {"text": "far %d edited" % self.number})
            self.ask("MOVE %d" % far, {"at": "2035-04-01 10:00"})
            self.ask("HOLD %d" % far, {"reason": "wait"})
            self.ask("RELEASE %d" % far)
            self.ask("LOG %d" % far, {})
            self.ask("CANCEL %d" % far)
        self.ask("LIST", {"account": "brand", "limit": 3})
        self.ask("STATUS")
        self.ask("ACCOUNTS")
        self.ask("HOLD", {"label": "spring", "reason": "gate"})
        self.ask("RELEASE", {"label": "spring"})
        if self.wire is not None:
            self.wire.close()


def stage():
    hook = Webhook()
    d = daemon(brand=True).account("hook", "webhook", credential="secret=0123456789abcdef", BaseURL="http://127.0.0.1:%d/hook" % hook.port)
    f = Falloc(d)
    smmqd = smmqtest.SMMQD
    smmqtest.SMMQD = os.path.join(os.environ["top_builddir"], "tests", "fault", "smmqd_falloc")
    try:
        os.mkdir(os.path.join(d.dir, "bin"))
        with open(os.open(os.path.join(d.dir, "bin", "ffprobe"), os.O_WRONLY | os.O_CREAT, 0o700), "w") as script:
            script.write(FFPROBE)
        d.start(env={"SMMQ_FALLOC": f.path, "PATH": os.path.join(d.dir, "bin") + ":/usr/bin:/bin"})
    finally:
        smmqtest.SMMQD = smmqd
    return d, f, hook


def test_every_allocation_may_fail():
    d, f, hook = stage()
    rounds, n, clean = [], 1, 0
    while clean < 3:
        r = Round(d, n)
        f.arm(n)
        r.run()
        clean = clean + 1 if f.left() > 0 else 0
        f.arm(0)
        check(d.alive(), "the daemon ended at allocation", n)
        rounds.append(r)
        n += 1
    print("# %d rounds, up to allocation %d" % (len(rounds), n))
    wire = d.wire()

    def states(ident):
        return [t["state"] for t in wire.ok("SHOW %d" % ident).body["targets"]]
    for r in rounds:
        for word in ("file", "call"):
            if word in r.acked:
                until(lambda: states(r.acked[word]) == ["published"], "%s of round %d is published" % (word, r.number), 90)
        if "far" in r.acked:
            check(set(states(r.acked["far"])) <= {"cancelled", "queued", "held"}, "an item is in no state it can be in:", states(r.acked["far"]))
    check("agree" in d.run("check"), "the store is whole")
    check("whole" in d.run("verify"), "the journal is whole")
    names = [name for name in os.listdir(os.path.join(d.outbox, "brand")) if not name.startswith(".")]
    eq(len(names), sum("file" in r.acked for r in rounds), "files")


if __name__ == "__main__":
    smmqtest.main(globals())
