#!/usr/bin/env python3
"""The daemon and every platform, each played by a simulator that keeps to the vendor's contract (tests/cli/sim): the main kinds of
posts, lost answers, a daemon that dies, and one post for all of them.

Waiting after a lost answer is part of the contracts, so all platforms go through each of those at once, on one daemon."""
import json
import os

import pictures
import smmqtest
from servers import Platform
from smmqtest import check, daemon, eq, until

# name: the account's options beside its address, and what the credential holds beside the tokens
PLATFORMS = {
    "mastodon": {},
    "x": {},
    "linkedin": {},
}


def attach(d, name, account=None, **more):
    """Starts the simulator of a platform, and gives the daemon an account there."""
    sim = Platform(name, "token-" + name)
    row = dict(PLATFORMS[name])
    credential = {"access_token": sim.tokens[0], **row.pop("credential", {})}
    options = {**row, **more}
    d.account(account or name, name, credential=credential, BaseURL="http://127.0.0.1:%d" % sim.port, **options)
    return sim


def stage(name, **more):
    d = daemon()
    sim = attach(d, name, **more)
    d.start()
    return sim, d


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


def test_x_kinds():
    sim, d = stage("x")
    text = "Brötchen & <mehr> https://bakery.example/a?b=c"
    first = d.add("x", text, "--now")
    published(d, first, sim)
    picture = d.add("x", "Loaf", "--now", "-m", write(d, "a.png", pictures.png()), "--alt", "A loaf", "-m", write(d, "b.jpg", pictures.JPEG))
    published(d, picture, sim)
    big = pictures.png(900, 700, random=True)
    published(d, d.add("x", "Big", "--now", "-m", write(d, "big.png", big)), sim)
    thread = d.run("add", "-a", "x", "--now", "--thread", write(d, "thread", b"one\n---\ntwo\n---\nthree\n"))
    d.wait_state(thread, "published")
    posts = sim.posts()
    eq([p["text"] for p in posts], [text, "Loaf", "Big", "one", "two", "three"], "texts")
    eq([p["parent"] for p in posts[3:]], [None, posts[3]["id"], posts[4]["id"]], "parents")
    eq([(m["alt"], m["mime"]) for m in posts[1]["media"]], [("A loaf", "image/png"), (None, "image/jpeg")], "pictures")
    eq([(m["size"]) for m in posts[2]["media"]], [len(big)], "a big one in chunks")
    check(sim.count("POST /2/media/upload/*/append") >= 2, "chunks")


def test_linkedin_kinds():
    sim, d = stage("linkedin")
    sim.set(media_polls=1, no_activity=1)
    text = "Grüße (9 am) <all> https://x.example/a_b~c #shop_1 @nobody [x] {y} |z|"
    published(d, d.add("linkedin", text, "--now", "--first-comment", "Order [here]: https://x.example/a_b"), sim)
    published(d, d.add("linkedin", "One", "--now", "-m", write(d, "a.png", pictures.png()), "--alt", "A loaf"), sim)
    published(d, d.add("linkedin", "Two", "--now", "-m", write(d, "a.png", pictures.png()), "-m", write(d, "b.jpg", pictures.JPEG)), sim)
    published(d, d.add("linkedin", "Paper", "--now", "--title", "Catalogue", "-m", write(d, "c.pdf", b"%PDF-1.4\n%%EOF\n")), sim)
    posts = sim.posts()
    eq([p["text"] for p in posts], [text, "One", "Two", "Paper"], "texts as the public sees them")
    eq(posts[1]["content"]["media"]["altText"], "A loaf")
    eq([m["mime"] for m in posts[2]["media"]], ["image/png", "image/jpeg"], "pictures")
    eq(posts[3]["content"]["media"]["title"], "Catalogue")
    eq([c["text"] for c in sim.dump()["comments"]], ["Order [here]: https://x.example/a_b"], "comments")


if __name__ == "__main__":
    smmqtest.main(globals())
