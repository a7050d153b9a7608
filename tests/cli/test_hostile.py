#!/usr/bin/env python3
"""Peers that send nonsense, too much, half of it, or never read: clear errors, bounded memory, and the others are served."""
import os
import resource
import socket
import time

import pictures
import smmqtest
from servers import sanitized
from smmqtest import check, daemon, eq, until

LINE_MAX = 1 << 20
BOUND_KB = 64 * 1024 * (4 if sanitized() else 1)     # what abuse may cost


def raw(d, timeout_s=30):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(timeout_s)
    s.connect(d.socket)
    smmqtest.close_later(s.close)
    return s


def served(d, what):
    """Another client gets its answer."""
    check(d.alive(), "the daemon died after %s" % what)
    w = smmqtest.Wire(d.socket, 10)
    check(w.ask("HELLO").ok, "HELLO is answered after %s" % what)
    w.close()


def err(d, line, code, after_ok=True):
    """The line is refused with the code, and the connection goes on."""
    w = smmqtest.Wire(d.socket)
    w.send(line)
    a = w.read()
    check(a is not None and a.code == code, "%r: want ERR %s, have" % (line[:60], code), a)
    check(a.body.get("message"), "%r: the error says what is wrong" % line[:60])
    if after_ok:
        check(w.ask("HELLO").ok, "HELLO after %r" % line[:60])
    w.close()


def add_line(**more):
    return ("ADD " + smmqtest.json.dumps({"accounts": ["brand"], "text": "x", "at": "2035-01-01 09:00", **more})).encode()


def test_malformed_lines():
    d = daemon(brand=True).start()
    for line in (b"", b" ", b"NONSENSE", b"hello", b"SHOW", b"SHOW 1 2 3 4 5 6 7 8", b"SHOW\t1", b" HELLO", b"ADD", b"ADD 1", b"\r",
                 b"HELLO\x00", b"\x00", b"\x00" * 1000, b"HELLO {\"client\":\"a\x00b\"}", b"\xff\xfe\xfd", bytes(range(128, 256)),
                 b"HELLO {\"client\":\"\xc3\x28\"}", b"HELLO {\"client\":\"\xed\xa0\x80\"}", b"SHOW abc", b"SHOW 1.2.3", b"SHOW -1",
                 b"SHOW 99999999999999999999999999", b"LIST []", b"PUT", b"PUT x", b"\x1b[2J"):
        err(d, line, "usage")
    for line in (b"PUT x -1", b"PUT x 1e3"):      # how many bytes follow is not known: the connection ends
        err(d, line, "usage", after_ok=False)
    for line in (b"HELLO {", b"HELLO {}x", b"HELLO {\"client\":\"a\",\"client\":\"b\"}", b"HELLO {\"client\":\"\\u0000\"}",
                 b"HELLO {\"client\":1}", b"HELLO {\"client\":\"\\ud800\"}", b"LIST {\"limit\":1e99}", b"LIST {\"limit\":-1}",
                 b"LIST {\"limit\":0.5}", b"LIST {\"limit\":123456789012345678901234567890}", b"LIST {\"cursor\":\"zzz\"}",
                 b"LIST {\"state\":\"nonsense\"}", b"HELLO " + b"{\"client\":" * 5000, b"LIST {\"state\":" + b"[" * 100000 + b"]" * 100000 + b"}",
                 add_line(at="whenever"), add_line(at="2035-13-45 99:99"), add_line(text=5), add_line(nonsense=1),
                 add_line(at="2035-01-01 09:00 Mars/Olympus"), add_line(late="never"), add_line(max_late="12"), add_line(accounts=[]),
                 add_line(accounts=["brand", "brand"]), add_line(media=[{"id": "../../etc/passwd"}]), add_line(parts=[])):
        err(d, line, "invalid")
    err(d, add_line(accounts=["brand"] * 1000), "too_large")
    err(d, b"SHOW 12345", "no_item")
    err(d, add_line(accounts=["../brand"]), "no_account")
    eq(d.status()["queued"], 0, "items queued by nonsense")
    served(d, "malformed lines")


def test_oversized_lines():
    d = daemon(brand=True).start()
    before = d.rss_kb()
    err(d, b"HELLO " + b"x" * LINE_MAX, "too_large")
    err(d, b"x" * (LINE_MAX + 1), "too_large")
    w = d.wire()
    for _ in range(64):
        w.sock.sendall(b"y" * (1 << 20))
    w.send(b"end of a line of 64 MiB")
    eq(w.read().code, "too_large")
    check(w.ask("HELLO").ok, "HELLO after a line of 64 MiB")
    exact = b"HELLO {\"client\":\"" + b"z" * (LINE_MAX - 19) + b"\"}"
    w.send(exact + b" " * (LINE_MAX - len(exact)))
    check(w.read().code in ("OK", "invalid", "usage"), "a line of exactly the limit is not too large")
    check(d.rss_kb() - before < BOUND_KB, "memory grew by KiB:", d.rss_kb() - before)
    served(d, "oversized lines")


def test_half_sent_lines():
    d = daemon(brand=True).start()
    halves = [raw(d) for _ in range(50)]
    for i, s in enumerate(halves):
        s.sendall(b"ADD {\"accounts\":[\"brand\"],\"te"[:i + 1])
    served(d, "half lines")
    for s in halves[:25]:
        s.close()
    slow = raw(d)
    for byte in b"HELLO\n":
        slow.send(bytes([byte]))
        time.sleep(0.02)
    check(slow.recv(100).startswith(b"OK "), "a line that comes byte by byte is answered")
    for s in halves[25:]:
        s.shutdown(socket.SHUT_WR)
    eq(d.status()["queued"], 0, "items queued by half lines")
    last = raw(d)
    last.sendall(add_line() + b"\n")
    last.shutdown(socket.SHUT_WR)
    check(last.recv(100).startswith(b"OK "), "a whole line is answered although the peer sends no more")


def test_peer_that_never_reads():
    d = daemon(brand=True).start()
    w = d.wire()
    text = "long enough to fill buffers " * 100
    for i in range(200):
        w.send(add_line(text=text, key="k%d" % i))
    for _ in range(200):
        check(w.read().ok, "an add is refused")
    before = d.rss_kb()
    deaf = []
    for i in range(8):
        s = raw(d)
        s.setblocking(False)
        deaf.append(s)
    line = b"LIST {\"limit\":1000}\nSHOW 1\nLOG {\"limit\":1000}\n"
    took = 0
    for _ in range(300):
        for s in deaf:
            try:
                took += s.send(line * 200)
            except BlockingIOError:
                pass
        time.sleep(0.005)
    check(took > 0, "the deaf peers sent nothing")
    served(d, "peers that never read")
    began = time.monotonic()
    w.ok("STATUS")
    check(time.monotonic() - began < 5 * smmqtest.SLOW, "others wait for the deaf")
    grown = d.rss_kb() - before
    check(grown < BOUND_KB, "memory grew by KiB:", grown)


def test_silence_does_not_keep_the_kill_switch_out():
    d = daemon(brand=True)
    d.configure(MaxConnections=64)
    d.start()
    watcher = d.wire()
    watcher.send("WATCH")
    time.sleep(0.5)        # the place of whoever asked whether it is ready is free again
    halves = [raw(d) for _ in range(63)]
    for s in halves:
        s.sendall(b"ADD {\"accounts\"")
    time.sleep(1.5)
    began = time.monotonic()
    d.run("hold", "ALL", "--reason", "crisis")
    check(time.monotonic() - began < 5 * smmqtest.SLOW, "it waited for the silent")
    check("gate" in watcher.line(), "who waits for events is not silent")
    eq([g["name"] for g in d.status()["gates"]], ["all"])


def test_a_thousand_idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        smmqtest.skip("the limit of open files is %d and cannot be raised" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    try:
        d = daemon(brand=True).start()
        before = d.rss_kb()
        idle = [raw(d) for _ in range(1000)]
        served(d, "a thousand idle connections")
        eq(d.add("brand", "in between", "--at", "+1h").isdigit(), True, "add works")
        check(d.status()["connections"] >= 1000, "connections counted:", d.status()["connections"])
        grown = d.rss_kb() - before
        check(grown < BOUND_KB, "memory grew by KiB:", grown)
        check(idle[0].send(b"HELLO\n") and idle[0].recv(100).startswith(b"OK "), "an idle one can still ask")
        more = []
        for _ in range(200):
            try:
                more.append(raw(d, 5))
            except OSError:
                break
        check(d.alive(), "the daemon died of too many connections")
        for s in idle + more:
            s.close()
        until(lambda: d.status()["connections"] < 100, "connections are given back")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_put_of_a_giant():
    d = daemon(brand=True).start()
    limit = d.wire().ok("HELLO").body["limits"]["max_media_bytes"]
    for size in (int(limit) + 1, 99999999999999, 2 ** 63 - 1, 2 ** 64, 10 ** 30):
        w = d.wire()
        w.send("PUT big.png %d" % size)
        a = w.read()
        check(a.code in ("too_large", "usage", "invalid"), "PUT of %d bytes:" % size, a)
        if size == int(limit) + 1:
            eq(a.code, "too_large")
            eq(w.read(), None, "the connection is closed, since the bytes cannot be skipped")
    served(d, "giant PUTs")


def media_files(d):
    return [os.path.join(top, f) for top, _, files in os.walk(d.state) for f in files if not f.endswith((".mdb", ".lock"))]


def test_put_given_up_half_way():
    d = daemon(brand=True).start()
    files = len(media_files(d))
    before = d.rss_kb()
    for how in range(3):
        for _ in range(10):
            s = raw(d)
            s.sendall(b"PUT half.png 10000000\n" + b"\x89PNG" + bytes(500000))
            if how == 0:
                s.close()
            elif how == 1:
                s.shutdown(socket.SHUT_WR)
    served(d, "half PUTs")
    w = d.wire()
    a = w.put("a.png", pictures.png())
    check(a.ok, "a whole PUT beside the half ones:", a)
    eq((a.body["size"], a.body["mime"], a.body["width"], a.body["height"]), (len(pictures.png()), "image/png", 8, 6))
    eq(w.put("again.png", pictures.png()).body["id"], a.body["id"], "the same content has the same id")
    grown = d.rss_kb() - before
    check(grown < BOUND_KB, "memory grew by KiB:", grown)
    d.restart()
    eq(len(media_files(d)), files + 1, "files in the state directory after a restart: one picture and no left-overs")


def test_put_of_nothing_and_of_odd_names():
    d = daemon(brand=True).start()
    w = d.wire()
    for name in ("../../etc/passwd", "..", ".", "a/b", "-rf", "%00", "x" * 1000):
        w.send("PUT %s %d" % (name, len(pictures.png())))
        w.sock.sendall(pictures.png())
        a = w.read()
        if a is None or not a.ok:
            w = d.wire()
    a = d.wire().put("empty", b"")
    check(a is None or not a.ok or a.body["size"] == 0, "PUT of nothing:", a)
    for top, _, files in os.walk(d.dir):
        check(not any("passwd" in f for f in files), "a name from the wire became a file:", top, files)
    served(d, "odd names")


def test_many_requests_on_one_connection():
    d = daemon(brand=True).start()
    w = d.wire()
    w.sock.sendall(b"HELLO\nSTATUS\nSHOW 5\nLIST\n" * 2000)
    codes = [w.read().code for _ in range(8000)]
    eq(codes, ["OK", "OK", "no_item", "OK"] * 2000, "answers in the order of the requests")


if __name__ == "__main__":
    smmqtest.main(globals())
