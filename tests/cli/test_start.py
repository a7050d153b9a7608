#!/usr/bin/env python3
"""Starting where something is wrong: one clear line that names the file, option or account, and nothing is fired wrongly."""
import glob
import os
import shutil
import subprocess
import time

import pictures
import smmqtest
from servers import faketime
from smmqtest import Daemon, check, close_later, daemon, eq, need, skip, until
from stores import store_dump, store_load


def fired(d):
    return sorted(os.path.basename(p) for p in glob.glob(os.path.join(d.outbox, "*", "*.json")))


def names(line, *words):
    for word in words:
        check(str(word).lower() in line.lower(), "the line does not name %r:" % word, line)


# ---- two daemons, two stores

def test_second_daemon_on_the_same_directory():
    d = daemon(brand=True).start()
    post = d.add("brand", "mine", "--at", "+1h")
    second = daemon(brand=True)
    second.configure(StateDirectory=d.state)
    _, line = second.run_to_end()
    names(line, d.state)
    eq(d.target(post)["state"], "queued", "the first one goes on")
    third = daemon(brand=True)
    third.configure(Socket=d.socket)
    _, line = third.run_to_end()
    names(line, d.socket)
    check(d.wire().ask("HELLO").ok, "the first one still has its socket")


def copy_of(d):
    """A daemon on a copy of d's state, with the same accounts and an outbox of its own."""
    other = Daemon()
    smmqtest._daemons.append(other)
    other.account("brand")
    shutil.rmtree(other.state)
    subprocess.run(["cp", "-a", d.state, other.state], check=True)
    return other


def test_store_copied_to_another_place():
    d = daemon(brand=True).start()
    soon = d.add("brand", "soon", "--at", "+4s")
    later = d.add("brand", "later", "--at", "+1h")
    d.stop()
    other = copy_of(d).start()
    time.sleep(6)
    eq(fired(other), [], "what the copy fired")
    eq([g["name"] for g in other.status()["gates"]], ["restored"], "gates of the copy")
    eq(other.target(soon)["state"], "queued", "state in the copy")
    eq(other.target(soon)["gate"], "restored", "the item says what keeps it")
    other.one_line("restored")
    names(other.loud()[0], "release")
    d.start()
    d.wait_state(soon, "published")
    eq(d.status()["gates"], [], "gates of the original")
    other.restart()
    eq([g["name"] for g in other.status()["gates"]], ["restored"], "the gate survives a restart")
    other.run("release", "--gate", "restored")
    other.wait_state(soon, "published")
    eq(other.target(later)["state"], "queued")
    since = len(other.logs())
    other.restart()
    eq(other.status()["gates"], [], "gates once a person has released it")
    eq(other.loud(since), [], "loud lines at the next start")


def test_store_that_was_only_renamed_is_no_copy():
    d = daemon(brand=True).start()
    post = d.add("brand", "x", "--at", "+1h")
    d.stop()
    since = len(d.logs())
    os.rename(d.state, d.state + "2")
    d.state += "2"
    d.configure(StateDirectory=d.state)
    d.start()
    eq(d.status()["gates"], [], "gates")
    eq(d.loud(since), [], "loud lines")
    eq((d.target(post)["state"], d.target(post)["gate"]), ("queued", None))


# ---- the clock

def shifted(shift):
    d = daemon(brand=True).start()
    past = d.wait_state(d.add("brand", "before", "--now"), "published")
    post = d.add("brand", "in half an hour", "--at", "+30min")
    due = d.target(post)["due_ms"]
    d.stop()
    since = len(d.logs())
    d.start(env=faketime(shift))
    time.sleep(4)
    return d, past, post, due, since


def test_clock_an_hour_fast_at_start():
    d, past, post, due, since = shifted("+1h")
    check(d.alive(), "the daemon runs on")
    eq(len(fired(d)), 1, "files in the outbox: the item of half past must not fire an hour early")
    eq(d.target(post)["state"], "queued")
    d.one_line("clock", since=since)
    eq(d.target(post)["gate"], "clock", "the item says what keeps it")
    d.stop()
    d.start()
    eq(d.target(post)["due_ms"], due, "due")
    eq(d.target(post)["state"], "queued")
    eq(len(fired(d)), 1, "files in the outbox")


def test_clock_an_hour_slow_at_start():
    d, past, post, due, since = shifted("-1h")
    check(d.alive(), "the daemon runs on")
    eq(len(fired(d)), 1, "files in the outbox")
    d.one_line("clock", since=since)
    eq(d.target(post)["due_ms"], due, "due")
    d.stop()
    d.start()
    eq(d.target(post)["state"], "queued")
    soon = d.add("brand", "soon", "--at", "+1s")
    d.wire().ask("RELEASE", {"gate": "clock"})
    d.wait_state(soon, "published")


# ---- configuration

def test_bad_configuration_names_file_and_line():
    cases = [
        ("smmqd.conf", "[Daemon]\nStateDirectory={state}\n\n# a comment\nSoket=/x\n", 5, "Soket"),
        ("smmqd.conf", "[Daemon]\nStateDirectory={state}\nSocket={socket}\nMapSize=64Q\n", 4, "MapSize"),
        ("smmqd.conf", "[Deamon]\nStateDirectory={state}\n", 1, "Deamon"),
        ("smmqd.conf", "[Daemon]\nStateDirectory={state}\nLogLevel\n", 3, "LogLevel"),
        ("smmqd.conf", "[Daemon]\nStateDirectory={state}\nStateDirectory={state}\n", 3, "StateDirectory"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=outbox\n# x\nDirectory={dir}\nTimeZone=Mars/Olympus\n", 5, "Mars/Olympus"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=outbax\nDirectory={dir}\n", 2, "outbax"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=outbox\nDirectory={dir}\nMaxLate=12\n", 4, "MaxLate"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=mastodon\nBaseURL=ftp://x\nCredential=x\n", 3, "BaseURL"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=outbox\n", None, "Directory"),
        ("accounts.d/brand.conf", "[Account]\nPlatform=outbox\nDirectory={dir}/absent\n", None, "absent"),
    ]
    for name, text, number, word in cases:
        d = daemon(brand=True)
        path = os.path.join(d.dir, name)
        with open(path, "w") as f:
            f.write(text.format(state=d.state, socket=d.socket, dir=d.dir))
        rc, line = d.run_to_end()
        eq(rc, 78, "exit status for %r" % text)
        names(line, path + (":%d:" % number if number else ""), word)
        p = subprocess.run([smmqtest.SMMQD, "--check", "-c", d.conf], capture_output=True, text=True)
        eq(p.returncode, 78, "exit status of --check")
        names(p.stderr + p.stdout, path, word)


def test_configuration_that_is_not_there():
    d = daemon(brand=True)
    os.unlink(d.conf)
    rc, line = d.run_to_end()
    eq(rc, 78)
    names(line, d.conf)


def test_check_of_a_good_configuration():
    d = daemon(brand=True)
    p = subprocess.run([smmqtest.SMMQD, "--check", "-c", d.conf], capture_output=True, text=True)
    eq(p.returncode, 0, "exit status of --check: %s" % p.stderr)
    eq(os.listdir(d.state), [], "--check leaves the state directory alone")


def test_credential_file_that_others_can_read():
    d = daemon().account("social", "mastodon", BaseURL="http://127.0.0.1:9", credential="very-secret-token")
    os.chmod(os.path.join(d.dir, "credential.social"), 0o644)
    rc, line = d.run_to_end()
    eq(rc, 78)
    names(line, "credential.social", "0600")
    check("very-secret-token" not in d.logs(), "the secret is not told")


def test_bad_reload_changes_nothing():
    d = daemon(brand=True).start()
    d.account("second", Nonsense="1")
    message = d.fails(78, "reload")
    names(message, "second.conf:", "Nonsense")
    d.fails(67, "add", "-a", "second", "--at", "+1h", "x")
    d.add("brand", "x", "--at", "+1h")
    d.account("second")
    d.run("reload")
    d.add("second", "x", "--at", "+1h")


def test_account_that_disappears_while_items_wait():
    d = daemon(brand=True, other=True).start()
    post = d.add("brand", "waiting", "--at", "+2s")
    os.unlink(os.path.join(d.dir, "accounts.d", "brand.conf"))
    message = d.fails(78, "reload")
    names(message, "brand")
    d.stop()
    since = len(d.logs())
    d.start()
    time.sleep(3)
    shown = d.target(post)
    check(shown["state"] in ("held", "queued"), "the item waits:", shown["state"])
    check(shown["reason"] or shown["gate"], "and says why")
    d.one_line("brand", since=since)
    eq(fired(d), [], "fired")
    # A release would erase the reason and let nothing go.
    names(d.fails(65, "release", "--account", "brand"), "accounts.d/brand.conf", "smmq cancel --account brand")
    names(d.run("status"), "accounts.d/brand.conf")
    # It is back, and its item became due meanwhile: somebody looks first.
    later = None
    d.account("brand")
    for restart in (False, True):
        if restart:
            d.stop()
            d.start()
        else:
            d.run("reload")
        time.sleep(0.5)
        a = d.account_status("brand")
        eq(a["state"], "paused")
        names(a["reason"], "not configured for a while", "smmq release --account brand")
        eq(fired(d), [], "fired")
        later = later or d.add("brand", "later", "--at", "+1h")
    d.run("release", "--account", "brand")
    d.wait_state(post, "published")
    # Where nothing became due meanwhile there is nothing to ask.
    os.unlink(os.path.join(d.dir, "accounts.d", "brand.conf"))
    d.stop()
    d.start()
    eq(d.account_status("brand")["state"], "gone")
    d.account("brand")
    d.run("reload")
    eq(d.account_status("brand")["state"], "ready")
    eq(d.target(later)["state"], "queued")


# ---- directories and disks

def test_missing_state_directory():
    d = daemon(brand=True)
    d.configure(StateDirectory=os.path.join(d.dir, "no", "such"))
    _, line = d.run_to_end()
    names(line, os.path.join(d.dir, "no", "such"))


def test_missing_socket_directory():
    d = daemon(brand=True)
    d.configure(Socket=os.path.join(d.dir, "nowhere", "sock"))
    _, line = d.run_to_end()
    names(line, os.path.join(d.dir, "nowhere"))


def test_state_directory_that_is_a_file():
    d = daemon(brand=True)
    d.configure(StateDirectory=d.conf)
    _, line = d.run_to_end()
    names(line, d.conf)


def test_socket_left_over_by_a_dead_daemon():
    d = daemon(brand=True).start()
    d.kill9()
    check(os.path.exists(d.socket), "the dead daemon's socket is there")
    d.start()


def store_file(d):
    found = glob.glob(os.path.join(d.state, "**", "*.mdb"), recursive=True)
    found = [f for f in found if not f.endswith("lock.mdb")]
    eq(len(found), 1, "files of the store in %s" % d.state)
    return found[0]


def test_store_of_a_newer_format():
    need("mdb_dump", "mdb_load")
    d = daemon(brand=True).start()
    d.add("brand", "kept", "--at", "+1h")
    d.stop()
    pairs = store_dump(d.state)
    eq([bytes.fromhex(k) for k, _ in pairs].count(b"Mformat"), 1, "records that hold the format")
    store_load(d.state, [(k, b"999".hex() if bytes.fromhex(k) == b"Mformat" else v) for k, v in pairs])
    _, line = d.run_to_end()
    names(line, d.state, "format", "999")


def test_store_that_is_damaged():
    d = daemon(brand=True).start()
    d.stop()
    with open(store_file(d), "r+b") as f:
        f.write(b"this is not a store at all" * 1000)
    _, line = d.run_to_end()
    names(line, d.state)


def small_disk(d, size):
    """Puts the state directory on a disk of this size."""
    if os.geteuid() != 0:
        skip("mounting a small disk needs root")
    p = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%s,mode=700" % size, "smmq-test", d.state], capture_output=True, text=True)
    if p.returncode:
        skip("cannot mount a tmpfs here: %s" % p.stderr.strip())
    close_later(lambda: subprocess.run(["umount", "-l", d.state], check=True))


def fill(path):
    with open(path, "wb", buffering=0) as f:
        size = 1 << 20
        while size:
            try:
                if f.write(bytes(size)) < size:
                    size //= 2
            except OSError:
                size //= 2


def test_full_disk_at_start():
    d = daemon(brand=True)
    small_disk(d, "4M")
    fill(os.path.join(d.state, "ballast"))
    _, line = d.run_to_end()
    names(line, d.state, "space")
    os.unlink(os.path.join(d.state, "ballast"))


def test_a_disk_that_others_fill_keeps_nothing_accepted_from_its_end():
    """The room for finishing is the store's own, held on the disk: also after a restart on the full disk."""
    d = daemon(brand=True)
    d.account("brand", CatchUp="0")
    small_disk(d, "64M")
    d.start()
    w = d.wire()
    ids = [w.ok("ADD", {"accounts": ["brand"], "text": "post %d " % i + "x" * 500, "at": "+8s"}).body["id"] for i in range(400)]
    fill(os.path.join(d.state, "ballast"))
    for _ in range(2000):
        a = w.ask("ADD", {"accounts": ["brand"], "text": "x" * 20000, "at": "2035-01-01 09:00"})
        if not a.ok:
            break
    eq(a.code, "no_space", "new ones, after some: %r" % a)
    d.kill9()
    d.start()
    until(lambda: d.status()["published"] == len(ids), "all are published: %r" % d.status(), 90)
    d.run("check")
    d.run("verify")
    d.stop()
    d.start()
    eq(d.status()["published"], len(ids))


def test_disk_that_fills_up_while_running():
    d = daemon(brand=True)
    small_disk(d, "32M")
    ballast = os.path.join(d.state, "ballast")
    with open(ballast, "wb") as f:
        f.write(bytes(4 << 20))
    d.start()
    w = d.wire()
    kept, refused = [], None
    for i in range(2000):
        a = w.ask("ADD", {"accounts": ["brand"], "text": "x" * 20000, "at": "2035-01-01 09:00", "key": "k%d" % i})
        if not a.ok:
            refused = a
            break
        kept.append(a.body["id"])
    check(refused, "two thousand posts of 20 kB fit on 32 MB")
    eq(refused.code, "no_space", "refusal: %r" % refused)
    check(refused.body["retryable"] and refused.body["safe_to_retry"], "it may be sent again:", refused)
    a = w.put("big.png", pictures.png(1200, 1200, random=True))
    check(a is not None and a.code == "no_space", "PUT on a full disk:", a)
    check(w.ask("HELLO").ok, "the connection of the refused PUT goes on")
    check(d.alive(), "the daemon runs on")
    w = d.wire()
    for ident in kept:
        check(w.ask("SHOW %s" % ident).ok, "an accepted item is gone:", ident)
    os.unlink(ballast)
    until(lambda: w.ask("ADD", {"accounts": ["brand"], "text": "again", "at": "2035-01-01 09:00"}).ok, "there is room again")
    d.kill9()
    d.start()
    w = d.wire()
    for ident in kept:
        check(w.ask("SHOW %s" % ident).ok, "an accepted item is gone after a restart:", ident)


# ---- platforms

def test_unreachable_platform():
    d = daemon(brand=True).account("social", "mastodon", BaseURL="http://127.0.0.1:9", credential="t").start()
    post = d.add("social", "patience", "--now")
    until(lambda: d.target(post)["reason"], "the item says why it waits")
    shown = d.target(post)
    eq(shown["state"], "queued", "state")
    names(shown["reason"], "127.0.0.1")
    other = d.add("brand", "not held up", "--now")
    d.wait_state(other, "published")
    lines = [line for line in d.loud() if "social" in line]
    eq(len(lines), 1, "clear lines about the account: %r" % lines)


if __name__ == "__main__":
    smmqtest.main(globals())
