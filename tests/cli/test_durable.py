#!/usr/bin/env python3
"""An OK means that it is on disk: a thousand adds by sixteen pipelining clients, the daemon killed in the middle, started again:
every acknowledged id is there, and repeating every request with its key leaves exactly a thousand posts."""
import threading

import smmqtest
from smmqtest import check, daemon, eq, until

CLIENTS = 16
EACH = 63              # 1008 in all
WINDOW = 12            # requests under way per client


def request(client, n):
    return {"accounts": ["brand"], "text": "client %d, request %d" % (client, n), "at": "2035-03-01 09:00", "key": "c%d-n%d" % (client, n)}


class Client(threading.Thread):
    """Sends its requests with a window and keeps what was acknowledged, by key, until all are or the daemon is gone."""

    def __init__(self, d, number):
        super().__init__(daemon=True)
        self.d, self.number = d, number
        self.acknowledged = {}
        self.failed = []

    def run(self):
        w = smmqtest.Wire(self.d.socket)
        sent = got = 0
        try:
            while got < EACH:
                while sent < EACH and sent - got < WINDOW:
                    w.send("ADD " + smmqtest.json.dumps(request(self.number, sent)))
                    sent += 1
                answer = w.read()
                if answer is None:
                    break
                if answer.ok:
                    self.acknowledged["c%d-n%d" % (self.number, got)] = answer.body["id"]
                else:
                    self.failed.append(answer)
                got += 1
        except OSError:
            pass
        finally:
            w.close()


def add_all(d, kill_after=None):
    clients = [Client(d, i) for i in range(CLIENTS)]
    for c in clients:
        c.start()
    if kill_after:
        until(lambda: sum(len(c.acknowledged) for c in clients) >= kill_after, "%d adds are acknowledged" % kill_after, every_s=0.001)
        d.kill9()
    for c in clients:
        c.join(120)
        check(not c.is_alive(), "client %d hangs" % c.number)
        eq(c.failed, [], "refused adds")
    return {k: v for c in clients for k, v in c.acknowledged.items()}


def show_all(d, acknowledged):
    w = d.wire()
    for key, ident in acknowledged.items():
        w.send("SHOW %s" % ident)
        answer = w.read()
        check(answer.ok, "%s was acknowledged as %s and is gone:" % (key, ident), answer)
        eq(answer.body["key"], key, "key of %s" % ident)
        eq(answer.body["parts"][0]["text"], "client %s, request %s" % tuple(key[1:].split("-n")), "text of %s" % ident)


def list_all(d):
    w, rows, cursor = d.wire(), [], None
    while True:
        answer = w.ok("LIST", {"account": "brand", "limit": 100, **({"cursor": cursor} if cursor else {})})
        rows += answer.data
        cursor = answer.body["cursor"]
        if cursor is None:
            return rows


def test_kill_in_the_middle_of_a_thousand_adds():
    d = daemon(brand=True).start()
    before = add_all(d, kill_after=300)
    check(len(before) < CLIENTS * EACH, "the daemon was killed in the middle, not at the end:", len(before))
    d.start()
    show_all(d, before)
    rows = list_all(d)
    eq(len({r["id"] for r in rows}), len(rows), "ids that LIST shows once")
    check(len(rows) >= len(before), "LIST shows fewer than were acknowledged:", len(rows), len(before))
    again = add_all(d)
    eq(len(again), CLIENTS * EACH, "adds acknowledged the second time")
    eq({k: again[k] for k in before}, before, "ids of repeated requests")
    show_all(d, again)
    rows = list_all(d)
    eq(len(rows), CLIENTS * EACH, "targets in the end")
    eq({int(str(r["id"]).split(".")[0]) for r in rows}, {int(str(i)) for i in again.values()}, "ids in the end")


def test_killed_again_and_again():
    d = daemon(brand=True)
    known = {}
    for kill_after in (1, 40, 90, 200):
        d.start()
        for key, ident in add_all(d, kill_after=kill_after).items():
            eq(known.setdefault(key, ident), ident, "id of %s over the restarts" % key)
    d.start()
    show_all(d, known)


def test_acknowledged_changes_survive():
    d = daemon(brand=True).start()
    w = d.wire()
    ids = [w.ok("ADD", {"accounts": ["brand"], "text": "t%d" % i, "at": "2035-03-01 09:00", "key": "k%d" % i}).body["id"] for i in range(4)]
    w.ok("EDIT %s" % ids[0], {"text": "edited"})
    w.ok("MOVE %s" % ids[1], {"at": "2035-04-01 10:00"})
    w.ok("CANCEL %s" % ids[2])
    w.ok("HOLD %s.1" % ids[3], {"reason": "legal"})
    w.ok("HOLD", {"account": "brand", "reason": "storm"})
    d.kill9()
    d.start()
    eq(d.show(ids[0])["parts"][0]["text"], "edited")
    eq(d.target(ids[1])["local"][:16], "2035-04-01T10:00")
    eq([d.target(i)["state"] for i in ids], ["queued", "queued", "cancelled", "held"], "states")
    eq([g["name"] for g in d.status()["gates"]], ["account:brand"], "gates")


if __name__ == "__main__":
    smmqtest.main(globals())
