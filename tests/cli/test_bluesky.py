#!/usr/bin/env python3
"""Posting to a real Bluesky server: what is read back is what was asked for, and there is exactly one of it, whatever gets lost."""
import os
import re
import time

import pictures
import smmqtest
from proxy import Proxy
from servers import Bluesky, faketime
from smmqtest import check, close_later, daemon, eq, until

HANDLE = "tulips.test"
POST = "app.bsky.feed.post"
TID = re.compile("^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$")
FAMILY = "\U0001F469\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466"     # one grapheme, 25 bytes


def stage(through_proxy=False):
    """(server, DID, daemon with account "bsky", proxy or None), the daemon not started."""
    pds = Bluesky()
    did = pds.account(HANDLE)
    proxy = None
    if through_proxy:
        proxy = Proxy(pds.port)
        close_later(proxy.close)
    d = daemon().account("bsky", "bluesky", BaseURL="http://127.0.0.1:%d" % (proxy or pds).port,
                         credential={"identifier": HANDLE, "password": "password of " + HANDLE})
    return pds, did, d, proxy


def span(text, part):
    start = text.encode().index(part.encode())
    return {"byteStart": start, "byteEnd": start + len(part.encode())}


def facets_of(record):
    return [(f["index"], f["features"][0]) for f in record.get("facets", [])]


def rkey(post):
    return post["uri"].rsplit("/", 1)[1]


def test_text_link_mention_and_images():
    pds, did, d, _ = stage()
    friend = pds.account("friend-of-tulips.test")
    d.start()
    text = "Grüße \U0001F337 an @friend-of-tulips.test und @nobody-here.test: https://acme.example/tulips?a=1&b=2 #Tulpen"
    for name, data in (("a.png", pictures.png(8, 6)), ("b.jpg", pictures.JPEG)):
        with open(os.path.join(d.dir, name), "wb") as f:
            f.write(data)
    asked = time.time()
    post = d.add("bsky", text, "--at", "+3s", "-m", os.path.join(d.dir, "a.png"), "--alt", "Rote Tulpen \u2764\uFE0F",
                 "-m", os.path.join(d.dir, "b.jpg"), "--alt", "")
    eq(d.target(post)["state"], "queued", "state before its time")
    shown = d.wait_state(post, "published")
    check(shown["published_ms"] >= (asked + 2.5) * 1000, "it was published before its time:", shown["published_ms"] / 1000 - asked)
    posts = pds.posts(did)
    eq(len(posts), 1, "records")
    record = posts[0]["value"]
    eq(record["text"], text, "text")
    eq(facets_of(record), [
        (span(text, "@friend-of-tulips.test"), {"$type": "app.bsky.richtext.facet#mention", "did": friend}),
        (span(text, "https://acme.example/tulips?a=1&b=2"), {
            "$type": "app.bsky.richtext.facet#link", "uri": "https://acme.example/tulips?a=1&b=2"}),
        (span(text, "#Tulpen"), {"$type": "app.bsky.richtext.facet#tag", "tag": "Tulpen"}),
    ], "facets")
    images = record["embed"]["images"]
    eq(record["embed"]["$type"], "app.bsky.embed.images")
    eq([i["alt"] for i in images], ["Rote Tulpen \u2764\uFE0F", ""], "alt texts")
    eq([(i["image"]["mimeType"], i["image"]["size"]) for i in images],
       [("image/png", len(pictures.png(8, 6))), ("image/jpeg", len(pictures.JPEG))], "blobs")
    eq([i.get("aspectRatio") for i in images], [{"width": 8, "height": 6}, {"width": 16, "height": 12}], "aspect ratios")
    check(TID.match(rkey(posts[0])), "the record key is a TID:", rkey(posts[0]))
    eq(shown["remote_id"], posts[0]["uri"], "remote_id")
    check(shown["url"].endswith("/post/" + rkey(posts[0])), "web address:", shown["url"])


def test_thread_of_three():
    pds, did, d, _ = stage()
    d.start()
    parts = ["one", "two\nlines", "three https://acme.example"]
    with open(os.path.join(d.dir, "thread"), "w") as f:
        f.write("\n---\n".join(parts) + "\n")
    post = d.run("add", "-a", "bsky", "--now", "--thread", f.name)
    shown = d.wait_state(post, "published")
    posts = pds.posts(did)
    eq([p["value"]["text"] for p in posts], parts, "texts in the order of their keys")
    ref = [{"uri": p["uri"], "cid": p["cid"]} for p in posts]
    check("reply" not in posts[0]["value"], "the first part is no reply")
    eq(posts[1]["value"]["reply"], {"root": ref[0], "parent": ref[0]})
    eq(posts[2]["value"]["reply"], {"root": ref[0], "parent": ref[1]})
    eq([s["remote_id"] for s in shown["shown"]], [p["uri"] for p in posts], "what SHOW says stands there")


def test_link_card():
    pds, did, d, _ = stage()
    d.start()
    thumb = os.path.join(d.dir, "thumb.png")
    with open(thumb, "wb") as f:
        f.write(pictures.png(40, 30))
    post = d.add("bsky", "Read this", "--now", "--link", "https://acme.example/care", "--link-title", "Tulip care",
                 "--link-description", "Water \u2192 light", "--link-image", thumb)
    d.wait_state(post, "published")
    embed = pds.posts(did)[0]["value"]["embed"]
    eq(embed["$type"], "app.bsky.embed.external")
    external = embed["external"]
    eq((external["uri"], external["title"], external["description"]), ("https://acme.example/care", "Tulip care", "Water \u2192 light"))
    eq((external["thumb"]["mimeType"], external["thumb"]["size"]), ("image/png", len(pictures.png(40, 30))))


def lose(act, attempts, forwarded):
    """Loses the commit in one way; exactly one record must come of it."""
    pds, did, d, proxy = stage(through_proxy=True)
    d.start()
    post = act(d, proxy)
    shown = d.wait_state(post, "published", 60)
    posts = pds.posts(did)
    eq([p["value"]["text"] for p in posts], ["only once"], "records")
    eq(shown["remote_id"], posts[0]["uri"], "remote_id")
    eq((proxy.attempts("putRecord"), proxy.count("putRecord")), (attempts, forwarded), "putRecord sent, and received")
    time.sleep(1)
    eq(len(pds.posts(did)), 1, "records a second later")


def test_answer_lost():
    def act(d, proxy):
        proxy.drop_answer("putRecord")
        return d.add("bsky", "only once", "--now")
    lose(act, 1, 1)


def test_request_lost():
    def act(d, proxy):
        proxy.drop_request("putRecord")
        return d.add("bsky", "only once", "--now")
    lose(act, 2, 1)


def test_killed_between_request_and_answer():
    def act(d, proxy):
        hold = proxy.hold_answer("putRecord")
        post = d.add("bsky", "only once", "--now")
        eq(hold.wait().status, 200, "what the server answered")
        eq(d.target(post)["state"], "sending", "state while the answer is on its way")
        d.kill9()
        hold.let_go(drop=True)
        d.start()
        return post
    lose(act, 1, 1)


def test_killed_before_the_server_saw_it():
    def act(d, proxy):
        hold = proxy.hold_request("putRecord")
        post = d.add("bsky", "only once", "--now")
        hold.wait()
        d.kill9()
        hold.let_go(drop=True)
        d.start()
        return post
    lose(act, 2, 1)


def test_killed_in_the_middle_of_a_thread():
    pds, did, d, proxy = stage(through_proxy=True)
    d.start()
    w = d.wire()
    first = proxy.hold_answer("putRecord")
    post = w.ok("ADD", {"accounts": ["bsky"], "parts": [{"text": "one"}, {"text": "two"}, {"text": "three"}], "now": True}).body["id"]
    first.wait()
    second = proxy.hold_answer("putRecord")
    first.let_go()
    second.wait()
    d.kill9()
    second.let_go(drop=True)
    d.start()
    d.wait_state(post, "published", 60)
    posts = pds.posts(did)
    eq([p["value"]["text"] for p in posts], ["one", "two", "three"], "records")
    eq(posts[2]["value"]["reply"]["parent"]["uri"], posts[1]["uri"], "parent of the third")
    eq(proxy.count("putRecord"), 3, "putRecord received")


def test_cancel_while_in_flight_is_too_late():
    pds, did, d, proxy = stage(through_proxy=True)
    d.start()
    hold = proxy.hold_answer("putRecord")
    post = d.add("bsky", "on its way", "--now")
    hold.wait()
    d.fails(4, "cancel", post)
    d.fails(4, "edit", post, "something else")
    hold.let_go()
    d.wait_state(post, "published")
    eq(len(pds.posts(did)), 1, "records")


def test_session_expires():
    pds, did, d, proxy = stage(through_proxy=True)
    d.start()
    d.wait_state(d.add("bsky", "before", "--now"), "published")
    pds.stop()
    pds.start(faketime("+3h", sanitizers=False))
    d.wait_state(d.add("bsky", "three hours later", "--now"), "published", 60)
    eq(sorted(p["value"]["text"] for p in pds.posts(did)), ["before", "three hours later"], "records")
    eq(proxy.count("createSession"), 1, "logins")
    check(proxy.count("refreshSession") >= 1, "the session was refreshed")


def test_server_away_for_a_while():
    pds, did, d, proxy = stage(through_proxy=True)
    proxy.refusing = True
    d.start()
    post = d.add("bsky", "patience", "--now")
    until(lambda: d.target(post)["reason"], "the item says why it waits")
    eq(d.target(post)["state"], "queued", "state while the server is away")
    proxy.refusing = False
    d.wait_state(post, "published", 60)
    eq(len(pds.posts(did)), 1, "records")


def test_wrong_password_pauses_the_account():
    pds, did, d, _ = stage()
    d.account("bsky", "bluesky", BaseURL="http://127.0.0.1:%d" % pds.port, credential={"identifier": HANDLE, "password": "stale"})
    d.start()
    post = d.add("bsky", "worth waiting for", "--now")
    account = until(lambda: [a for a in d.status()["accounts"] if a["state"] == "paused"], "the account is paused")[0]
    check(account["reason"], "the account says why")
    eq(d.target(post)["state"], "queued", "nothing is burnt")
    check("stale" not in d.logs() and "password of" not in d.logs(), "no password in the log")
    d.account("bsky", "bluesky", BaseURL="http://127.0.0.1:%d" % pds.port,
              credential={"identifier": HANDLE, "password": "password of " + HANDLE})
    d.run("reload")
    if d.status()["accounts"][0]["state"] == "paused":
        d.wire().ok("RELEASE", {"account": "bsky"})
    d.wait_state(post, "published", 60)
    eq(len(pds.posts(did)), 1, "records")


def refused(d, text, limit):
    message = d.fails(65, "add", "-a", "bsky", "--at", "+1h", text)
    check(limit in message.replace(",", "").replace(" ", ""), "the message names the limit %s:" % limit, message)


def test_limits_are_checked_before_anything_is_queued():
    d = daemon().account("bsky", "bluesky", BaseURL="http://127.0.0.1:9", credential={"identifier": HANDLE, "password": "x"}).start()
    refused(d, "x" * 301, "300")
    refused(d, "e\u0308" * 301, "300")
    refused(d, FAMILY * 120 + "x", "3000")
    d.fails(65, "add", "-a", "bsky", "--at", "+1h", "")
    big = os.path.join(d.dir, "big.png")
    with open(big, "wb") as f:
        f.write(pictures.png(900, 800, random=True))
    message = d.fails(65, "add", "-a", "bsky", "--at", "+1h", "-m", big, "too big")
    check("2000000" in message.replace(",", ""), "the message names the limit:", message)
    with open(os.path.join(d.dir, "no.png"), "wb") as f:
        f.write(b"this is not a picture\n" * 10)
    d.fails(65, "add", "-a", "bsky", "--at", "+1h", "-m", f.name, "no picture")
    d.fails(67, "add", "-a", "nobody", "--at", "+1h", "no such account")
    eq(d.status()["queued"], 0, "items queued by refused requests")
    for text in ("x" * 300, "e\u0308" * 300, FAMILY * 120):
        d.add("bsky", text, "--at", "+1h")
    eq(d.status()["queued"], 3, "items within the limits")


if __name__ == "__main__":
    smmqtest.main(globals())
