#!/usr/bin/env python3
"""What the kernel refuses, and death at a chosen system call: whatever was acknowledged is there after a restart, nothing is
published twice, and the daemon says what is wrong. Faults are injected by strace.

SMMQ_LONG=1 goes through many more places."""
import os
import socket
import subprocess
import time

from faulttest import FAR, Counter, Load, injected, need_strace, side_by_side, smmqtest
from smmqtest import check, daemon, eq, need, until

LONG = bool(os.environ.get("SMMQ_LONG"))
SYNCS, WRITES = "fdatasync,msync,fsync", "pwrite64,pwritev"


def started(d, **kw):
    """Whether it came up at all."""
    d.start(wait=False, **kw)
    try:
        d.wait_ready(10)
    except AssertionError:
        if d.process.poll() is None:
            raise
    return d.process.poll() is None


def ended(d, timeout_s):
    """The exit status; None if it lives on."""
    try:
        return d.process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def loaded(d, account, count, calls, what, when):
    """One daemon, one fault: (the load as far as it came, exit status or None)."""
    load = Load(d, account, count, "%s-%d" % (calls.partition(",")[0], when))
    if started(d, **injected(d, calls, what, when)):
        load.send()
    rc = ended(d, 5 if len(load.ids) < count and not any(code == "no_space" for _, code in load.refused) else 0.5)
    if rc is not None and rc > 0:
        check(any(line.startswith("<3>") for line in d.loud()), "it says why it stopped:", d.loud())
    return load, rc


def each_place(places, one):
    """A few at a time: there are no more processors."""
    places = list(places)
    for at in range(0, len(places), 5):
        side_by_side({"place %d" % n: lambda n=n: one(n) for n in places[at:at + 5]})


def test_a_sync_that_fails_stops_the_daemon():
    """After an error nobody knows what the disk holds: no word of this process is to be trusted any more."""
    need_strace()
    seen = {}

    def one(when):
        d = daemon(a0=True)
        load, rc = loaded(d, "a0", max(40, 8 * when), SYNCS, "error=EIO", when)
        seen[when] = rc, len(load.ids)
        eq(rc, 74, "exit status")
        d.start()
        load.all_there()
    each_place(range(1, 26) if LONG else (1, 2, 3, 5, 9), one)
    print("# exit status and adds acknowledged before, by the sync that failed: %s" % dict(sorted(seen.items())))
    check(any(n for _, n in seen.values()), "some places lie behind the first acknowledged add:", seen)


def test_a_disk_that_has_no_room_now_and_then():
    """An error to whom it concerns, or an orderly end; nothing that was acknowledged is lost."""
    need_strace()
    seen = {}

    def one(when):
        d = daemon(a0=True)
        load, rc = loaded(d, "a0", max(40, 4 * when), WRITES, "error=ENOSPC", when)
        seen[when] = rc, len(load.ids), sorted({code for _, code in load.refused})
        check(rc in (None, 74), "exit status", rc)
        check(set(seen[when][2]) <= {"no_space", "stopping", "io"}, "codes of refused adds:", load.refused)
        if rc is None:
            eq(d.wire().ok("ADD", {"accounts": ["a0"], "text": "room again", "at": FAR}).code, "OK", "an add afterwards")
            d.kill9()
        d.start()
        load.all_there()
    each_place(range(1, 41) if LONG else (2, 4, 5, 6, 7, 8, 9, 10), one)
    print("# exit status, adds acknowledged, codes of the others, by the write that failed: %s" % dict(sorted(seen.items())))


def test_killed_while_it_binds_the_store():
    """Between the commit that counts a start and the file beside the store that says so: no reason to take it for a restored one."""
    need_strace()
    d = daemon(a0=True)
    for _ in range(4):
        d.start(wait=False, **injected(d, "rename,renameat,renameat2", "signal=SIGKILL", 1))
        check(ended(d, 10) in (-9, 137), "it was killed at the rename")
    d.start()
    eq(d.status()["gates"], [], "gates after starts that were broken off")
    d.wait_state(d.add("a0", "goes out", "--now"), "published")
    d.restart()
    eq(d.status()["gates"], [], "gates after a good start")


# ---- killed at a call, and short of files: these wait for the platform to settle, so they wait together

def killed_at(counter, calls, when, account, seen):
    d = daemon()
    counter.attach(d, account)
    load, rc = loaded(d, account, max(24, 6 * when), calls, "signal=SIGKILL", when)
    seen[calls.partition(",")[0], when] = len(load.ids)
    check(rc in (-9, 137), "it was killed:", rc)
    return load


def short_of_files(counter, account):
    """No file descriptors left: it lives, answers those it has, says so once, and recovers."""
    d = daemon()
    counter.attach(d, account)
    d.start(wrap=("prlimit", "--nofile=40:40"))
    wire, others = d.wire(), []
    try:
        for _ in range(60):
            s = socket.socket(socket.AF_UNIX)
            others.append(s)
            s.connect(d.socket)
        until(lambda: "connections cannot be accepted" in d.logs(), "it says that it cannot accept connections")
        # What it had open for a moment only is taken, too, by those that wait.
        for _ in range(60):
            wire.ok("STATUS")
            time.sleep(0.05)
        load = Load(d, account, 4, "files")
        for key, body in load.bodies.items():
            load.take(key, wire.ask("ADD", body))
        eq(load.refused, [], "adds over a connection that stands")
        until(lambda: any("file descriptor" in (wire.ok("SHOW %s" % load.ids[k]).body["targets"][0]["reason"] or "") for k in load.now_keys()),
              "a post that cannot be sent says why")
        check(d.alive(), "it lives")
    finally:
        for s in others:
            s.close()
    d.wait_ready()
    check(len(d.loud()) < 10, "it says so, but not at every try:", d.loud())
    return load


def test_killed_at_a_call_and_short_of_files():
    need_strace()
    need("prlimit")
    counter, loads, seen = Counter(), [], {}
    loads.append(short_of_files(counter, "a0"))
    count = 40 if LONG else 10

    def one(n):
        calls = SYNCS if n <= count else WRITES
        loads.append(killed_at(counter, calls, (n - 1) % count + 1, "a%d" % n, seen))
    each_place(range(1, 2 * count + 1), one)
    print("# adds acknowledged before the kill, by call: %s" % {"%s %d" % k: n for k, n in sorted(seen.items())})
    check(any(seen.values()), "some places lie behind the first acknowledged add:", seen)
    # Not before: a daemon dies with the thread that started it.
    for load in loads[1:]:
        load.d.start(wait=False)
    for load in loads[1:]:
        load.d.wait_ready()
        load.all_there()
    for load in loads:
        load.settled(counter)


if __name__ == "__main__":
    smmqtest.main(globals())
