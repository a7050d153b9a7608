#!/usr/bin/env python3
"""A store that went back behind what was published: a copy restored in its place, and a snapshot that takes everything along that
could tell. Nothing stands twice afterwards, nothing is lost, and no id is handed out again."""
import os
import shutil
import time

import pictures
import smmqtest
from servers import Bluesky, Mastodon, Webhook
from smmqtest import check, daemon, eq, until


class Masto:
    """The simulator, with its idempotency switched off: only looking can tell."""

    def __init__(self):
        self.sim = Mastodon()
        self.sim.set(ignore_key=1)

    def account(self, d, name):
        d.account(name, "mastodon", credential="test-token", BaseURL="http://127.0.0.1:%d" % self.sim.port)

    def texts(self):
        return sorted(s["text"] for s in self.sim.statuses())


class Bsky:
    HANDLE = "tulips.test"

    def __init__(self):
        self.pds = Bluesky()
        self.did = self.pds.account(self.HANDLE)

    def account(self, d, name):
        d.account(name, "bluesky", BaseURL="http://127.0.0.1:%d" % self.pds.port,
                  credential={"identifier": self.HANDLE, "password": "password of " + self.HANDLE})

    def texts(self):
        return sorted(p["value"]["text"] for p in self.pds.posts(self.did))


def snapshot(d):
    """The state directory as a snapshot of the machine takes it, the daemon killed for a moment: with the instance file."""
    d.kill9()
    place = os.path.join(d.dir, "snapshot")
    shutil.copytree(d.state, place, ignore=shutil.ignore_patterns("lock*"))
    d.start()
    return place


def put_back(d, place):
    """Into the same files, as a file system that goes back does it: inode, instance and number of starts agree."""
    d.kill9()
    for root, _, names in os.walk(place):
        for name in names:
            source = os.path.join(root, name)
            with open(source, "rb") as f, open(os.path.join(d.state, os.path.relpath(source, place)), "r+b") as to:
                to.truncate()
                shutil.copyfileobj(f, to)
    with open(os.path.join(d.state, "instance")) as f:
        ident, starts = f.read().split()
    return ident, int(starts)


def settled(d, count):
    until(lambda: d.status()["published"] == count, "%d published: %r" % (count, d.status()), 60)


def snapshot_of(place):
    d = daemon()
    place.account(d, "brand")
    d.start()
    d.wait_state(d.add("brand", "before the snapshot", "--now"), "published")
    ids = [d.add("brand", "late %d" % i, "--at", "+6s") for i in range(3)]
    with open(os.path.join(d.dir, "thread"), "w") as f:
        f.write("one\n---\ntwo\n---\nthree\n")
    ids.append(d.run("add", "-a", "brand", "--at", "+6s", "--thread", f.name))
    later = d.add("brand", "due after it", "--at", "+12s")
    copy = snapshot(d)
    for ident in ids:
        d.wait_state(ident, "published", 60)
    had = place.texts()
    put_back(d, copy)
    d.start()
    eq(d.status()["gates"], [], "gates: nothing tells a snapshot")
    for ident in ids:
        shown = d.wait_state(ident, "published", 60)
        check("found" in (shown["reason"] or ""), "it was found:", shown)
    d.wait_state(later, "published", 60)
    eq(place.texts(), sorted(had + (["due after it"] if "due after it" not in had else [])), "what stands on the platform")
    d.run("check")
    d.run("verify")


def test_snapshot_mastodon():
    snapshot_of(Masto())


def test_snapshot_bluesky():
    snapshot_of(Bsky())


def picture(d, name):
    path = os.path.join(d.dir, name)
    with open(path, "wb") as f:
        f.write(pictures.png(8, 6))
    return path


def test_the_same_text_again_is_not_taken_for_the_one_before():
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    d.wait_state(d.add("brand", "Good morning", "--now"), "published")
    again = d.add("brand", "Good morning", "--at", "+2s")
    another = d.add("brand", "Good morning", "--at", "+2s")
    d.kill9()
    time.sleep(3)
    d.start()
    for ident in (again, another):
        d.wait_state(ident, "published", 60)
    eq(place.texts(), ["Good morning"] * 3, "what stands on the platform")


def restored(d, *posts, in_place=True):
    """Takes a backup, lets the posts go out, and puts the backup in the place of the store, as a person does: by cp, which writes into
    the same file, or by a new file."""
    copy = os.path.join(d.dir, "copy")
    d.run("backup", copy)
    for ident in posts:
        d.wait_state(ident, "published", 60)
    d.stop()
    if not in_place:
        os.unlink(os.path.join(d.state, "data.mdb"))
    shutil.copy(os.path.join(copy, "data.mdb"), d.state)
    return d


def log_of(d, event):
    return [e for e in d.wire().ok("LOG", {"limit": 1000}).data if e["event"] == event]


def test_backup_in_its_place_settles_itself():
    for in_place in (True, False):
        backup_settles_itself(in_place)


def backup_settles_itself(in_place):
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    d.wait_state(d.add("brand", "before", "--now"), "published")
    first = d.add("brand", "in the copy", "--at", "+4s")
    shot = d.add("brand", "", "--at", "+4s", "-m", picture(d, "a.png"), "--alt", "Red tulips")
    later = d.add("brand", "far", "--at", "+1h")
    restored(d, first, shot, in_place=in_place)
    place.sim.set(read_fail=2)
    since = len(d.logs())
    d.start()
    until(lambda: not d.status()["gates"], "the gate opens by itself", 90)
    for ident in (first, shot):
        eq(d.target(ident)["state"], "published")
    eq(d.target(later)["state"], "queued")
    eq(len(place.texts()), 3, "what stands on the platform")
    eq([e["reason"] for e in log_of(d, "ungate")], ["restored: looked for on the platforms: 2 found, 0 not there"])
    check(len(d.loud(since)) == 1 and "restored" in d.loud(since)[0], "one clear line:", d.loud(since))
    new = int(d.add("brand", "new", "--at", "+1h"))
    check(new > int(later) + 900000, "ids jump:", new, later)
    d.run("check")
    d.run("verify")


def test_what_cannot_be_told_waits_for_a_person():
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    twins = [d.add("brand", "Good morning", "--at", "+4s") for _ in range(2)]
    restored(d, *twins)
    d.start()
    reason = until(lambda: next((g["reason"] for g in d.status()["gates"] if "cannot be told" in g["reason"]), None), "the gate says so", 60)
    for ident in twins:
        check("%s.1" % ident in reason, "the gate names %s:" % ident, reason)
        eq(d.target(ident)["state"], "unknown")
        check("smmq resolve" in d.target(ident)["reason"], "the item says what to do:", d.target(ident)["reason"])
    for ident in twins:
        d.run("resolve", "%s.1" % ident, "--published", "https://social.example/@acme/1")
    until(lambda: not d.status()["gates"], "the gate opens by itself", 60)
    eq(place.texts(), ["Good morning"] * 2, "what stands on the platform")


def test_of_twins_one_was_published():
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    twins = [d.add("brand", "Good morning", "--at", at) for at in ("+4s", "+8s")]
    restored(d, twins[0])
    time.sleep(8)
    d.start()
    until(lambda: not d.status()["gates"], "the gate opens by itself", 60)
    for ident in twins:
        d.wait_state(ident, "published", 60)
    eq(place.texts(), ["Good morning"] * 2, "what stands on the platform")
    eq(len({d.target(t)["remote_id"] for t in twins}), 2, "each shows its own")
    d.run("check")


def test_a_person_tells_of_a_part_and_the_next_one_is_found():
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    with open(os.path.join(d.dir, "thread"), "w") as f:
        f.write("one\n---\ntwo\n")
    twins = [d.run("add", "-a", "brand", "--at", "+4s", "--thread", f.name) for _ in range(2)]
    restored(d, *twins)
    d.start()
    until(lambda: d.status()["gates"] and "cannot be told" in d.status()["gates"][0]["reason"], "the gate says so", 60)
    firsts = [s["id"] for s in place.sim.statuses() if s["text"] == "one"]
    for ident, first in zip(twins, firsts):
        d.wire().ok("RESOLVE %s.1" % ident, {"as": "published", "url": "https://social.example/%s" % first, "remote_id": str(first)})
        d.wait_state(ident, "published", 60)
    eq(place.texts(), ["one", "one", "two", "two"], "what stands on the platform")


def test_files_that_may_have_been_taken_wait_for_a_person():
    d = daemon(notes=True).start()
    ident = d.add("notes", "a file", "--at", "+3s")
    restored(d, ident)
    for name in os.listdir(os.path.join(d.outbox, "notes")):
        os.unlink(os.path.join(d.outbox, "notes", name))
    d.start()
    reason = until(lambda: next((g["reason"] for g in d.status()["gates"] if "cannot be asked" in g["reason"]), None), "the gate says so", 60)
    check("%s.1" % ident in reason and "release" in reason, "what waits, and what to do:", reason)
    d.run("cancel", ident)
    d.run("release", "--gate", "restored")
    eq(os.listdir(os.path.join(d.outbox, "notes")), [], "files written again")


def test_a_webhook_gets_the_same_key_again():
    hook = Webhook()
    d = daemon().account("hook", "webhook", credential="signing", BaseURL="http://127.0.0.1:%d/in" % hook.port)
    d.start()
    ident = d.add("hook", "hello", "--at", "+3s")
    restored(d, ident)
    d.start()
    d.wait_state(ident, "published", 60)
    eq(d.status()["gates"], [])
    keys = [headers["idempotency-key"] for _, headers, _ in hook.requests]
    check(len(keys) == 2 and keys[0] == keys[1], "the key that the receiver knows:", keys)


def test_a_copy_beside_its_original_stays_closed():
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    d.add("brand", "far", "--at", "+1h")
    other = daemon()
    place.account(other, "brand")
    os.rmdir(other.state)
    d.run("backup", other.state)
    other.start()
    reason = until(lambda: next((g["reason"] for g in other.status()["gates"] if "not there. Make sure" in g["reason"]), None), "looked for", 60)
    check("smmq release --gate restored" in reason, "what to do:", reason)


def test_an_old_data_file_beside_a_newer_log():
    """A plain copy from an earlier clean end, put back by cp after a kill: same inode, and the log of the later life beside it."""
    place = Masto()
    d = daemon()
    place.account(d, "brand")
    d.start()
    ident = d.add("brand", "hello", "--at", "+5s")
    d.stop()
    shutil.copy(os.path.join(d.state, "data.mdb"), d.dir)
    shutil.copy(os.path.join(d.state, "instance"), d.dir)
    d.start()
    d.wait_state(ident, "published", 60)
    d.kill9()
    for name in ("data.mdb", "instance"):
        shutil.copy(os.path.join(d.dir, name), d.state)
    since = len(d.logs())
    d.start()
    until(lambda: not d.status()["gates"], "the gate opens by itself", 60)
    check(any("later state" in line for line in d.loud(since)), "it says why:", d.loud(since))
    eq(d.target(ident)["state"], "published")
    eq(place.texts(), ["hello"], "what stands on the platform")


def test_a_store_that_is_not_whole_is_refused():
    """Each with 74 and one line that names the file and what to do; nothing begins anew in silence."""
    d = daemon(notes=True).start()
    ident = d.add("notes", "x" * 3000, "--at", "+1h")
    d.stop()
    data, kept = os.path.join(d.state, "data.mdb"), os.path.join(d.dir, "kept.mdb")
    shutil.copy(data, kept)

    def refused(*words):
        rc, text = d.run_to_end()
        eq(rc, 74, "exit status: %s" % text)
        for word in words:
            check(word in text, "the message lacks %s:" % word, text)

    os.truncate(data, os.path.getsize(data) // 2)
    refused("data.mdb is cut short", "smmq backup")
    os.truncate(data, 0)
    refused("data.mdb is missing or empty", "remove wal.0")
    os.unlink(data)
    refused("data.mdb is missing or empty", "smmq backup")
    shutil.copy(kept, data)
    d.start()
    eq(d.target(ident)["state"], "queued")


if __name__ == "__main__":
    smmqtest.main(globals())
