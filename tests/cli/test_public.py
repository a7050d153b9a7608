#!/usr/bin/env python3
"""Media at an address of ours: put into a directory that a web server shows, or into a bucket whose signatures are computed here anew;
seen from outside before the platform is sent there, fetched by it, and taken away after the post has ended."""
import hashlib
import hmac
import json
import os
import time
import urllib.parse
import urllib.request

import pictures
import smmqtest
from servers import Quiet, faketime, serve, shown
from smmqtest import check, daemon, eq, until

KEY, SECRET, REGION = "AKIDEXAMPLE", "se/cr+et", "eu-west-9"


class Threads:
    """The calls of the Threads API that a post with a picture takes; it fetches what it is told to, as the platform does."""

    def __init__(self):
        self.fetched, self.published = [], []
        outer = self

        class Handler(Quiet):
            def do_GET(self):
                path = self.path.split("?")[0]
                if path.endswith("/me"):
                    body = {"id": "178414", "username": "demo"}
                elif path.endswith("/threads_publishing_limit"):
                    body = {"data": [{"quota_usage": 0, "config": {"quota_total": 250, "quota_duration": 86400}}]}
                elif path.endswith("/c1"):
                    body = {"id": "c1", "status": "FINISHED"}
                else:
                    body = {"id": "p1", "permalink": "https://www.threads.example/@demo/post/1"}
                self.answer(200, json.dumps(body).encode())

            def do_POST(self):
                form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                if self.path.endswith("/threads_publish"):
                    outer.published.append(form["creation_id"])
                    self.answer(200, b'{"id":"p1"}')
                    return
                with urllib.request.urlopen(form["image_url"]) as r:
                    outer.fetched.append((form["image_url"], r.read()))
                self.answer(200, b'{"id":"c1"}')

        self.port = serve(Handler)


class Bucket:
    """An S3-compatible bucket that computes every signature itself (AWS signature version 4) and shows what it holds to everybody."""

    def __init__(self):
        self.files, self.refused, self.calls = {}, [], []
        outer = self

        def sign(key, text):
            return hmac.new(key, text.encode(), hashlib.sha256).digest()

        class Handler(Quiet):
            def authorised(self, body):
                auth = self.headers.get("Authorization", "")
                if not auth.startswith("AWS4-HMAC-SHA256 "):
                    return False
                parts = dict(p.strip().split("=", 1) for p in auth.split(" ", 1)[1].split(","))
                key, day, region, service, end = parts["Credential"].split("/")
                names = parts["SignedHeaders"].split(";")
                digest = self.headers["x-amz-content-sha256"]
                canonical = "\n".join([self.command, urllib.parse.quote(self.path, safe="/-_.~"), "",
                                       *["%s:%s" % (n, " ".join(self.headers[n].split())) for n in names], "", ";".join(names), digest])
                text = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], "/".join((day, region, service, end)),
                                  hashlib.sha256(canonical.encode()).hexdigest()])
                k = sign(sign(sign(sign(("AWS4" + SECRET).encode(), day), region), service), end)
                return (key == KEY and region == REGION and service == "s3" and "host" in names and "x-amz-content-sha256" in names and
                        hashlib.sha256(body).hexdigest() == digest and hmac.new(k, text.encode(), hashlib.sha256).hexdigest() == parts["Signature"])

            def write(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.calls.append((self.command, self.path))
                if not self.authorised(body):
                    outer.refused.append(self.path)
                    self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>", "application/xml")
                elif self.command == "PUT":
                    outer.files[self.path] = (self.headers["Content-Type"], body)
                    self.answer(200)
                else:
                    outer.files.pop(self.path, None)
                    self.answer(204)

            do_PUT = do_DELETE = write

            def do_GET(self):
                kind, body = outer.files.get(self.path, (None, None))
                self.answer(200 if kind else 404, body or b"", kind or "text/plain")

        self.port = serve(Handler)


def picture(d):
    path = os.path.join(d.dir, "a.png")
    data = pictures.png(640, 480)
    with open(path, "wb") as f:
        f.write(data)
    return path, data


def account(d, platform, **more):
    credential = {"access_token": "THAA" + "x" * 20}
    if "PublicBucket" in more:
        credential.update(access_key=KEY, secret_key=SECRET)
    d.account("brand", "threads", credential=credential, BaseURL="http://127.0.0.1:%d" % platform.port, **more)


def post_and_clean(d, platform, left):
    """One post with a picture; its file is there for the platform, and gone when it is over."""
    path, data = picture(d)
    ident = d.add("brand", "Loaf", "--now", "-m", path)
    d.wait_state(ident, "published", 60)
    eq(d.target(ident)["url"], "https://www.threads.example/@demo/post/1")
    eq(platform.published, ["c1"])
    eq([body for _, body in platform.fetched], [data], "what the platform fetched")
    name = platform.fetched[0][0].rsplit("/", 1)[1]
    check(name.startswith("smmq-") and name.endswith(".png") and len(name) > 35, "a name that cannot be guessed:", name)
    eq(left(), [name], "it stays a while, since platforms fetch late")
    d.run("check")
    d.stop()
    d.start(env=faketime("+2h"))
    until(lambda: left() == [], "it is taken away", 30)
    d.run("check")
    d.stop()


def test_a_directory():
    platform, d = Threads(), daemon()
    place = os.path.join(d.dir, "public")
    os.mkdir(place)
    account(d, platform, PublicURL="http://127.0.0.1:%d/m" % shown(place), PublicDirectory=place)
    d.start()
    post_and_clean(d, platform, lambda: os.listdir(place))


def test_a_bucket():
    platform, bucket, d = Threads(), Bucket(), daemon()
    address = "http://127.0.0.1:%d/media" % bucket.port
    account(d, platform, PublicURL=address, PublicBucket=address, PublicRegion=REGION)
    d.start()
    post_and_clean(d, platform, lambda: [p.rsplit("/", 1)[1] for p in bucket.files])
    eq(bucket.refused, [], "signatures")
    eq([c for c, _ in bucket.calls], ["PUT", "DELETE"])


def test_a_place_that_nobody_sees():
    """The directory is not what the address shows: said before anything is published, and nothing is."""
    platform, d = Threads(), daemon()
    place, other = os.path.join(d.dir, "public"), os.path.join(d.dir, "other")
    os.mkdir(place)
    os.mkdir(other)
    account(d, platform, PublicURL="http://127.0.0.1:%d/m" % shown(other), PublicDirectory=place)
    d.start()
    ident = d.add("brand", "Loaf", "--now", "-m", picture(d)[0])
    reason = until(lambda: d.target(ident)["reason"], "it says why", 30)
    check("answers 404" in reason and "PublicDirectory=" in reason, "what is wrong:", reason)
    eq((platform.fetched, platform.published), ([], []))
    err = daemon_without_place(platform)
    check("PublicURL=" in err, "at add:", err)


def daemon_without_place(platform):
    d = daemon()
    account(d, platform)
    d.start()
    return d.fails(65, "add", "-a", "brand", "--now", "-m", picture(d)[0], "Loaf")


if __name__ == "__main__":
    smmqtest.main(globals())
