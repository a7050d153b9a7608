#!/usr/bin/env python3
"""Posting to a Mastodon instance that fails in every way its contract describes: one status, whatever is lost.

Waiting after a lost answer is part of the contract (ten seconds and more), so the ways to fail are tried side by side: each has
an instance of its own and an account on one daemon."""
import json
import os
import time

import pictures
import smmqtest
from proxy import Proxy
from servers import Mastodon
from smmqtest import check, close_later, daemon, eq, until

STATUSES = "POST /api/v1/statuses"
LIST = "GET /api/v1/accounts/*/statuses"


def attach(d, name, sim, port=None):
    d.account(name, "mastodon", BaseURL="http://127.0.0.1:%d" % (port or sim.port), credential=sim.tokens[0])
    return sim


def stage(through_proxy=False):
    """(simulator, daemon with account "social", proxy or None), the daemon not started."""
    sim, d, proxy = Mastodon(), daemon(), None
    if through_proxy:
        proxy = Proxy(sim.port)
        close_later(proxy.close)
    attach(d, "social", sim, proxy and proxy.port)
    return sim, d, proxy


def posts(sim):
    return [line for line in sim.dump()["log"] if line["request"] == STATUSES]


def write(d, name, data):
    path = os.path.join(d.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def test_text_and_images():
    sim, d, _ = stage()
    d.start()
    text = "Grüße \U0001F337 an @someone@far.example https://acme.example/" + "x" * 400 + " #Tulpen"
    asked = time.time()
    post = d.add("social", text, "--at", "+3s", "-m", write(d, "a.png", pictures.png()), "--alt", "Rote Tulpen",
                 "-m", write(d, "b.jpg", pictures.JPEG), "--alt", "Gelbe \u2764\uFE0F", "--language", "de")
    shown = d.wait_state(post, "published")
    status, = sim.statuses()
    eq(status["text"], text, "text")
    eq(status["visibility"], "public")
    eq(status["language"], "de")
    eq([(m["description"], m["mime"], m["size"]) for m in status["media"]],
       [("Rote Tulpen", "image/png", len(pictures.png())), ("Gelbe \u2764\uFE0F", "image/jpeg", len(pictures.JPEG))], "media")
    check(status["key"] and len(status["key"]) <= 64, "an idempotency key of at most 64 characters:", status["key"])
    check(status["received_ms"] >= (asked + 2.5) * 1000, "posted before its time")
    eq(shown["remote_id"], status["id"], "remote_id")
    check(shown["url"].endswith("/@acme/" + status["id"]), "url:", shown["url"])


def test_thread_of_three():
    sim, d, _ = stage()
    sim.set(drop_after=0)
    d.start()
    post = d.run("add", "-a", "social", "--now", "--thread", write(d, "thread", b"one\n---\ntwo\n---\nthree\n"))
    shown = d.wait_state(post, "published")
    made = sim.statuses()
    eq([s["text"] for s in made], ["one", "two", "three"], "texts")
    eq([s["in_reply_to_id"] for s in made], [None, made[0]["id"], made[1]["id"]], "parents")
    eq(len({s["key"] for s in made}), 3, "different keys")
    eq([s["remote_id"] for s in shown["shown"]], [s["id"] for s in made], "what SHOW says stands there")


# name: (switches, requests to post, requests that read the list at least)
FAILURES = {
    "drop-after": ({"drop_after": 1}, 1, 1),
    "drop-before": ({"drop_before": 1}, 2, 1),
    "fail-after": ({"fail_after": 1}, 1, 1),
    "fail-before": ({"fail_before": 1}, 2, 1),
    "forget-key": ({"forget_key": 1}, 1, 1),
    "busy": ({"busy_next": 1}, 2, 1),
    "defect": ({"drop_after": 1, "repeat_500": 1}, 1, 1),
    "ignores-keys": ({"drop_after": 1, "ignore_key": 1}, 1, 1),
    "slow": ({"delay_ms": 3000}, 1, 0),
    "twice": ({"drop_before": 2}, 3, 2),
}


def test_whatever_is_lost_there_is_one_status():
    d = daemon()
    sims = {name: attach(d, name, Mastodon()) for name in FAILURES}
    d.start()
    for name, sim in sims.items():
        sim.set(**FAILURES[name][0])
    ids = {name: d.add(name, "only once: " + name, "--now") for name in sims}
    for name, sim in sims.items():
        shown = d.wait_state(ids[name], "published", 90)
        eq([s["text"] for s in sim.statuses()], ["only once: " + name], "statuses after " + name)
        eq(shown["remote_id"], sim.statuses()[0]["id"], "remote_id after " + name)
        eq(len(posts(sim)), FAILURES[name][1], "requests to post after " + name)
        eq(len({line["key"] for line in posts(sim)}), 1, "keys used after " + name)
        check(sim.count(LIST) >= FAILURES[name][2], "reads of the list after %s:" % name, sim.count(LIST))


def test_reads_that_fail_do_not_make_it_forget():
    sim, d, _ = stage()
    d.start()
    d.wait_state(d.add("social", "first", "--now"), "published")
    sim.set(drop_after=1)
    post = d.add("social", "only once", "--now")
    d.wait_state(post, "unknown")
    sim.set(read_fail=2)
    d.wait_state(post, "published", 120)
    eq([s["text"] for s in sim.statuses()], ["first", "only once"], "statuses")
    eq(len(posts(sim)), 2, "requests to post")


def test_the_same_text_again_is_another_post():
    sim, d, _ = stage()
    d.start()
    d.wait_state(d.add("social", "the same words", "--now"), "published")
    sim.set(drop_before=1)
    second = d.add("social", "the same words", "--now")
    shown = d.wait_state(second, "published", 60)
    made = sim.statuses()
    eq(len(made), 2, "statuses: the first must not be taken for the second")
    eq(shown["remote_id"], made[1]["id"], "remote_id of the second")


def test_server_that_goes_on_after_the_connection_broke():
    """The answer is lost while the server still works: the first look finds nothing, the repeat meets the lock or the key."""
    for overlap in (1, 0):
        sim, d, proxy = stage(through_proxy=True)
        d.start()
        d.wait_state(d.add("social", "warm", "--now"), "published")
        sim.set(delay_before_ms=14000, overlap_503=overlap)
        proxy.cut(STATUSES)
        post = d.add("social", "late but once", "--now")
        until(lambda: len(posts(sim)) + len(proxy.seen) and proxy.count(STATUSES) == 2, "the request is sent")
        d.wait_state(post, "unknown")
        d.wait_state(post, "published", 120)
        eq([s["text"] for s in sim.statuses()], ["warm", "late but once"], "statuses with overlap_503=%d" % overlap)


def test_media_lost_on_the_way():
    """Uploads may be repeated; what is posted has each picture once."""
    d = daemon()
    cases = {"slow-media": {"media_polls": 2}, "lost-upload": {"media_drop_after": 1}, "lost-status": {"drop_after": 1},
             "lost-request": {"drop_before": 1}}
    sims = {name: attach(d, name, Mastodon()) for name in cases}
    d.start()
    for name, sim in sims.items():
        sim.set(**cases[name])
    path = write(d, "a.png", pictures.png())
    ids = {name: d.add(name, "with a picture", "--now", "-m", path, "--alt", "tulips") for name in sims}
    for name, sim in sims.items():
        d.wait_state(ids[name], "published", 90)
        made = sim.statuses()
        eq(len(made), 1, "statuses after " + name)
        eq([m["description"] for m in made[0]["media"]], ["tulips"], "pictures after " + name)


def test_picture_that_the_server_refuses():
    sim, d, _ = stage()
    sim.set(media_fail=1, media_polls=1)
    d.start()
    post = d.add("social", "no picture", "--now", "-m", write(d, "a.png", pictures.png()))
    shown = d.wait_state(post, "failed", 60)
    check("Error processing thumbnail" in shown["reason"], "the platform's own words:", shown["reason"])
    eq(sim.statuses(), [], "statuses")


def killed(hold_what, text):
    sim, d, proxy = stage(through_proxy=True)
    d.start()
    hold = getattr(proxy, hold_what)(STATUSES)
    post = d.add("social", text, "--now")
    hold.wait()
    d.kill9()
    hold.let_go(drop=True)
    d.start()
    shown = d.wait_state(post, "published", 90)
    eq([s["text"] for s in sim.statuses()], [text], "statuses")
    eq(shown["remote_id"], sim.statuses()[0]["id"], "remote_id")
    return sim


def test_killed_between_request_and_answer():
    eq(len(posts(killed("hold_answer", "only once"))), 1, "requests to post")


def test_killed_before_the_server_saw_it():
    eq(len(posts(killed("hold_request", "only once"))), 1, "requests to post that arrived")


def test_killed_in_the_middle_of_a_thread():
    sim, d, proxy = stage(through_proxy=True)
    d.start()
    first = proxy.hold_answer(STATUSES)
    post = d.run("add", "-a", "social", "--now", "--thread", write(d, "thread", b"one\n---\ntwo\n---\nthree\n"))
    first.wait()
    second = proxy.hold_answer(STATUSES)
    first.let_go()
    second.wait()
    d.kill9()
    second.let_go(drop=True)
    d.start()
    d.wait_state(post, "published", 90)
    made = sim.statuses()
    eq([s["text"] for s in made], ["one", "two", "three"], "texts")
    eq([s["in_reply_to_id"] for s in made], [None, made[0]["id"], made[1]["id"]], "parents")


def test_cancel_means_cancel():
    sim, d, proxy = stage(through_proxy=True)
    d.start()
    waiting = d.add("social", "never", "--at", "+1h")
    d.run("cancel", waiting)
    eq(d.target(waiting)["state"], "cancelled")
    hold = proxy.hold_answer(STATUSES)
    flying = d.add("social", "on its way", "--now")
    hold.wait()
    d.fails(4, "cancel", flying)
    hold.let_go()
    d.wait_state(flying, "published")
    eq([s["text"] for s in sim.statuses()], ["on its way"], "statuses")


def test_unknown_can_be_settled_by_a_person():
    """The instance cannot be read any more after the answer was lost: the item stays unknown until a person decides."""
    sim, d, proxy = stage(through_proxy=True)
    d.start()
    sim.set(drop_after=1)
    post = d.add("social", "did it?", "--now")
    d.wait_state(post, "unknown", 30)
    sim.set(read_fail=1000)
    d.fails(4, "cancel", post)
    target = d.target(post)["id"]
    d.run("resolve", target, "--published", "https://social.example/@acme/3300")
    shown = d.wait_state(post, "published", 10)
    eq(shown["url"], "https://social.example/@acme/3300")
    eq(len(posts(sim)), 1, "requests to post")


def test_every_exchange_is_journalled():
    """Step, digest of the request, status and digest of the answer; of a session, which holds secrets, step and status alone."""
    sim, d, _ = stage()
    d.start()
    post = d.add("social", "for the record", "--now")
    d.wait_state(post, "published")
    answers = [json.loads(line) for line in d.run("log", post, "-j").splitlines()]
    details = {a["detail"]["step"]: a["detail"] for a in answers if a["event"] == "answer"}
    eq(sorted(details), ["before", "status.0"], "exchanges of the post")
    eq((details["before"]["request_sha256"], details["before"]["status"]), ("", 200), "a read")
    eq((len(details["status.0"]["request_sha256"]), len(details["status.0"]["body_sha256"])), (64, 64), "digests")
    intent = next(a["detail"] for a in answers if a["event"] == "intent")
    eq(details["status.0"]["request_sha256"], intent["body_sha256"], "the request of the attempt")
    session = [json.loads(line) for line in d.run("log", "-j").splitlines() if '"social"' in line and '"answer"' in line]
    session = [a["detail"] for a in session if not a.get("id")]
    check(session and all(sorted(a) == ["status", "step"] for a in session), "answers of the session:", session)


def test_rate_limit_is_kept():
    sim, d, _ = stage()
    d.start()
    d.wait_state(d.add("social", "first", "--now"), "published")
    sim.set(rate_next=1, rate_reset_s=4)
    began = time.time()
    post = d.add("social", "second", "--now")
    shown = until(lambda: d.target(post)["reason"] and d.target(post), "it says why it waits")
    eq(shown["state"], "queued", "state while it waits")
    d.wait_state(post, "published", 60)
    check(time.time() - began >= 2.9, "it waited until the reset (whole seconds):", time.time() - began)
    eq(len(sim.statuses()), 2, "statuses")


def test_revoked_token_pauses_the_account():
    sim, d, _ = stage()
    d.start()
    sim.set(unauthorized=1)
    post = d.add("social", "worth waiting for", "--now")
    until(lambda: d.status()["accounts"][0]["state"] == "paused", "the account is paused")
    eq(d.target(post)["state"], "queued", "nothing is burnt")
    check(sim.tokens[0] not in d.logs(), "no token in the log")
    sim.set(unauthorized=0)
    d.wire().ok("RELEASE", {"account": "social"})
    d.wait_state(post, "published", 60)


def test_refused_for_good():
    sim, d, _ = stage()
    d.start()
    d.wait_state(d.add("social", "first", "--now"), "published")
    sim.set(max_characters=10)
    post = d.add("social", "more than ten characters", "--now")
    shown = d.wait_state(post, "failed")
    check("Text character limit of 10 exceeded" in shown["reason"], "the platform's own words:", shown["reason"])
    sim.set(max_characters=500)
    d.run("retry", shown["id"])
    d.wait_state(post, "published")


def test_limits_are_checked_before_anything_is_queued():
    sim, d, _ = stage()
    d.start()
    for text in ("x" * 501, "x" * 477 + " https://a.example/" + "y" * 100, "e\u0308" * 501):
        message = d.fails(65, "add", "-a", "social", "--at", "+1h", text)
        check("500" in message, "the message names the limit:", message)
    eq(d.status()["queued"], 0, "items queued by refused requests")
    for text in ("x" * 500, "x" * 476 + " https://a.example/" + "y" * 400, "e\u0308" * 500):
        d.add("social", text, "--now")
    until(lambda: len(sim.statuses()) == 3, "what passes here passes there")
    path = write(d, "a.png", pictures.png())
    five = [word for _ in range(5) for word in ("-m", path)]
    d.fails(65, "add", "-a", "social", "--at", "+1h", *five, "five pictures")


if __name__ == "__main__":
    smmqtest.main(globals())
