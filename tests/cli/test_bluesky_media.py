#!/usr/bin/env python3
"""What a post on a real Bluesky server can show: videos by way of the video service and as plain blobs, galleries, quotes; threads of
ten; and a login anew when a session has ended for good."""
import os
import subprocess

import pictures
from servers import Bluesky, BlueskyVideo, faketime
from smmqtest import SLOW, check, daemon, eq, main, need

HANDLE = "tulips.test"


def stage(own=None, video=False):
    pds = Bluesky()
    did = pds.account(HANDLE)
    own, service = dict(own or {}), BlueskyVideo(pds) if video else None
    if service:
        own["VideoURL"] = service.url
    d = daemon().account("bsky", "bluesky", BaseURL="http://localhost:%d" % pds.port, own=own,
                         credential={"identifier": HANDLE, "password": "password of " + HANDLE})
    return pds, did, d.start(), service


def film(d, name="a.mp4"):
    need("ffmpeg", "ffprobe")
    path = os.path.join(d.dir, name)
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=30:duration=2", "-pix_fmt", "yuv420p",
                    "-c:v", "libx264", path], check=True, timeout=120 * SLOW)
    return path


def only(pds, did):
    posts = pds.posts(did)
    eq(len(posts), 1, "records")
    return posts[0]["value"]


def shown_video(d, pds, did, path, embed):
    eq((embed["$type"], embed["alt"], embed["aspectRatio"]), ("app.bsky.embed.video", "A test picture", {"width": 320, "height": 240}), "embed")
    eq((embed["video"]["mimeType"], embed["video"]["size"]), ("video/mp4", os.path.getsize(path)), "blob")


def test_video_by_the_service():
    pds, did, d, service = stage(video=True)
    path = film(d)
    post = d.add("bsky", "Look", "--now", "-m", path, "--alt", "A test picture")
    d.wait_state(post, "published", 60)
    shown_video(d, pds, did, path, only(pds, did)["embed"])
    eq(service.log, ["getUploadLimits", "uploadVideo"] + ["getJobStatus"] * 3, "what the service was asked")
    # The same file again: the service knows it.
    again = d.add("bsky", "Look again", "--now", "-m", path, "--alt", "A test picture")
    d.wait_state(again, "published", 60)
    eq(len(pds.posts(did)), 2, "records")


def test_killed_while_the_service_works():
    pds, did, d, service = stage(video=True)
    path = film(d)
    service.questions = 4
    post = d.add("bsky", "Look", "--now", "-m", path, "--alt", "A test picture")
    while "getJobStatus" not in service.log:
        check(d.target(post)["state"] in ("queued", "sending"), "state while the service works", d.target(post))
    d.kill9()
    d.start()
    d.wait_state(post, "published", 60)
    shown_video(d, pds, did, path, only(pds, did)["embed"])
    eq(service.log.count("uploadVideo"), 1, "uploads")


def test_video_as_a_plain_blob():
    pds, did, d, _ = stage(own={"Video": "blob"})
    path = film(d)
    d.wait_state(d.add("bsky", "Look", "--now", "-m", path, "--alt", "A test picture"), "published", 60)
    shown_video(d, pds, did, path, only(pds, did)["embed"])


def test_gallery():
    pds, did, d, _ = stage()
    args = []
    for i in range(6):
        path = os.path.join(d.dir, "%d.png" % i)
        with open(path, "wb") as f:
            f.write(pictures.png(8 + i, 6))
        args += ["-m", path, "--alt", "Picture %d" % i]
    d.wait_state(d.add("bsky", "Six", "--now", *args), "published", 60)
    embed = only(pds, did)["embed"]
    eq(embed["$type"], "app.bsky.embed.gallery", "embed")
    eq([(i["alt"], i["aspectRatio"], i["image"]["mimeType"]) for i in embed["items"]],
       [("Picture %d" % i, {"width": 8 + i, "height": 6}, "image/png") for i in range(6)], "pictures")
    said = d.fails(65, "add", "-a", "bsky", "--now", *(args + args), "Twelve")
    check("the limit is 10" in said, "twelve pictures:", said)


def test_quote_and_label():
    pds, did, d, _ = stage()
    first = d.add("bsky", "First", "--now")
    url = d.wait_state(first, "published")["url"]
    ref = {k: pds.posts(did)[0][k] for k in ("uri", "cid")}
    d.wait_state(d.add("bsky", "What I said", "--now", "--quote", url), "published")
    eq(pds.posts(did)[1]["value"]["embed"], {"$type": "app.bsky.embed.record", "record": ref}, "a quote alone")
    path = os.path.join(d.dir, "a.png")
    with open(path, "wb") as f:
        f.write(pictures.png(8, 6))
    d.wait_state(d.add("bsky", "With a picture", "--now", "--quote", ref["uri"], "-m", path, "--alt", "Red", "--set", "Label=nudity"), "published")
    record = pds.posts(did)[2]["value"]
    eq((record["embed"]["$type"], record["embed"]["record"]["record"], record["embed"]["media"]["images"][0]["alt"]),
       ("app.bsky.embed.recordWithMedia", ref, "Red"), "a quote with a picture")
    eq(record["labels"], {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}, "labels")
    said = d.fails(65, "add", "-a", "bsky", "--now", "--quote", "12345", "Quoting nothing")
    check("address of a post" in said, "a quote of nothing:", said)


def test_thread_of_ten():
    pds, did, d, _ = stage()
    parts = ["part %d of ten" % i for i in range(1, 11)]
    with open(os.path.join(d.dir, "thread"), "w") as f:
        f.write("\n---\n".join(parts) + "\n")
    d.wait_state(d.run("add", "-a", "bsky", "--now", "--thread", f.name), "published", 60)
    posts = pds.posts(did)
    eq([p["value"]["text"] for p in posts], parts, "texts in the order of their keys")
    for i in range(1, 10):
        eq([posts[i]["value"]["reply"][k]["uri"] for k in ("root", "parent")], [posts[0]["uri"], posts[i - 1]["uri"]], "what part %d answers" % (i + 1))


def test_login_anew():
    """A hundred days later both tokens have ended: the password makes a new session, and the post goes out once."""
    pds, did, d, _ = stage()
    d.wait_state(d.add("bsky", "before", "--now"), "published")
    pds.stop()
    pds.start(faketime("+100d", sanitizers=False))
    d.wait_state(d.add("bsky", "a hundred days later", "--now"), "published", 60)
    eq(sorted(p["value"]["text"] for p in pds.posts(did)), ["a hundred days later", "before"], "records")


if __name__ == "__main__":
    main(globals())
