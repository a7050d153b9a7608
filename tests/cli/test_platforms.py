#!/usr/bin/env python3
"""The daemon and every platform, each played by a simulator that keeps to the vendor's contract (tests/cli/sim): the main kinds of
posts, lost answers, a daemon that dies, and one post for all of them.

Waiting after a lost answer is part of the contracts, so all platforms go through each of those at once, on one daemon."""
import hashlib
import os

import pictures
import smmqtest
from servers import Platform, shown
from smmqtest import check, daemon, eq, until

# What an account needs beside its address: "public": media are fetched from a place of ours; "credential": what the file holds, if not an
# access token alone; "own": the platform's own options; "media": what its simplest post shows; "provable": where a container, a key or an upload
# tells, a request that never arrived is sent again, where nothing does, a person is asked; "second": how a post of two acts is asked for.
THREAD, COMMENT = "--thread", "--first-comment"
PLATFORMS = {
    "bluesky": {"credential": {"identifier": "acme0.example", "password": "token-bluesky"}, "provable": True, "second": THREAD},
    "facebook": {"second": COMMENT},
    "instagram": {"public": True, "media": "jpeg", "provable": True, "second": COMMENT},
    "linkedin": {"second": COMMENT},
    "mastodon": {"credential": {"token": "token-mastodon"}, "provable": True, "second": THREAD},
    "pinterest": {"own": {"Board": "700001"}, "media": "jpeg"},
    "threads": {"public": True, "provable": True, "second": THREAD},
    "tiktok": {"own": {"Privacy": "public"}, "public": True, "media": "film", "provable": True},
    "x": {"second": THREAD},
    "youtube": {"own": {"Title": "Film"}, "media": "film", "provable": True, "second": COMMENT},
}
if not pictures.can_film():
    print("# films, tiktok and youtube are left out: there is no ffmpeg with libx264, or no ffprobe")
    PLATFORMS = {name: row for name, row in PLATFORMS.items() if row.get("media") != "film"}


def attach(d, name, account=None, own=None, **more):
    """Starts the simulator of a platform, and gives the daemon an account there."""
    account = account or name
    sim = Platform(name, "token-" + name)
    row = PLATFORMS[name]
    if row.get("public"):
        place = os.path.join(d.dir, "public." + account)
        os.mkdir(place)
        more.update(PublicURL="http://127.0.0.1:%d/m" % shown(place), PublicDirectory=place)
    d.account(account, name, credential=row.get("credential", {"access_token": sim.tokens[0]}), own=own or row.get("own"),
              BaseURL="http://127.0.0.1:%d" % sim.port, **more)
    return sim


def stage(names=PLATFORMS):
    """(daemon, {platform: simulator}); the daemon runs."""
    d = daemon()
    sims = {name: attach(d, name) for name in names}
    d.start()
    return d, sims


def write(d, name, data):
    path = os.path.join(d.dir, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def published(d, post, sim):
    """It stands there, and under the id that the daemon tells."""
    shown = d.wait_state(post, "published", 60)
    check(shown["remote_id"] in [p["id"] for p in sim.posts()], "%s: remote id %s of" % (sim.name, shown["remote_id"]), sim.posts())
    return shown


def texts(sim):
    return [p["text"] for p in sim.posts()]


def files(post):
    return [m["mime"] for m in post["media"]]


# ---- kinds: queued at the yield, looked at after all of them are published

def bluesky(d, sim, png, jpeg):
    text = "Grüße \U0001F337 https://bakery.example/ #Brot"
    yield [d.add("bluesky", text, "--now"), d.add("bluesky", "Loaf", "--now", "-m", png, "--alt", "A loaf", "-m", jpeg),
           d.run("add", "-a", "bluesky", "--now", "--thread", write(d, "b.thread", b"one\n---\ntwo\n---\nthree\n"))]
    posts = sim.posts()
    eq(texts(sim), [text, "Loaf", "one", "two", "three"], "texts")
    eq(len(posts[0]["record"]["facets"]), 2, "a link and a tag")
    eq((files(posts[1]), posts[1]["record"]["embed"]["images"][0]["alt"]), (["image/png", "image/jpeg"], "A loaf"), "pictures")
    eq([p["parent"] for p in posts[2:]], [None, posts[2]["id"], posts[3]["id"]], "parents")


def facebook(d, sim, png, jpeg):
    bread = "Zwei Laibe & mehr \U0001F35E"
    yield [d.add("facebook", bread, "--now", "-m", png, "--alt", "Ein Laib", "-m", jpeg, "--first-comment", "Rezept: +1"),
           d.add("facebook", "Frisch", "--now", "--link", "https://bakery.example/"),
           d.add("facebook", "", "--now", "--as", "story", "-m", jpeg)]
    two, link, story = sim.posts()
    eq((two["text"], files(two), two["media"][0]["alt"]), (bread, ["image/png", "image/jpeg"], "Ein Laib"), "photos")
    eq((link["text"], link["link"]), ("Frisch", "https://bakery.example/"), "a link")
    eq((story["kind"], files(story)), ("story", ["image/jpeg"]), "a story")
    eq([(c["text"], c["parent"]) for c in sim.dump()["comments"]], [("Rezept: +1", two["id"])], "comments")


def instagram(d, sim, png, jpeg):
    yield [d.add("instagram", "Fresh #bread", "--now", "-m", jpeg, "--alt", "A loaf", "--first-comment", "Recipe in bio"),
           d.add("instagram", "Two", "--now", "-m", jpeg, "-m", jpeg),
           d.add("instagram", "", "--now", "--as", "story", "-m", jpeg)]
    one, two, story = sim.posts()
    eq((one["text"], files(one), one["media"][0]["alt"]), ("Fresh #bread", ["image/jpeg"], "A loaf"), "a picture")
    eq((two["media_type"], two["text"], files(two)), ("CAROUSEL", "Two", ["image/jpeg"] * 2), "a carousel")
    eq((story["media_type"], files(story)), ("STORIES", ["image/jpeg"]), "a story")
    eq([(c["text"], c["parent"]) for c in sim.dump()["comments"]], [("Recipe in bio", one["id"])], "comments")


def linkedin(d, sim, png, jpeg):
    text = "Grüße (9 am) <all> https://x.example/a_b~c #shop_1 @nobody [x] {y} |z|"
    yield [d.add("linkedin", text, "--now", "--first-comment", "Order [here]: https://x.example/a_b"),
           d.add("linkedin", "Two", "--now", "-m", png, "--alt", "A loaf", "-m", jpeg),
           d.add("linkedin", "Paper", "--now", "--title", "Catalogue", "-m", write(d, "c.pdf", b"%PDF-1.4\n%%EOF\n"))]
    posts = sim.posts()
    eq(texts(sim), [text, "Two", "Paper"], "texts as the public sees them")
    eq((posts[1]["content"]["multiImage"]["images"][0]["altText"], files(posts[1])), ("A loaf", ["image/png", "image/jpeg"]), "pictures")
    eq(posts[2]["content"]["media"]["title"], "Catalogue")
    eq([c["text"] for c in sim.dump()["comments"]], ["Order [here]: https://x.example/a_b"], "comments")


def pinterest(d, sim, png, jpeg):
    yield [d.add("pinterest", "Three steps.", "--now", "--title", "Tulip care", "-m", jpeg, "--alt", "Red tulips", "--link",
                 "https://acme.example/tulips"), d.add("pinterest", "Two", "--now", "-m", jpeg, "-m", jpeg)]
    one, two = sim.posts()
    eq((one["description"], one["title"], one["alt_text"], files(one)), ("Three steps.", "Tulip care", "Red tulips", ["image/jpeg"]), "a Pin")
    check(one["link"].startswith("https://acme.example/tulips"), "its link:", one["link"])
    eq(files(two), ["image/jpeg"] * 2, "a carousel")


def threads(d, sim, png, jpeg):
    yield [d.add("threads", "Hello \U0001F35E", "--now"), d.add("threads", "Loaf", "--now", "-m", png, "--alt", "A loaf"),
           d.add("threads", "Two", "--now", "-m", png, "-m", jpeg),
           d.run("add", "-a", "threads", "--now", "--thread", write(d, "t.thread", b"one\n---\ntwo\n"))]
    posts = sim.posts()
    eq(texts(sim), ["Hello \U0001F35E", "Loaf", "Two", "one", "two"], "texts")
    eq((files(posts[1]), posts[1]["media"][0]["alt"]), (["image/png"], "A loaf"), "a picture")
    eq((posts[2]["media_type"], files(posts[2])), ("CAROUSEL", ["image/png", "image/jpeg"]), "a carousel")
    eq(posts[4]["parent"], posts[3]["id"], "a thread")


def x(d, sim, png, jpeg):
    text, big = "Brötchen & <mehr> https://bakery.example/a?b=c", pictures.png(900, 700, random=True)
    yield [d.add("x", text, "--now"), d.add("x", "Loaf", "--now", "-m", png, "--alt", "A loaf", "-m", jpeg),
           d.add("x", "Big", "--now", "-m", write(d, "big.png", big)),
           d.run("add", "-a", "x", "--now", "--thread", write(d, "x.thread", b"one\n---\ntwo\n---\nthree\n"))]
    posts = sim.posts()
    eq(texts(sim), [text, "Loaf", "Big", "one", "two", "three"], "texts")
    eq([p["parent"] for p in posts[3:]], [None, posts[3]["id"], posts[4]["id"]], "parents")
    eq([(m["alt"], m["mime"]) for m in posts[1]["media"]], [("A loaf", "image/png"), (None, "image/jpeg")], "pictures")
    eq([m["size"] for m in posts[2]["media"]], [len(big)], "a big one in chunks")
    check(sim.count("POST /2/media/upload/*/append") >= 2, "chunks")


KINDS = {"bluesky": bluesky, "facebook": facebook, "instagram": instagram, "linkedin": linkedin, "pinterest": pinterest, "threads": threads,
         "x": x}


def kinds():
    d, sims = stage(KINDS)
    png, jpeg = write(d, "a.png", pictures.png(640, 480)), write(d, "b.jpg", pictures.JPEG)
    under_way = {name: asked(d, sims[name], png, jpeg) for name, asked in KINDS.items()}
    ids = {name: next(looks) for name, looks in under_way.items()}

    def look():
        for name, looks in under_way.items():
            for ident in ids[name]:
                published(d, ident, sims[name])
            try:
                next(looks, None)
            except AssertionError as e:
                raise AssertionError("%s: %s" % (name, e)) from None
    return look


# ---- what gets lost

def media(d, name):
    """The options for what this platform's simplest post shows."""
    kind = PLATFORMS[name].get("media")
    if kind == "film":
        path = os.path.join(d.dir, "a.mp4")
        return ["-m", path if os.path.exists(path) else pictures.film(path)]
    return ["-m", write(d, "b.jpg", pictures.JPEG)] if kind else []


def simple(d, name, account=None):
    """A post of one act."""
    return d.add(account or name, "only once", "--now", *media(d, name))


def of_two(d, name, account):
    """A post of two acts."""
    if PLATFORMS[name]["second"] == THREAD:
        return d.run("add", "-a", account, "--now", "--thread", write(d, "thread", b"only once\n---\nmore\n"))
    return d.add(account, "only once", "--now", "--first-comment", "more", *media(d, name))


def acts(sim):
    """What the public sees, comments too."""
    dump = sim.dump()
    return [p["text"] for p in dump["posts"] + dump.get("comments", []) if not p["deleted"]]


def stands_once(d, post, sim, want, loses=True):
    shown = d.wait_state(post, "published", 90)
    check(not loses or [line for line in sim.dump()["log"] if line["status"] in (0, 500)], "%s: nothing was lost" % sim.name)
    eq(acts(sim), want, "%s: what stands" % sim.name)
    eq(shown["remote_id"], sim.posts()[0]["id"], "%s: remote id" % sim.name)


WAYS = {"after": {"drop_after": 1}, "error": {"fail_after": 1}, "before": {"drop_before": 1}, "second": {"skip": 1, "drop_after": 1}}


def lost():
    """Answers and requests get lost; what is to be looked at later."""
    d, sims, ids = daemon(), {}, {}
    for name in PLATFORMS:
        for way, switches in WAYS.items():
            if way == "second" and "second" not in PLATFORMS[name]:
                continue
            sims[name, way] = attach(d, name, account="%s-%s" % (name, way))
            sims[name, way].set(**switches)
    d.start()
    for name, way in sims:
        ids[name, way] = (of_two if way == "second" else simple)(d, name, "%s-%s" % (name, way))

    def look():
        for (name, way), sim in sims.items():
            if way == "before" and not PLATFORMS[name].get("provable"):
                reason = d.wait_state(ids[name, way], "unknown", 60)["reason"]
                check("closed" in reason, "%s: why it is not known:" % name, reason)
                eq(acts(sim), [], "%s: what stands of a request that was lost" % name)
            else:
                stands_once(d, ids[name, way], sim, ["only once", "more"] if way == "second" else ["only once"])
    return look


def killed():
    """The daemon dies while every platform has done its work and not answered yet."""
    d, sims = stage()
    for sim in sims.values():
        sim.set(delay_ms=20000)
    ids = {name: simple(d, name) for name in sims}
    for name, sim in sims.items():
        until(lambda: acts(sim), "%s: the post is made" % name)
    d.kill9()
    for sim in sims.values():
        sim.set(delay_ms=0)
    d.start()

    def look():
        for name, sim in sims.items():
            stands_once(d, ids[name], sim, ["only once"], loses=False)
    return look


# What each is asked for, and the switches that make it hard: small chunks, chunks refused or taken in part.
FILMS = {
    "facebook": ([[], ["--as", "reel"]], {"chunk_bytes": 65536, "wrong_offset": 1, "media_polls": 1}),
    "instagram": ([["--as", "reel"]], {}),
    "linkedin": ([[]], {"part_bytes": 65536}),
    "mastodon": ([[]], {"media_polls": 1}),
    "pinterest": ([["--title", "Film"]], {}),
    "threads": ([[]], {}),
    "tiktok": ([[]], {"media_polls": 1}),
    "x": ([[]], {"chunk_limit": 100000, "media_polls": 1}),
    "youtube": ([["--first-comment", "more"]], {"store_bytes": 262144 // 4}),
}


def films():
    """Every byte of a film arrives, whatever pieces the platform wants it in."""
    if not pictures.can_film():
        return lambda: None
    d, sims = stage(FILMS)
    path, ids = pictures.film(os.path.join(d.dir, "a.mp4")), {}
    with open(path, "rb") as f:
        want = hashlib.sha256(f.read()).hexdigest()
    for name, (asked, switches) in FILMS.items():
        sims[name].set(**switches)
        ids[name] = [d.add(name, "film %d" % n, "--now", "-m", path, *more) for n, more in enumerate(asked)]

    def look():
        for name, sim in sims.items():
            for ident in ids[name]:
                published(d, ident, sim)
            eq(texts(sim), ["film %d" % n for n in range(len(ids[name]))], "%s: films" % name)
            eq({p["media"][0]["sha256"] for p in sim.posts()}, {want}, "%s: their bytes" % name)
    return look


# Chunks of 64K: the request that begins an upload, the one for a piece, and how the size is asked for.
CHUNKS = {
    "facebook": ("POST /v*/*/*?upload_phase=start", "POST /v*/*/videos?upload_phase=transfer", {"chunk_bytes": 65536}, {}),
    "linkedin": ("POST /rest/*?action=initializeUpload", "PUT /dms-uploads/*/part/*", {"part_bytes": 65536}, {}),
    "x": ("POST /2/media/upload/initialize", "POST /2/media/upload/*/append", {}, {"ChunkSize": "64K"}),
}


def resumed():
    """The daemon dies in the middle of an upload: it goes on with the piece whose answer it did not see."""
    if not pictures.can_film():
        return lambda: None
    d = daemon()
    sims = {name: attach(d, name, own=row[3]) for name, row in CHUNKS.items()}
    path, ids = pictures.film(os.path.join(d.dir, "a.mp4")), {}
    with open(path, "rb") as f:
        data = f.read()
    d.start()
    for name, sim in sims.items():
        sim.set(media_delay_ms=2000, **CHUNKS[name][2])
        ids[name] = d.add(name, "film", "--now", "-m", path)
    for name, sim in sims.items():
        until(lambda: sim.count(CHUNKS[name][1]) == 2, "%s: a second piece is under way" % name)
    d.kill9()
    for sim in sims.values():
        sim.set(media_delay_ms=0)
    d.start()

    def look():
        for name, sim in sims.items():
            published(d, ids[name], sim)
            begin, piece = (sim.count(request) for request in CHUNKS[name][:2])
            pieces = (len(data) + 65535) // 65536
            check(begin == 1 and piece <= pieces + 1, "%s: begun, and pieces sent of %d:" % (name, pieces), begin, piece)
            eq([p["media"][0]["sha256"] for p in sim.posts()], [hashlib.sha256(data).hexdigest()], "%s: its bytes" % name)
    return look


def same_words():
    """The same words again are another post. Where the platform refuses what stands already, the second one is not published, and never taken
    for the first, however often it is looked for."""
    d, sims = stage()
    first = {name: simple(d, name) for name in sims}
    for name, sim in sims.items():
        published(d, first[name], sim)
    second = {name: simple(d, name) for name in sims}

    def look():
        for name, sim in sims.items():
            if name in ("facebook", "linkedin", "x"):
                target = d.target(second[name])
                check(target["state"] == "failed" or (name, target["state"]) == ("facebook", "unknown"), "%s: the second one:" % name, target)
                check("uplicate" in target["reason"], "%s: why:" % name, target["reason"])
                eq(acts(sim), ["only once"], "%s: what stands" % name)
            else:
                published(d, second[name], sim)
                eq(acts(sim), ["only once"] * 2, "%s: what stands" % name)
                eq(d.target(second[name])["remote_id"], sim.posts()[1]["id"], "%s: the second one's id" % name)
    return look


def refused_tokens():
    """A token that is refused pauses the account and burns nothing."""
    d, sims = stage()
    for sim in sims.values():
        sim.set(unauthorized=1)
    ids = {name: simple(d, name) for name in sims}
    for name, sim in sims.items():
        until(lambda: d.account_status(name)["state"] == "paused", "%s: the account is paused" % name)
        eq((d.target(ids[name])["state"], acts(sim)), ("queued", []), "%s: state, and what stands" % name)
        sim.set(unauthorized=0)
        d.wire().ok("RELEASE", {"account": name})

    def look():
        for name, sim in sims.items():
            published(d, ids[name], sim)
            eq(acts(sim), ["only once"], "%s: what stands" % name)
            check(sim.tokens[0] not in d.logs(), "%s: the token stands in the log" % name)
    return look


def used_up():
    """A quota that is used up is waited for."""
    d, sims = stage([name for name in ("instagram", "threads", "x") if name in PLATFORMS])
    limits = {"instagram": {"quota_total": 1}, "threads": {"quota_total": 1}, "x": {"post_limit": 1}}
    for name, sim in sims.items():
        sim.set(**limits[name])
    first = {name: simple(d, name) for name in sims}
    second = {name: d.add(name, "another", "--now", *media(d, name)) for name in sims}

    def look():
        for name, sim in sims.items():
            published(d, first[name], sim)
            reason = until(lambda: d.target(second[name])["reason"], "%s: it says why it waits" % name)
            eq((d.target(second[name])["state"], acts(sim)), ("queued", ["only once"]), "%s: state (%s), and what stands" % (name, reason))
    return look


# What platforms are known to do besides: the switches, what is asked for beside a text, the state it comes to and what is told of it.
QUIRKS = (
    ("instagram", {"blocked_next": 1}, [], "published", ""),
    ("threads", {"blocked_next": 1}, [], "published", ""),
    ("bluesky", {"forget_blobs": 1}, ["png"], "published", ""),
    ("linkedin", {"no_activity": 1}, ["--first-comment", "more"], "published", ""),
    ("linkedin", {"old_version": 1}, [], "queued", "Version="),
    ("linkedin", {"no_read": 1, "drop_after": 1}, [], "unknown", ""),
    ("x", {"no_credits": 1}, [], "queued", "credits"),
    ("pinterest", {"trial": 1}, [], "failed", "Trial access"),
    ("tiktok", {"private_only": 1}, [], "failed", "Privacy"),
    ("facebook", {"reel_limit": 0}, ["--as", "reel", "film"], "queued", "limit"),
)


def quirks():
    d, sims, ids = daemon(), {}, {}
    rows = [row for row in QUIRKS if row[0] in PLATFORMS and ("film" not in row[2] or pictures.can_film())]
    for n, (name, switches, _, _, _) in enumerate(rows):
        sims[n] = attach(d, name, account="%s-%d" % (name, n))
        sims[n].set(**switches)
    d.start()
    given = {"png": ["-m", write(d, "a.png", pictures.png(640, 480))]}
    if pictures.can_film():
        given["film"] = ["-m", pictures.film(os.path.join(d.dir, "a.mp4"))]
    for n, (name, _, asked, _, _) in enumerate(rows):
        more = [word for a in asked for word in given.get(a, [a])]
        ids[n] = d.add("%s-%d" % (name, n), "only once", "--now", *more, *media(d, name))

    def look():
        for n, (name, switches, asked, state, told) in enumerate(rows):
            what = "%s with %s" % (name, switches)
            if state == "published":
                published(d, ids[n], sims[n])
                eq(acts(sims[n]), ["only once", "more"] if "more" in asked else ["only once"], "%s: what stands" % what)
                continue
            target = until(lambda: d.target(ids[n])["reason"] and d.target(ids[n]), "%s: it says why" % what)
            check((target["state"], told in target["reason"]) == (state, True), "%s: want %s, %r:" % (what, state, told), target)
            eq(acts(sims[n]), ["only once"] if state == "unknown" else [], "%s: what stands" % what)
    return look


def test_everything_arrives_once_whatever_is_lost():
    """Side by side: most of it is waiting."""
    problems = []
    for name, look in [(begin.__name__, begin()) for begin in (lost, killed, resumed, films, same_words, kinds, quirks,
                                                                   refused_tokens, used_up)]:
        try:
            look()
        except AssertionError as e:
            problems.append("%s: %s" % (name, e))
    check(not problems, "\n".join(problems))


# ---- one for all

def test_one_post_for_all():
    """Each has its own text and picture; the one that refuses does not touch the others, and retry repeats that one alone."""
    d, sims = stage()
    sims["linkedin"].set(media_fail=1)
    names = sorted(sims)
    own = [word for name in names for word in ("--text-for", "%s=for %s" % (name, name))]
    jpeg, png = write(d, "b.jpg", pictures.JPEG), write(d, "a.png", pictures.png(640, 480))
    if "youtube" in names:
        own += ["--media-for", "youtube=" + pictures.film(os.path.join(d.dir, "a.mp4")), "--set", "youtube:Title=a film"]
    post = d.run("add", "-a", ",".join(names), "--now", *own, "-m", jpeg, "--media-for", "x=" + png, "for everybody")
    ids = {t["account"]: t["id"] for t in d.show(post)["targets"]}
    for name in names:
        d.wait_state(ids[name], "failed" if name == "linkedin" else "published", 60)
    for name in names:
        eq(acts(sims[name]), [] if name == "linkedin" else ["for " + name], "%s: what stands" % name)
    eq(files(sims["x"].posts()[0]), ["image/png"], "the picture of its own")
    eq(files(sims["facebook"].posts()[0]), ["image/jpeg"], "the picture of all")
    check("unsupported codec" in d.target(ids["linkedin"])["reason"], "the platform's words:", d.target(ids["linkedin"])["reason"])
    sims["linkedin"].set(media_fail=0)
    d.run("retry", ids["linkedin"])
    d.wait_state(ids["linkedin"], "published", 60)
    for name in names:
        eq(acts(sims[name]), ["for " + name], "%s: what stands after retry" % name)


if __name__ == "__main__":
    smmqtest.main(globals())
