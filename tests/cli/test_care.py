"""Looking after the store: check, verify and backup, on a whole store and on damaged ones."""
import os

import smmqtest
from smmqtest import check, daemon, eq
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


if __name__ == "__main__":
    smmqtest.main(globals())
