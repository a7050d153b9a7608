#!/usr/bin/env python3
"""Tests of the tools that the other tests stand on: a simulator or proxy that does not do what its switch says would let every
test pass that should not."""
import io
import threading
from http.client import HTTPException

import smmqtest
from proxy import Proxy
from servers import SIM, Bluesky, Mastodon, faketime, http_json
from smmqtest import check, close_later, eq

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def status(sim, text, key, port=None, token="test-token", **more):
    """(HTTP status, body), or (0, None) when the connection was closed without an answer."""
    headers = {"Authorization": "Bearer " + token, "Idempotency-Key": key}
    try:
        return http_json(port or sim.port, "POST", "/api/v1/statuses", {"status": text, **more}, headers)
    except (OSError, HTTPException):
        return 0, None


def upload(sim, data=PNG, mime="image/png", alt="a dot"):
    body = io.BytesIO()
    body.write(b"--a-long-boundary\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n" + alt.encode() + b"\r\n")
    body.write(b"--a-long-boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n")
    body.write(b"Content-Type: " + mime.encode() + b"\r\n\r\n")
    body.write(data + b"\r\n--a-long-boundary--\r\n")
    return http_json(sim.port, "POST", "/api/v2/media", headers={
        "Authorization": "Bearer test-token", "Content-Type": "multipart/form-data; boundary=a-long-boundary"}, raw=body.getvalue())


def get(sim, path):
    return http_json(sim.port, "GET", path, headers={"Authorization": "Bearer test-token"})


def test_simulator_key_memory():
    sim = Mastodon()
    first = status(sim, "hello", "k1")
    eq(first[0], 200)
    eq(status(sim, "hello", "k1")[1]["id"], first[1]["id"], "id of the repeat")
    sim.set(key_clock_s=3599)
    eq(status(sim, "hello", "k1")[1]["id"], first[1]["id"], "id just before an hour")
    sim.set(key_clock_s=3601)
    check(status(sim, "hello", "k1")[1]["id"] != first[1]["id"], "the key is forgotten after an hour")
    sim.set(repeat_500=1)
    eq(status(sim, "hello", "k1")[0], 500, "repeat with the defect")
    sim.set(repeat_500=0, ignore_key=1)
    eq(status(sim, "hello", "k1")[0], 200)
    eq(len(sim.statuses()), 3, "statuses")
    eq([k["requests"] for k in sim.dump()["keys"]], [6], "requests with the key")


def test_simulator_loses_what_it_is_told_to():
    sim = Mastodon()
    sim.set(drop_after=1)
    eq(status(sim, "a", "k1")[0], 0, "dropped answer")
    eq(len(sim.statuses()), 1, "statuses after a dropped answer")
    sim.set(drop_before=1)
    eq(status(sim, "b", "k2")[0], 0, "dropped request")
    eq(len(sim.statuses()), 1, "statuses after a dropped request")
    sim.set(fail_after=1)
    eq(status(sim, "c", "k3")[0], 500)
    sim.set(forget_key=1)
    eq(status(sim, "d", "k4")[0], 0)
    eq(status(sim, "d", "k4")[0], 200)
    eq([s["text"] for s in sim.statuses()], ["a", "c", "d", "d"], "texts")
    sim.set(rate_next=1)
    eq(status(sim, "e", "k5")[0], 429)
    sim.set(unauthorized=1)
    eq(status(sim, "e", "k5")[0], 401)


def test_simulator_overlap():
    sim = Mastodon()
    sim.set(delay_before_ms=800)
    for overlap, want in ((1, [200, 503]), (0, [200, 200])):
        sim.set(overlap_503=overlap)
        got = []
        threads = [threading.Thread(target=lambda: got.append(status(sim, "x", "k%d" % overlap)[0])) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        eq(sorted(got), want, "overlapping answers")


def test_simulator_checks_like_the_contract():
    sim = Mastodon()
    eq(status(sim, "x", "k", token="other")[0], 401, "foreign token")
    eq(status(sim, "x" * 500, "k1")[0], 200, "500 characters")
    eq(status(sim, "x" * 501, "k2")[0], 422, "501 characters")
    eq(status(sim, "x" * 476 + " https://a.example/" + "y" * 300, "k3")[0], 200, "a long URL counts 23")
    eq(status(sim, "x" * 477 + " https://a.example/" + "y" * 300, "k4")[0], 422)
    eq(status(sim, "\U0001F469\u200D\U0001F469\u200D\U0001F467" * 500, "k5")[0], 200, "graphemes")
    eq(status(sim, "x" * 495 + " @bob@a-long-name.example", "k7")[0], 200, "a remote mention counts as @user")
    eq(status(sim, "x" * 496 + " @bob@a-long-name.example", "k8")[0], 422)
    eq(status(sim, "", "k9")[0], 422, "blank")
    eq(status(sim, "reply", "k10", in_reply_to_id="99")[0], 404, "unknown parent")
    eq(status(sim, "x", "k11", media_ids=["99"])[0], 422, "unknown media")
    eq(status(sim, "x", "k12", mood="good")[0], 400, "unknown field")


def test_simulator_media():
    sim = Mastodon()
    code, media = upload(sim)
    eq(code, 200)
    eq(get(sim, "/api/v1/media/" + media["id"])[0], 200)
    code, posted = status(sim, "", "k1", media_ids=[media["id"]])
    eq(code, 200)
    eq(posted["media_attachments"][0]["description"], "a dot")
    eq(get(sim, "/api/v1/media/" + media["id"])[0], 404, "attached media")
    eq(status(sim, "again", "k2", media_ids=[media["id"]])[0], 422, "attached twice")
    sim.set(media_polls=2)
    code, media = upload(sim)
    eq(code, 202)
    eq(status(sim, "early", "k3", media_ids=[media["id"]])[0], 422, "not processed yet")
    eq([get(sim, "/api/v1/media/" + media["id"])[0] for _ in range(3)], [206, 206, 200], "polls")
    eq(status(sim, "ready", "k4", media_ids=[media["id"]])[0], 200)
    eq(upload(sim, mime="image/jpeg")[0], 422, "a PNG sent as JPEG")
    eq(upload(sim, alt="x" * 1501)[0], 422, "alt text too long")
    listed = get(sim, "/api/v1/accounts/1100/statuses?limit=40&exclude_reblogs=true&since_id=" + posted["id"])[1]
    eq([s["id"] for s in listed], [str(int(posted["id"]) + 1)], "newer than since_id")
    eq(get(sim, "/api/v1/statuses/%s/source" % listed[0]["id"])[1]["text"], "ready")


def test_proxy():
    sim = Mastodon()
    proxy = Proxy(sim.port)
    close_later(proxy.close)
    eq(status(sim, "through", "k1", proxy.port)[0], 200)
    proxy.drop_answer("POST /api/v1/statuses")
    eq(status(sim, "lost answer", "k2", proxy.port)[0], 0)
    eq(len(sim.statuses()), 2, "statuses: the server did the work")
    proxy.drop_request("POST /api/v1/statuses")
    eq(status(sim, "lost request", "k3", proxy.port)[0], 0)
    eq(len(sim.statuses()), 2, "statuses: the server saw nothing")
    eq((proxy.count("statuses"), proxy.attempts("statuses")), (2, 3), "requests through, and sent")
    hold = proxy.hold_answer("POST /api/v1/statuses")
    got = []
    t = threading.Thread(target=lambda: got.append(status(sim, "held", "k4", proxy.port)[0]))
    t.start()
    eq(hold.wait().status, 200, "what the server answered")
    eq(got, [], "answers before it was let go")
    hold.let_go()
    t.join()
    eq(got, [200])
    proxy.refusing = True
    eq(status(sim, "refused", "k5", proxy.port)[0], 0)


def test_bluesky_server():
    pds = Bluesky()
    did = pds.account("tulips.test")
    session = pds.call("com.atproto.server.createSession", {"identifier": "tulips.test", "password": "password of tulips.test"})[1]
    put = {"repo": did, "collection": "app.bsky.feed.post", "rkey": "3n2trvupv222b", "swapRecord": None,
           "record": {"$type": "app.bsky.feed.post", "text": "hi", "createdAt": "2026-11-21T19:00:00.000Z"}}
    code, body = pds.call("com.atproto.repo.putRecord", put, session["accessJwt"])
    check(code == 200 and "commit" in body, "first putRecord:", code, body)
    code, body = pds.call("com.atproto.repo.putRecord", put, session["accessJwt"])
    check(code == 200 and "commit" not in body, "the same again:", code, body)
    put["record"]["text"] = "other"
    eq(pds.call("com.atproto.repo.putRecord", put, session["accessJwt"])[1]["error"], "InvalidSwap")
    eq([p["value"]["text"] for p in pds.posts(did)], ["hi"], "posts")
    pds.stop()
    pds.start(faketime("+3h", sanitizers=False))
    eq(pds.call("com.atproto.repo.putRecord", put, session["accessJwt"]), (400, {
        "error": "ExpiredToken", "message": "Token has expired"}), "three hours later")


if __name__ == "__main__":
    smmqtest.main(globals(), programs=(SIM,))
