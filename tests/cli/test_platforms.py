#!/usr/bin/env python3
"""The daemon and every platform, each played by a simulator that keeps to the vendor's contract (tests/cli/sim): the main kinds of
posts, lost answers, a daemon that dies, and one post for all of them.

Waiting after a lost answer is part of the contracts, so all platforms go through each of those at once, on one daemon."""
import os

import pictures
import smmqtest
from servers import Platform, shown
from smmqtest import check, daemon, eq, until

# What an account needs beside its address; "public": media are fetched from a place of ours; "credential": what the file holds, if not an
# access token alone.
PLATFORMS = {
    "facebook": {},
    "instagram": {"public": True},
    "linkedin": {},
    "mastodon": {"credential": {"token": "token-mastodon"}},
    "threads": {"public": True},
    "x": {},
}


def attach(d, name, account=None, **more):
    """Starts the simulator of a platform, and gives the daemon an account there."""
    account = account or name
    sim = Platform(name, "token-" + name)
    row = dict(PLATFORMS[name])
    credential = row.pop("credential", {"access_token": sim.tokens[0]})
    if row.pop("public", False):
        place = os.path.join(d.dir, "public." + account)
        os.mkdir(place)
        more.update(PublicURL="http://127.0.0.1:%d/m" % shown(place), PublicDirectory=place)
    d.account(account, name, credential=credential, BaseURL="http://127.0.0.1:%d" % sim.port, **row, **more)
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


KINDS = {"facebook": facebook, "instagram": instagram, "linkedin": linkedin, "threads": threads, "x": x}


def test_kinds():
    d, sims = stage(KINDS)
    png, jpeg = write(d, "a.png", pictures.png(640, 480)), write(d, "b.jpg", pictures.JPEG)
    under_way = {name: kinds(d, sims[name], png, jpeg) for name, kinds in KINDS.items()}
    ids = {name: next(looks) for name, looks in under_way.items()}
    for name, looks in under_way.items():
        for ident in ids[name]:
            published(d, ident, sims[name])
        try:
            next(looks, None)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (name, e)) from None


# ---- what gets lost

def simple(d, name, account=None):
    """A post of one act."""
    jpeg = write(d, "b.jpg", pictures.JPEG)
    more = {"instagram": ["-m", jpeg]}
    return d.add(account or name, "only once", "--now", *more.get(name, []))


def of_two(d, name, account=None):
    """A post of two acts: a thread where there are threads, else with a comment."""
    account, jpeg = account or name, write(d, "b.jpg", pictures.JPEG)
    if name in ("mastodon", "threads", "x"):
        return d.run("add", "-a", account, "--now", "--thread", write(d, "thread", b"only once\n---\nmore\n"))
    more = ["-m", jpeg] if name == "instagram" else []
    return d.add(account, "only once", "--now", "--first-comment", "more", *more)


def acts(sim):
    """What the public sees, comments too."""
    dump = sim.dump()
    return [p["text"] for p in dump["posts"] + dump.get("comments", []) if not p["deleted"]]


def stands_once(d, post, sim, want):
    shown = d.wait_state(post, "published", 90)
    eq(acts(sim), want, "%s: what stands" % sim.name)
    eq(shown["remote_id"], sim.posts()[0]["id"], "%s: remote id" % sim.name)


# Where a container or a key tells, a request that never arrived is sent again; where nothing does, a person is asked.
PROVABLE = ("instagram", "mastodon", "threads")
WAYS = {"after": {"drop_after": 1}, "error": {"fail_after": 1}, "before": {"drop_before": 1}, "second": {"skip": 1, "drop_after": 1}}


def lost():
    """Answers and requests get lost; what is to be looked at later."""
    d, sims, ids = daemon(), {}, {}
    for name in PLATFORMS:
        for way, switches in WAYS.items():
            sims[name, way] = attach(d, name, account="%s-%s" % (name, way))
            sims[name, way].set(**switches)
    d.start()
    for name, way in sims:
        ids[name, way] = (of_two if way == "second" else simple)(d, name, "%s-%s" % (name, way))

    def look():
        for (name, way), sim in sims.items():
            if way == "before" and name not in PROVABLE:
                d.wait_state(ids[name, way], "unknown", 60)
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
            stands_once(d, ids[name], sim, ["only once"])
    return look


def test_whatever_is_lost_there_is_one_post():
    """Both at once: most of it is waiting."""
    for look in (lost(), killed()):
        look()


# ---- one for all

def test_one_post_for_all():
    """Each has its own text and picture; the one that refuses does not touch the others, and retry repeats that one alone."""
    d, sims = stage()
    sims["linkedin"].set(media_fail=1)
    names = sorted(sims)
    own = [word for name in names for word in ("--text-for", "%s=for %s" % (name, name))]
    jpeg, png = write(d, "b.jpg", pictures.JPEG), write(d, "a.png", pictures.png(640, 480))
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
