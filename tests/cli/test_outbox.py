#!/usr/bin/env python3
"""The client and the two local platforms: every command, what it prints and how it ends."""
import glob
import hashlib
import hmac
import json
import os
import subprocess
import time

import pictures
import smmqtest
from servers import Webhook
from smmqtest import check, daemon, eq, until


def outbox(d, ident, account="brand"):
    with open(os.path.join(d.outbox, account, "%s.json" % (ident if "." in ident else ident + ".1")), encoding="utf-8") as f:
        return json.load(f)


def write(d, name, data):
    path = os.path.join(d.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


# ---- add

def test_add_forms():
    d = daemon(brand=True, notes=True).start()
    text = "Grüße \U0001F337\nzweite Zeile \"zitiert\" \\ Ende"
    ids = [
        d.add("brand", text, "--now"),
        d.run("add", "-a", "brand", "--now", "-", stdin=text + "\n"),
        d.run("add", "-a", "brand", "--now", stdin=text + "\n"),
        d.run("add", "-a", "brand", "--now", "-f", write(d, "text", text.encode() + b"\n")),
    ]
    for ident in ids:
        check(ident.isdigit(), "add prints the id alone:", ident)
        d.wait_state(ident, "published")
        post = outbox(d, ident)
        eq(post["parts"][0]["text"], text, "text of %s" % ident)
        eq((str(post["id"]), post["n"], post["account"]), (ident, 1, "brand"))
    with open(os.path.join(d.outbox, "brand", ids[0] + ".1.json"), "rb") as f:
        check("Grüße \U0001F337".encode() in f.read(), "raw UTF-8 in the file")
    both = d.add("brand,notes", "to both", "--now", "--text-for", "notes=for the notes")
    d.wait_state(both + ".2", "published")
    d.wait_state(both + ".1", "published")
    eq(outbox(d, both + ".1")["parts"][0]["text"], "to both")
    eq(outbox(d, both + ".2", "notes")["parts"][0]["text"], "for the notes")
    thread = d.run("add", "-a", "brand", "--now", "--thread", write(d, "thread", b"one\n---\ntwo\n"), "--first-comment", "a comment")
    d.wait_state(thread, "published")
    eq([p["text"] for p in outbox(d, thread)["parts"]], ["one", "two", "a comment"])
    left = [n for n in os.listdir(os.path.join(d.outbox, "brand")) if n.startswith(".")]
    eq(left, [], "temporary files left over")


def test_add_with_media():
    d = daemon(brand=True).start()
    png, jpeg = write(d, "a.png", pictures.png()), write(d, "name with blanks.jpg", pictures.JPEG)
    ident = d.add("brand", "two pictures", "--now", "-m", png, "--alt", "eins", "-m", jpeg)
    d.wait_state(ident, "published")
    media = outbox(d, ident)["parts"][0]["media"]
    eq([(m["sha256"], m["mime"], m["alt"]) for m in media], [
        (hashlib.sha256(pictures.png()).hexdigest(), "image/png", "eins"), (hashlib.sha256(pictures.JPEG).hexdigest(), "image/jpeg", "")])
    for m, data in zip(media, (pictures.png(), pictures.JPEG)):
        with open(os.path.join(d.outbox, "brand", m["file"]), "rb") as f:
            eq(f.read(), data, "content of " + m["file"])
    only = d.run("add", "-a", "brand", "--now", "-m", png, "")
    d.wait_state(only, "published")
    d.fails(65, "add", "-a", "brand", "--now", "-m", os.path.join(d.dir, "absent.png"), "x")
    d.configure(MediaMax="1K")
    d.restart()
    message = d.fails(65, "add", "-a", "brand", "--now", "-m", write(d, "big.png", pictures.png(40, 40, random=True)), "x")
    check("1" in message and "big.png" in message, "the message names file and limit:", message)


def test_times():
    d = daemon(brand=True).start()
    for text, local in (("2035-06-01 09:00", "2035-06-01T09:00:00+02:00"), ("2035-12-01 9:00", "2035-12-01T09:00:00+01:00"),
                        ("2035-12-01T09:00:00Z", "2035-12-01T10:00:00+01:00"), ("2035-12-01 09:00 America/New_York", None)):
        rc, out, err = d.client("add", "-a", "brand", "--at", text, "x")
        eq(rc, 0, "add --at %s: %s" % (text, err))
        shown = d.target(out.strip())
        if local:
            eq(shown["local"], local, "local of " + text)
        check("2035" in err and "Z" in err, "the resolved local and UTC time is echoed:", err)
        eq(shown["want"]["text"], text, "the want is kept as typed")
    eq(d.target(d.add("brand", "x", "--at", "2035-12-01 09:00 America/New_York"))["due"], "2035-12-01T14:00:00Z")
    for text, low, high in (("+2h", 7195, 7205), ("+90s", 85, 95), ("tomorrow 9:00", 60, 48 * 3600), ("fri 9:00", 60, 8 * 86400)):
        wait = d.target(d.add("brand", "x", "--at", text))["due_ms"] / 1000 - time.time()
        check(low <= wait <= high, "%s is in s:" % text, wait)
    for text in ("1999-01-01 09:00", "whenever", "25:00", "+5m", "2035-02-30 09:00"):
        d.fails(65, "add", "-a", "brand", "--at", text, "x")
    late = d.add("brand", "x", "--at", "1999-01-01 09:00", "--past", "now")
    d.wait_state(late, "published")
    d.fails(65, "add", "-a", "brand", "x")


def test_key_and_lost_answers():
    d = daemon(brand=True).start()
    first = d.add("brand", "once", "--at", "2035-01-01 09:00", "--key", "k1")
    eq(d.add("brand", "once", "--at", "2035-01-01 09:00", "--key", "k1"), first, "id of the repeat")
    d.fails(65, "add", "-a", "brand", "--at", "2035-01-01 09:00", "--key", "k1", "other")
    eq(d.status()["queued"], 1, "queued")


def test_dry_run():
    d = daemon(brand=True).account("bsky", "bluesky", BaseURL="http://127.0.0.1:9", credential={"identifier": "a.test", "password": "p"})
    d.start()
    out = d.run("add", "-a", "brand,bsky", "--at", "+1h", "--dry-run", "Hello https://acme.example #tag")
    check("269" in out or "31" in out, "used or remaining characters:", out)
    line = json.loads(d.run("add", "-j", "-a", "bsky", "--at", "+1h", "--dry-run", "Hello https://acme.example #tag"))
    part = line["targets"][0]["parts"][0]
    eq((part["used"], part["limit"], part["remaining"], part["byte_limit"]), (31, 300, 269, 3000))
    eq([(f["kind"], f["start"], f["end"]) for f in part["facets"]], [("link", 6, 26), ("tag", 27, 31)], "facets")
    eq(line["ok"], True)
    eq(json.loads(d.client("add", "-j", "-a", "bsky", "--at", "+1h", "--dry-run", "x" * 301)[1].splitlines()[0])["ok"], False)
    eq(d.status()["queued"], 0, "queued by dry runs")


# ---- changes

def test_hold_release_edit_move_cancel():
    d = daemon(brand=True).start()
    held = d.add("brand", "held", "--now", "--hold")
    eq(d.target(held)["state"], "held")
    d.run("release", held)
    d.wait_state(held, "published")
    draft = d.add("brand", "draft", "--draft")
    eq(d.target(draft)["state"], "draft")
    d.fails(65, "release", draft)
    d.run("move", draft, "--now")
    d.run("release", draft)
    d.wait_state(draft, "published")
    post = d.add("brand", "first words", "--at", "+1h", "--label", "launch")
    d.run("edit", post, "better words")
    d.fails(65, "edit", post, "--if-rev", "1", "too late")
    d.run("move", post, "--at", "2035-05-01 12:00")
    shown = d.show(post)
    eq((shown["parts"][0]["text"], shown["label"], shown["targets"][0]["local"][:16]), ("better words", "launch", "2035-05-01T12:00"))
    d.run("hold", post, "--reason", "legal")
    eq((d.target(post)["state"], d.target(post)["reason"]), ("held", "legal"))
    d.run("release", post)
    d.run("cancel", post)
    eq(d.target(post)["state"], "cancelled")
    d.fails(65, "cancel", post)
    d.fails(65, "edit", held, "it is out already")
    d.fails(65, "retry", post)
    d.fails(65, "resolve", post + ".1", "--absent")
    d.fails(68, "cancel", "999999")
    d.fails(68, "show", "999999")
    d.fails(64, "show", "abc")
    d.fails(64, "nonsense")
    d.fails(64, "add", "--nonsense", "-a", "brand", "x")
    d.fails(67, "add", "-a", "nobody", "--now", "x")


def test_gates_keep_and_let_go():
    d = daemon(brand=True, notes=True).start()
    d.run("hold", "--account", "brand", "--reason", "storm")
    kept, free = d.add("brand", "kept", "--now"), d.add("notes", "free", "--now")
    d.wait_state(free, "published")
    eq((d.target(kept)["state"], d.target(kept)["gate"]), ("queued", "account:brand"))
    d.run("release", "--account", "brand")
    d.wait_state(kept, "published")
    d.run("hold", "ALL")
    kept = d.add("notes", "kept", "--now", "--label", "l")
    d.run("hold", "--label", "l")
    d.run("release", "ALL")
    time.sleep(1)
    eq((d.target(kept)["state"], d.target(kept)["gate"]), ("queued", "label:l"))
    d.run("release", "--label", "l")
    d.wait_state(kept, "published")
    d.fails(68, "release", "--label", "l")


def test_cancel_by_filter_and_from_stdin():
    d = daemon(brand=True, notes=True).start()
    ids = [d.add("brand", "x", "--at", "+1h", "--label", "a" if i % 2 else "b") for i in range(6)]
    other = d.add("notes", "y", "--at", "+1h")
    d.run("cancel", "--label", "a", "--dry-run")
    eq(d.status()["queued"], 7, "queued after a dry run")
    d.run("cancel", "--label", "a")
    eq(d.status()["queued"], 4)
    d.run("cancel", "-", stdin="%s\n%s\n" % (ids[0], ids[2]))
    eq(d.status()["queued"], 2)
    d.fails(64, "cancel")
    d.run("cancel", "ALL")
    eq((d.status()["queued"], d.target(other)["state"]), (0, "cancelled"))


def test_late_rules():
    d = daemon(brand=True).start()
    skip_it = d.add("brand", "skip", "--at", "+2s", "--late", "skip", "--max-late", "1s")
    hold_it = d.add("brand", "hold", "--at", "+2s", "--late", "hold", "--max-late", "1s")
    post_it = d.add("brand", "post", "--at", "+2s", "--late", "post", "--max-late", "1h")
    missed = d.add("brand", "post no more", "--at", "+2s", "--late", "post", "--max-late", "1s")
    next_day = d.add("brand", "tomorrow", "--at", "+2s", "--late", "next", "--max-late", "1s")
    was = d.target(next_day)["due_ms"]
    gone = d.add("brand", "expires", "--at", "+2s", "--expires", "+4s")
    d.stop()
    time.sleep(6)
    d.start()
    d.wait_state(skip_it, "missed")
    d.wait_state(hold_it, "held")
    d.wait_state(post_it, "published")
    d.wait_state(missed, "missed")
    d.wait_state(gone, "expired")
    until(lambda: d.target(next_day)["due_ms"] == was + 86400000, "it is moved by a day")
    eq(d.target(next_day)["state"], "queued")
    for ident in (skip_it, hold_it, gone):
        check(d.target(ident)["reason"], "the reason is told for", ident)


def test_directory_that_cannot_be_written():
    d = daemon(brand=True).start()
    place = os.path.join(d.outbox, "brand")
    os.rename(place, place + ".away")
    post = d.add("brand", "patience", "--now")
    until(lambda: d.target(post)["reason"], "the item says why it waits")
    check(place in d.target(post)["reason"], "the reason names the directory:", d.target(post)["reason"])
    os.rename(place + ".away", place)
    d.wait_state(post, "published", 60)


# ---- looking

def test_wait():
    d = daemon(brand=True).start()
    post = d.add("brand", "x", "--at", "+2s")
    eq(d.client("wait", post)[0], 0, "published")
    cancelled = d.add("brand", "x", "--at", "+1h")
    d.run("cancel", cancelled)
    eq(d.client("wait", cancelled)[0], 3, "cancelled")
    eq(d.client("wait", post, cancelled)[0], 3, "the worst of both")
    waiting = d.add("brand", "x", "--at", "+1h")
    eq(d.client("wait", "--timeout", "1s", waiting)[0], 124, "timeout")
    eq(d.client("wait", "999999")[0], 68)


def test_watch_and_log():
    d = daemon(brand=True).start()
    watch = smmqtest.spawn([smmqtest.SMMQ, "-s", d.socket, "watch", "-j"], stdout=subprocess.PIPE)
    until(lambda: d.status()["connections"] >= 2, "watch is connected")
    time.sleep(0.3)
    post = d.add("brand", "x", "--now")
    d.wait_state(post, "published")
    seen = []
    while not seen or seen[-1]["to"] != "published":
        seen.append(json.loads(watch.stdout.readline()))
    log = [json.loads(line) for line in d.run("log", "-j", post).splitlines()]
    eq([e["to"] for e in log if e["to"]][-1], "published", "last state in the log")
    eq(log[0]["event"], "add", "first event")
    eq([e["cursor"] for e in seen if str(e["id"]).split(".")[0] == post], [e["cursor"] for e in log], "what watch and log tell")
    w = d.wire()
    w.send("WATCH " + json.dumps({"since": log[0]["cursor"]}))
    again = [json.loads(w.line()[2:])["cursor"] for _ in log[1:]]
    eq(again, [e["cursor"] for e in log[1:]], "resuming loses nothing")
    d.restart()
    w = d.wire()
    w.send("WATCH " + json.dumps({"since": log[0]["cursor"]}))
    eq([json.loads(w.line()[2:])["cursor"] for _ in log[1:]], again, "resuming after a restart loses nothing")


def test_list_show_status():
    d = daemon(brand=True, notes=True).start()
    ids = [d.add("brand,notes", "post %d" % i, "--at", "+%dh" % (i + 1), "--label", "l%d" % (i % 2)) for i in range(4)]
    rows = [json.loads(line) for line in d.run("list", "-j").splitlines()]
    eq(len(rows), 8, "rows")
    eq({str(r["id"]) for r in rows}, {"%s.%d" % (i, n) for i in ids for n in (1, 2)})
    rows = [json.loads(line) for line in d.run("list", "-j", "--account", "brand", "--label", "l1").splitlines()]
    eq([str(r["id"]) for r in rows], [ids[1] + ".1", ids[3] + ".1"])
    shown = json.loads(d.run("show", "-j", ids[0]))
    for key in ("id", "key", "label", "created_ms", "by", "rev", "targets"):
        check(key in shown, "show -j lacks", key)
    for key in ("id", "account", "platform", "state", "reason", "due", "due_ms", "zone", "want", "attempts", "remote_id", "url"):
        check(key in shown["targets"][0], "show -j lacks in a target", key)
    status = d.run("status", "-j")
    eq(len(status.splitlines()), 1, "lines of status -j")
    eq(json.loads(status)["queued"], 8)
    eq({a["name"]: a["queued"] for a in json.loads(status)["accounts"]}, {"brand": 4, "notes": 4})
    check("brand" in d.run("status") and ids[0] in d.run("list") and "post 0" in d.run("show", ids[0]), "what people see")
    check("outbox" in d.run("account"), "the accounts")
    for command in (["version"], ["help"], ["help", "add"], ["add", "--help"]):
        check(d.run(*command), "smmq %s says nothing" % " ".join(command))
    gone = subprocess.run("%s -s %s list | head -n 1" % (smmqtest.SMMQ, d.socket), shell=True, capture_output=True, text=True)
    eq((gone.returncode, gone.stderr), (0, ""), "list into head")


def test_status_check():
    d = daemon(brand=True).start()
    eq(d.client("status", "--check")[0], 0, "all is well")
    d.stop()
    eq(d.client("status", "--check")[0], 2, "no daemon")
    d.fails(69, "status")
    err = d.fails(69, "add", "-a", "brand", "--now", "x")
    check(d.socket in err, "the message names the socket:", err)


def test_drain_and_reload():
    d = daemon(brand=True).start()
    d.run("drain")
    post = d.add("brand", "x", "--now")
    time.sleep(1)
    eq(d.target(post)["state"], "queued", "state while draining")
    d.run("drain", "--off")
    d.wait_state(post, "published")
    d.account("more")
    d.run("reload")
    d.wait_state(d.add("more", "x", "--now"), "published")


def test_restart_fires_what_is_due_once():
    d = daemon(brand=True).start()
    ids = [d.add("brand", "x%d" % i, "--at", "+2s") for i in range(10)]
    d.kill9()
    time.sleep(3)
    d.start()
    for ident in ids:
        d.wait_state(ident, "published")
    eq(len(glob.glob(os.path.join(d.outbox, "brand", "*.json"))), 10, "files")


# ---- webhook

def hooked(hook, **more):
    return daemon().account("hook", "webhook", BaseURL="http://127.0.0.1:%d/in?x=1" % hook.port, credential={"secret": "s3cret"}, **more)


def signed(request, secret=b"s3cret"):
    _, headers, body = request
    want = "sha256=" + hmac.new(secret, headers["x-smmq-timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    eq(headers["x-smmq-signature"], want, "signature")
    check(abs(int(headers["x-smmq-timestamp"]) - time.time()) < 120, "timestamp")
    return json.loads(body)


def test_webhook():
    hook = Webhook()
    d = hooked(hook).start()
    post = d.add("hook", "Grüße \U0001F337", "--now", "--label", "l", "-m", write(d, "a.png", pictures.png()), "--alt", "tulips")
    shown = d.wait_state(post, "published")
    eq(len(hook.requests), 1, "requests")
    eq(hook.requests[0][0], "/in?x=1", "path")
    body = signed(hook.requests[0])
    eq((str(body["id"]), body["account"], body["label"]), (post, "hook", "l"))
    eq(body["parts"][0]["text"], "Grüße \U0001F337")
    eq(body["parts"][0]["media"][0]["sha256"], hashlib.sha256(pictures.png()).hexdigest())
    eq(shown["remote_id"], "hook-1", "remote_id from the answer")
    check("s3cret" not in d.logs(), "no secret in the log")


def test_webhook_that_fails_twice():
    hook = Webhook(500, 0, 200)
    d = hooked(hook).start()
    post = d.add("hook", "third time lucky", "--now")
    d.wait_state(post, "published", 90)
    eq(len(hook.requests), 3, "requests")
    eq(len({headers["idempotency-key"] for _, headers, _ in hook.requests}), 1, "distinct idempotency keys")
    for request in hook.requests:
        eq(signed(request)["parts"][0]["text"], "third time lucky")


def test_webhook_that_may_have_seen_it():
    hook = Webhook(0, 200)                        # reads the whole request and answers nothing
    d = hooked(hook).start()
    post = d.add("hook", "seen or not", "--now")
    until(lambda: len(hook.requests) == 1 and d.target(post)["state"] == "queued", "the first try is lost")
    d.fails(4, "cancel", post)
    d.fails(4, "edit", post, "another text")
    d.wait_state(post, "published", 90)
    eq(len({headers["idempotency-key"] for _, headers, _ in hook.requests}), 1, "distinct idempotency keys")


def test_webhook_that_refuses():
    hook = Webhook(400)
    d = hooked(hook).start()
    post = d.add("hook", "no", "--now")
    shown = d.wait_state(post, "failed")
    check("400" in shown["reason"], "the reason:", shown["reason"])
    eq(d.client("wait", post)[0], 1, "wait on a failed one")
    eq(d.client("status", "--check")[0], 2, "status --check with a failed one")
    d.run("retry", post)
    d.wait_state(post, "published")
    eq(len(hook.requests), 2, "requests")


def test_everything_a_post_may_have():
    """Form, title, warning, quote, poll, cover, settings; media, text and settings of one account: as typed, in the file, and after edit."""
    d = daemon(brand=True, other=True)
    d.account("social", "mastodon", credential="t", BaseURL="http://127.0.0.1:9")
    d.start()
    files = {}
    for name in ("a.png", "b.png", "c.png"):
        files[name] = os.path.join(d.dir, name)
        with open(files[name], "wb") as f:
            f.write(pictures.png(8, 6 + len(files)))
    post = d.run("add", "-a", "brand,other", "--at", "+1h", "-m", files["a.png"], "--alt", "Red", "--media-for", "other=" + files["b.png"], "--alt", "Blue",
                 "--cover", files["c.png"], "--title", "Tulips", "--warning", "flowers", "--quote", "https://x.example/1", "--poll", "red",
                 "--poll", "blue", "--poll-for", "2h", "--poll-multiple", "--as", "reel", "--text-for", "other=Hi", "Hello")
    shown = d.show(post)
    for key, want in (("form", "reel"), ("title", "Tulips"), ("warning", "flowers"), ("quote", "https://x.example/1"),
                      ("poll", {"choices": ["red", "blue"], "duration_ms": 7200000, "multiple": True})):
        eq(shown[key], want, key)
    eq(len(shown["cover"]), 1)
    d.run("move", post, "--now")
    d.wait_state(post, "published")
    brand, other = outbox(d, post + ".1", "brand"), outbox(d, post + ".2", "other")
    eq([m["alt"] for m in brand["parts"][0]["media"]], ["Red"])
    eq([m["alt"] for m in other["parts"][0]["media"]], ["Blue"])
    eq((brand["parts"][0]["text"], other["parts"][0]["text"]), ("Hello", "Hi"))
    for one in (brand, other):
        eq((one["title"], one["form"], one["poll"]["choices"]), ("Tulips", "reel", ["red", "blue"]))
        check(os.path.exists(os.path.join(d.outbox, one["account"], one["cover"]["file"])), "the cover stands beside it")
    again = d.run("add", "-a", "brand", "--at", "+1h", "--title", "T", "--cover", files["c.png"], "--poll", "a", "--poll", "b", "Hello")
    d.run("edit", again, "--no-title", "--no-cover", "--no-poll", "--warning", "w")
    shown = d.show(again)
    eq([k in shown for k in ("title", "cover", "poll", "warning")], [False, False, False, True])
    for text, args in (("poll", ("--poll", "one")), ("NAME=VALUE", ("--set", "Visibility")), ("ACCOUNT=FILE", ("--media-for", "x")),
                       ("twice", ("--set", "A=1", "--set", "A=2"))):
        check(text in d.fails(64, "add", "-a", "brand", "--at", "+1h", *args, "x"), "usage: %s" % text)
    check("none of the accounts" in d.fails(65, "add", "-a", "brand", "--at", "+1h", "--set", "Visibility=unlisted", "x"), "another platform's")
    check("Visibility" in d.fails(65, "add", "-a", "social", "--at", "+1h", "--set", "Visibilty=unlisted", "x"), "those there are")
    check("unlisted" in d.fails(65, "add", "-a", "social", "--at", "+1h", "--set", "Visibility=secret", "x"), "its words")
    check("unlisted" in d.fails(65, "add", "-a", "social", "--at", "+1h", "--set", "Visibility=connections", "x"), "another platform's word")
    check("brand" in d.fails(65, "add", "-a", "social", "--at", "+1h", "--set", "brand:Visibility=unlisted", "x"), "not among the accounts")
    eq(d.show(d.run("add", "-a", "social,brand", "--at", "+1h", "--set", "Visibility=unlisted", "x"))["settings"], {"Visibility": "unlisted"})
    d.run("add", "-a", "social,brand", "--at", "+1h", "--set", "social:Visibility=unlisted", "x")
    err = d.fails(65, "add", "-a", "social", "--at", "+1h", "--as", "story", "x")
    check("story" in err and "it has: text" in err, "a kind that it lacks, and those it has:", err)
    d.run("check")


if __name__ == "__main__":
    smmqtest.main(globals())
