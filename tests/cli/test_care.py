"""Looking after the store: check, verify and backup, on a whole store and on damaged ones."""
import json
import os
import signal
import time

import smmqtest
from servers import Webhook
from smmqtest import check, daemon, eq, until
from stores import store_dump, store_load


def busy_daemon():
    d = daemon(brand=True, notes=True).start()
    for i in range(20):
        ident = d.add("brand", "post %d" % i, "--now" if i % 2 else "--at=+1h", "--label", "l%d" % (i % 3))
        if i % 2:
            d.wait_state(ident, "published")
    d.add("brand,notes", "draft", "--draft")
    d.add("notes", "held", "--at", "+1h", "--hold")
    d.run("cancel", "--label", "l2")
    return d


def rewrite(d, change):
    """Stops the daemon and lets change(pairs) alter the store's keys and values, in hex."""
    d.stop()
    dump = store_dump(d.state)
    store_load(d.state, change(dump))
    d.start()


def test_whole():
    d = busy_daemon()
    check("agree" in d.run("check"), "check of a whole store")
    check("whole" in d.run("verify"), "verify of a whole journal")
    d.restart()
    d.run("check")
    d.run("verify")


def test_journal_changed():
    d = busy_daemon()

    def change(pairs):
        at = [i for i, (k, _) in enumerate(pairs) if k.startswith("4a")][7]
        key, value = pairs[at]
        pairs[at] = (key, value[:-2] + ("00" if value[-2:] != "00" else "01"))
        return pairs
    rewrite(d, change)
    rc, out, _ = d.client("verify")
    eq(rc, 1, "exit status of verify: %s" % out)
    check("breaks" in out, "the break is named:", out)


def test_journal_entry_removed():
    d = busy_daemon()
    rewrite(d, lambda pairs: [p for i, p in enumerate(pairs) if i != [j for j, q in enumerate(pairs) if q[0].startswith("4a")][5]])
    rc, out, _ = d.client("verify")
    eq(rc, 1, "exit status of verify: %s" % out)
    check("missing" in out, "the gap is named:", out)


def test_index_entry_lost():
    d = busy_daemon()
    rewrite(d, lambda pairs: [p for i, p in enumerate(pairs) if i != [j for j, q in enumerate(pairs) if q[0].startswith("44")][0]])
    rc, out, _ = d.client("check")
    eq(rc, 1, "exit status of check: %s" % out)
    check("missing from the index" in out, "the damage is named:", out)


def test_backup_while_working():
    d = busy_daemon()
    place = os.path.join(d.dir, "copy")
    eq(d.run("backup", place).strip(), place)
    d.fails(65, "backup", place)
    other = daemon(brand=True, notes=True)
    os.rmdir(other.state)
    os.rename(place, other.state)
    other.start()
    eq([g["name"] for g in other.status()["gates"]], ["restored"], "gates on a copy")
    other.run("check")
    other.run("verify")
    eq({k: other.status()[k] for k in ("queued", "published", "draft", "held")},
       {k: d.status()[k] for k in ("queued", "published", "draft", "held")}, "counts of the copy")
    other.run("release", "--gate", "restored")
    eq(other.status()["gates"], [])


def fill(d, body, window=50):
    """Adds until the store refuses: (ids, the refusal)."""
    w, ids, waiting = d.wire(), [], 0
    while True:
        while waiting < window:
            w.send("ADD " + json.dumps(body(len(ids) + waiting)))
            waiting += 1
        answer = w.read()
        waiting -= 1
        if not answer.ok:
            for _ in range(waiting):
                w.read()
            return ids, answer
        ids.append(answer.body["id"])


def test_a_full_map_grows_without_a_restart():
    d = daemon(brand=True)
    d.configure(MapSize="16M")
    d.start()

    def far(i):
        return {"accounts": ["brand"], "text": "x" * 20000, "at": "2035-03-01 09:00"}
    ids, refusal = fill(d, far)
    check(len(ids) > 200, "what a small map takes:", len(ids))
    eq(refusal.code, "no_space")
    for word in ("MapSize=", "reload"):
        check(word in refusal.body["message"], "what to do:", refusal.body["message"])
    check(d.status()["store"]["low"], "STATUS says it")
    d.run("check")
    d.configure(MapSize="64M")
    d.run("reload")
    eq(d.status()["store"]["map_bytes"], 64 << 20)
    more, _ = fill(d, far)
    check(len(more) > len(ids), "what the larger one takes:", len(more))
    d.configure(MapSize="16M")
    error = d.fails(78, "reload")
    check("MapSize=" in error and "in use" in error, "why:", error)
    eq(d.status()["store"]["map_bytes"], 64 << 20)
    since = len(d.logs())
    d.restart()
    check(any("MapSize=" in line for line in d.loud(since)), "a store that is larger than it may be says so:", d.loud(since))
    eq(d.status()["queued"], len(ids) + len(more))
    d.fails(75, "add", "-a", "brand", "--at", "+1h", "one more")
    d.run("cancel", ids[0])
    d.configure(MapSize="128M")
    d.process.send_signal(signal.SIGHUP)
    until(lambda: d.status()["store"]["map_bytes"] == 128 << 20, "SIGHUP does it too")
    d.run("add", "-a", "brand", "--at", "+1h", "one more")
    d.run("check")


def test_what_was_accepted_ends_in_a_full_store():
    hook = Webhook(*[500] * 40)
    d = daemon(brand=True).account("hook", "webhook", credential="signing", BaseURL="http://127.0.0.1:%d/in" % hook.port)
    d.configure(MapSize="16M")
    d.start()
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 20))
    ids, refusal = fill(d, lambda i: {"accounts": ["brand", "hook"] if i % 20 == 0 else ["brand"], "text": "post %d" % i, "at": at})
    eq(refusal.code, "no_space")
    before = d.status()
    targets = before["queued"] + before["published"] + before["sending"]
    check(targets >= len(ids) > 1000, "accepted:", len(ids), targets)
    until(lambda: d.status()["published"] == targets, "all of them end: %r" % d.status(), 240, 1)
    after = d.status()["store"]
    print("# %d targets; used before %d, after %d of %d bytes" % (targets, before["store"]["used_bytes"], after["used_bytes"],
                                                                 after["map_bytes"]))
    check("could not be stored" not in d.logs(), "no step found the store full")
    eq(len(os.listdir(os.path.join(d.outbox, "brand"))), len(ids), "files")
    d.run("check")
    d.run("verify")


if __name__ == "__main__":
    smmqtest.main(globals())
