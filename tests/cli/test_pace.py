"""Quiet hours, gap, daily limit and catching up: at add, and when it fires."""
import os
import json
import time

import smmqtest
from servers import Webhook, faketime
from smmqtest import check, daemon, eq, until


def ask_add(d, **more):
    return d.wire().ask("ADD", {"accounts": ["brand"], "text": "x", **more})


def test_warnings_at_add():
    d = daemon().account("brand", QuietHours="22:00-07:00", MinGap="2h").start()
    a = ask_add(d, at="2035-01-02 23:00")
    check("QuietHours" in a.body["targets"][0]["warnings"][0], "a warning about quiet hours:", a.body)
    a = ask_add(d, at="2035-01-03 10:00")
    eq(a.body["targets"][0]["warnings"], [])
    a = ask_add(d, at="2035-01-03 11:59")
    check("MinGap" in a.body["targets"][0]["warnings"][0], "a warning about the gap:", a.body)
    a = ask_add(d, at="2035-01-03 14:00")
    eq(a.body["targets"][0]["warnings"], [])


def test_daily_limit_at_add():
    d = daemon().account("brand", DailyLimit="2").start()
    for hour in (9, 10):
        check(ask_add(d, at="2035-01-02 %02d:00" % hour).ok, "below the limit")
    a = ask_add(d, at="2035-01-02 23:59")
    eq(a.code, "refused", "the third of a day")
    check("2035-01-03T00:00:00+01:00" in a.body["message"], "the next free time is named:", a.body["message"])
    check(ask_add(d, at="2035-01-03 00:00").ok, "the next day")
    rc, out, err = d.client("add", "-a", "brand", "--at", "2035-01-02 12:00", "x")
    eq(rc, 65, "exit status: %s" % err)


def test_daily_limit_when_it_fires():
    d = daemon().account("brand", DailyLimit="2").start()
    first = [d.add("brand", "post %d" % i, "--now") for i in range(2)]
    for ident in first:
        d.wait_state(ident, "published")
    eq(ask_add(d, now=True).code, "refused", "the third of today")


def test_daily_limit_lowered_while_posts_wait():
    d = daemon().account("brand", DailyLimit="5").start()
    d.run("hold", "ALL", "--reason", "test")
    ids = [d.add("brand", "post %d" % i, "--now") for i in range(4)]
    d.account("brand", DailyLimit="2")
    d.run("reload")
    d.run("release", "ALL")
    until(lambda: d.status()["published"] == 2, "as many as the limit allows leave")
    time.sleep(1)
    eq(d.status()["published"], 2, "and no more today")
    waiting = [t for t in ids if d.target(t)["state"] == "queued"]
    check("DailyLimit" in d.target(waiting[0])["reason"], "the others say why they wait:", d.target(waiting[0]))


def test_catching_up():
    d = daemon().account("brand", CatchUp="2").start()
    late = [d.add("brand", "late %d" % i, "--at", "+2s") for i in range(5)]
    on_time = d.add("brand", "on time", "--at", "+2h")
    d.stop()
    d.start(env=faketime("+1h"))
    eq([g["name"] for g in d.status()["gates"]], ["clock"], "a clock that jumped is doubted first")
    d.run("release", "--gate", "clock")
    until(lambda: d.status()["published"] == 2, "two late posts leave")
    time.sleep(1.5)
    eq(d.status()["published"], 2, "and no more within the hour")
    waiting = [t for t in late if d.target(t)["state"] == "queued"]
    eq(len(waiting), 3)
    check("CatchUp" in d.target(waiting[0])["reason"], "and say why:", d.target(waiting[0])["reason"])
    eq(d.target(on_time)["reason"], None, "what is not due does not wait for it")
    now = d.add("brand", "now", "--now")
    d.wait_state(now, "published")


def test_release_names_a_backlog():
    """What was due behind a gate: sent, ended or held, by the release's word; what comes later is not touched."""
    for policy, state in (("pace", "published"), ("now", "published"), ("skip", "missed"), ("hold", "held")):
        d = daemon(brand=True).start()
        d.run("hold", "--account", "brand", "--reason", "not now")
        waits = d.add("brand", "waits", "--now")
        later = d.add("brand", "later", "--at", "+1h")
        until(lambda: d.target(waits).get("gate") == "account:brand", "it waits behind the gate")
        time.sleep(0.1)
        out = json.loads(d.run("release", "--account", "brand", "--backlog", policy, "-j"))
        eq(out["backlog"], policy, "answer")
        shown = d.wait_state(waits, state)
        if state in ("missed", "held"):
            check("account:brand" in shown["reason"] and policy in shown["reason"], "the reason:", shown["reason"])
        eq(d.target(later)["state"], "queued", "what is still to come")
        d.wait_state(d.add("brand", "new", "--now"), "published")
        d.run("check")
        d.stop()
    d = daemon(brand=True).start()
    d.fails(65, "release", "--account", "brand", "--backlog", "later")
    d.fails(64, "release", d.add("brand", "x", "--at", "+1h", "--hold"), "--backlog", "skip")


def test_the_most_careful_release_counts():
    """Who said that a label's posts shall not go by themselves is not overruled by who opens another gate later."""
    for policy, state in (("hold", "held"), ("skip", "missed")):
        d = daemon(brand=True).start()
        d.run("hold", "ALL", "--reason", "crisis")
        d.run("hold", "--label", "promo", "--reason", "not these")
        promo, other = d.add("brand", "promo", "--now", "--label", "promo"), d.add("brand", "other", "--now")
        until(lambda: d.target(promo).get("gate") and d.target(other).get("gate"), "both wait")
        time.sleep(0.1)
        d.run("release", "--label", "promo", "--backlog", policy)
        eq(d.target(promo)["state"], "queued", "it is judged when its turn comes")
        d.run("release", "ALL", "--backlog", "now")
        check("label:promo" in d.wait_state(promo, state)["reason"], "the reason names the gate")
        d.wait_state(other, "published")
        d.run("check")
        d.stop()


def test_the_end_of_a_hold_is_to_come():
    d = daemon(brand=True).start()
    err = d.fails(65, "hold", "ALL", "--reason", "x", "--until", "2020-01-01 09:00")
    check("later one" in err and "--past" not in err, "hold has no --past:", err)
    err = d.fails(65, "add", "-a", "brand", "--at", "+1h", "--expires", "2020-01-01 09:00", "x")
    check("later one" in err and "--past" not in err, "no --past for an end:", err)


def test_a_gate_that_opens_by_itself_knows_its_backlog():
    d = daemon(brand=True).start()
    d.run("hold", "ALL", "--reason", "lunch", "--until", "+2s", "--backlog", "skip")
    waits = d.add("brand", "waits", "--now")
    shown = d.wait_state(waits, "missed", 20)
    check("all was held" in shown["reason"], "the reason:", shown["reason"])


def test_the_platforms_quota():
    """Mastodon takes 300 posts in three hours: the one too many is refused with the next free time, and the account may ignore it."""
    d = daemon().account("social", "mastodon", credential="t", BaseURL="http://127.0.0.1:9", TimeZone="UTC")
    d.account("free", "mastodon", credential="t", BaseURL="http://127.0.0.1:9", TimeZone="UTC", PlatformQuota="ignore").start()
    w = d.wire()
    for name, most in (("social", 300), ("free", 320)):
        for i in range(most):
            w.ok("ADD", {"accounts": [name], "text": "post %d" % i, "at": "2035-03-01T%02d:%02d:00Z" % (10 + i // 150, i % 60)})
    a = w.ask("ADD", {"accounts": ["social"], "text": "one too many", "at": "2035-03-01T12:30:00Z"})
    eq(a.code, "refused", "the one too many: %r" % a)
    for word in ("300", "3 hours", "next free time", "PlatformQuota="):
        check(word in a.body["message"], "the message:", a.body["message"])
    w.ok("ADD", {"accounts": ["social"], "text": "later", "at": "2035-03-01T15:00:00Z"})


def test_a_rate_limit_is_seen_and_can_be_ended():
    """A server may ask for an absurd wait: it is bounded, it is shown, a monitor hears of it, and a person can try now."""
    hook = Webhook((429, {"Retry-After": "99999999999"}), (200, {"X-RateLimit-Remaining": "0", "RateLimit-Reset": "%d" % (time.time() + 300)}))
    d = daemon().account("hook", "webhook", credential="signing", BaseURL="http://127.0.0.1:%d/in" % hook.port).start()
    first = d.add("hook", "first", "--now")
    until(lambda: d.account_status("hook")["state"] == "limited", "the account is limited")
    a = d.account_status("hook")
    check(23 * 3600e3 < a["not_before_ms"] - time.time() * 1000 < 25 * 3600e3, "a day at most:", a)
    check("429" in a["reason"], "why:", a)
    second = d.add("hook", "second", "--now")
    until(lambda: "not before" in (d.target(second)["reason"] or ""), "the item says why it waits: %r" % d.target(second))
    rc, out, _ = d.client("status", "--check")
    check(rc == 1 and "rate limited" in out and "hook" in out, "a monitor hears of it:", rc, out)
    check("limited" in d.run("status") and "smmq release --account hook" in d.run("status"), "status says what to do:", d.run("status"))
    d.run("cancel", second)
    d.kill9()
    d.start()
    before = d.account_status("hook")
    eq((before["state"], before["limit"]), ("limited", "account"), "after a restart")
    eq(len(hook.requests), 1, "requests")
    out = json.loads(d.run("release", "--account", "hook", "-j"))
    eq((out["limit"]["scope"], out["limit"]["until_ms"]), ("account", before["not_before_ms"]), "it says what it ended")
    check("429" in out["limit"]["reason"], "and why it stood:", out)
    d.wait_state(first, "published")
    # That good answer said that nothing more is taken for five minutes.
    a = d.account_status("hook")
    check(a["state"] == "limited" and 240e3 < a["not_before_ms"] - time.time() * 1000 < 360e3, "until the reset:", a)
    third = d.add("hook", "third", "--now")
    time.sleep(0.5)
    eq(len(hook.requests), 2, "nothing is sent only to be refused")
    check("Ended: a rate limit" in d.client("release", "--account", "hook")[2], "a person is told what was ended")
    d.wait_state(third, "published")
    limits = [(e["event"], e["detail"]["scope"], bool(e["by"])) for e in d.wire().ok("LOG", {"limit": 1000}).data if "limit" in e["event"]]
    eq(limits, [("limit", "account", False), ("unlimit", "account", True)] * 2, "the journal")
    d.fails(68, "release", "--account", "hook")
    d.run("verify")


def test_release_of_a_limit_keeps_to_its_backlog():
    hook = Webhook((429, {"Retry-After": "3600"}))
    d = daemon().account("hook", "webhook", credential="signing", BaseURL="http://127.0.0.1:%d/in" % hook.port, Late="post").start()
    first = d.add("hook", "first", "--now")
    until(lambda: d.account_status("hook")["state"] == "limited", "the account is limited")
    second = d.add("hook", "second", "--now")
    d.run("release", "--account", "hook", "--backlog", "skip")
    for post in (first, second):
        d.wait_state(post, "missed")
    eq(len(hook.requests), 1, "requests")


def test_an_application_of_any_name():
    """Servers and client ids may be long; they name the record of what limits their application."""
    hook = Webhook()
    d = daemon().account("hook", "webhook", credential={"secret": "signing", "client_id": "c" * 300},
                         BaseURL="http://127.0.0.1:%d/in/%s" % (hook.port, "a" * 120)).start()
    d.wait_state(d.add("hook", "hello", "--now"), "published")


if __name__ == "__main__":
    smmqtest.main(globals())
