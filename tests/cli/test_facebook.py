#!/usr/bin/env python3
"""Posting to a Page that a small simulator plays: what stands there is what was asked for, once, whatever gets lost."""
import http.server
import json
import os
import re
import threading
import time
import urllib.parse

import pictures
import smmqtest
from smmqtest import check, close_later, daemon, eq, until

PAGE, USER_TOKEN, PAGE_TOKEN = "5550001", "EAA-login", "EAA-page"


class Page:
    """The Graph API of one Page. fail: per path's last word a list of what to do to the next calls: "after" does it and answers 500,
    "drop" does it and answers nothing, "token" refuses the token, an object is the answer."""

    def __init__(self):
        self.posts, self.photos, self.comments, self.calls, self.fail = [], {}, [], [], {}
        self.next = 9000
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.take("GET", {})

            def do_POST(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.take("POST", fields_of(self.headers.get("Content-Type", ""), raw))

            def take(self, method, fields):
                url = urllib.parse.urlsplit(self.path)
                fields.update(urllib.parse.parse_qsl(url.query))
                status, body = outer.answer(method, url.path, fields, self.headers.get("Authorization", ""))
                if status == 0:
                    self.close_connection = True
                    return
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        close_later(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def number(self):
        self.next += 1
        return str(self.next)

    def answer(self, method, path, fields, authorization):
        path = re.sub(r"^/v[0-9.]+", "", path)
        what = path.rsplit("/", 1)[1]
        self.calls.append((method, path, fields))
        wanted = USER_TOKEN if path == "/me/accounts" else PAGE_TOKEN
        fail = self.fail.get(what, [])
        how = fail.pop(0) if fail else None
        if authorization != "Bearer " + wanted or how == "token":
            return 400, {"error": {"message": "bad token", "code": 190, "error_subcode": 460}}
        if isinstance(how, dict):
            return 400, {"error": how}
        done = getattr(self, "do_" + what, self.do_object)(method, path, fields)
        if how == "after":
            return 500, {"error": {"message": "An unexpected error has occurred. Please retry your request later.", "code": 2}}
        return (0, None) if how == "drop" else (200, done)

    def do_accounts(self, method, path, fields):
        return {"data": [{"id": PAGE, "name": "Demo Bakery", "access_token": PAGE_TOKEN, "tasks": ["CREATE_CONTENT"]}]}

    def do_photos(self, method, path, fields):
        eq(fields.get("published"), "false", "published= of a photo")
        ident = self.number()
        self.photos[ident] = fields
        return {"id": ident}

    def do_feed(self, method, path, fields):
        ident = "%s_%s" % (PAGE, self.number())
        shown = [p["media_fbid"] for p in json.loads(fields.get("attached_media", "[]"))]
        self.posts.insert(0, {"id": ident, "message": fields.get("message", ""), "link": fields.get("link"), "photos": shown,
                              "created_time": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()), "application": {"id": "1001"}})
        return {"id": ident}

    def do_published_posts(self, method, path, fields):
        return {"data": [{k: p[k] for k in ("id", "message", "created_time", "application")} for p in self.posts]}

    def do_comments(self, method, path, fields):
        if method == "POST":
            ident = path.split("/")[1].split("_")[1] + "_" + self.number()
            self.comments.append({"id": ident, "message": fields["message"], "from": {"id": PAGE}})
            return {"id": ident}
        return {"data": self.comments}

    def do_object(self, method, path, fields):
        ident = path[1:]
        if ident in self.photos:
            post = next((p["id"] for p in self.posts if ident in p["photos"]), None)
            return {"id": ident, **({"page_story_id": post} if post else {})}
        return {"id": ident, "permalink_url": "https://www.facebook.com/%s/posts/%s" % tuple(ident.split("_"))}


def fields_of(kind, raw):
    if not kind.startswith("multipart/"):
        return dict(urllib.parse.parse_qsl(raw.decode()))
    boundary = b"--" + kind.split("boundary=")[1].encode()
    fields = {}
    for part in raw.split(boundary)[1:-1]:
        head, body = part.strip(b"\r\n").split(b"\r\n\r\n", 1)
        name = re.search(rb'name="([^"]*)"', head).group(1).decode()
        fields[name] = body if b"filename=" in head else body.decode()
    return fields


def stage():
    page = Page()
    d = daemon().account("page", "facebook", BaseURL="http://127.0.0.1:%d" % page.port, credential={"access_token": USER_TOKEN})
    return page, d


def test_photos_and_comment():
    page, d = stage()
    d.start()
    names = []
    for name, data in (("a.png", pictures.png(8, 6)), ("b.jpg", pictures.JPEG)):
        names.append(os.path.join(d.dir, name))
        with open(names[-1], "wb") as f:
            f.write(data)
    post = d.add("page", "Zwei Laibe & mehr \U0001F35E", "--now", "-m", names[0], "--alt", "Ein Laib", "-m", names[1],
                 "--first-comment", "Rezept: +1")
    shown = d.wait_state(post, "published")
    eq(len(page.posts), 1, "posts")
    eq(page.posts[0]["message"], "Zwei Laibe & mehr \U0001F35E", "message")
    first, second = (page.photos[i] for i in page.posts[0]["photos"])
    eq(first["source"], pictures.png(8, 6), "first photo")
    eq(first["alt_text_custom"], "Ein Laib", "its description")
    eq(second["source"], pictures.JPEG, "second photo")
    eq([c["message"] for c in page.comments], ["Rezept: +1"], "comments")
    eq(shown["remote_id"], page.posts[0]["id"], "remote id")
    eq(shown["url"], "https://www.facebook.com/%s/posts/%s" % tuple(page.posts[0]["id"].split("_")), "address")


def test_answers_lost():
    """Whatever becomes of the answer, the post stands once: it is found by its words, or by its photo."""
    page, d = stage()
    page.fail["feed"] = ["after", "drop"]
    d.start()
    name = os.path.join(d.dir, "a.png")
    with open(name, "wb") as f:
        f.write(pictures.png(8, 6))
    text = d.add("page", "Frisches Brot", "--now")
    d.wait_state(text, "unknown")
    eq(d.wait_state(text, "published", 40)["remote_id"], page.posts[0]["id"], "remote id")
    photo = d.add("page", "", "--now", "-m", name)
    d.wait_state(photo, "unknown")
    eq(d.wait_state(photo, "published", 40)["remote_id"], page.posts[0]["id"], "remote id")
    eq(len(page.posts), 2, "posts")


def test_killed_before_the_post():
    """The photos are there, and the daemon dies: they are not sent once more, and the post goes out once."""
    page, d = stage()
    page.fail["feed"] = [{"message": "limit", "code": 32}]
    d.start()
    name = os.path.join(d.dir, "a.png")
    with open(name, "wb") as f:
        f.write(pictures.png(8, 6))
    post = d.add("page", "Laib", "--now", "-m", name)
    until(lambda: any(c[1].endswith("/feed") for c in page.calls), "the post was refused")
    until(lambda: d.target(post)["state"] == "queued", "it waits")
    d.kill9()
    d.start()
    d.wait_state(post, "published", 60)
    eq(len(page.photos), 1, "photos")
    eq(len(page.posts), 1, "posts")


def test_refused_token():
    """A token that is refused twice pauses the account; nothing is burnt, and nothing tells the token."""
    page, d = stage()
    page.fail["feed"] = ["token", "token"]
    d.start()
    post = d.add("page", "Laib", "--now")
    until(lambda: d.status()["accounts"][0]["state"] == "paused", "the account is paused")
    eq(d.target(post)["state"], "queued", "state")
    eq(len(page.posts), 0, "posts")
    check(USER_TOKEN not in d.logs() and PAGE_TOKEN not in d.logs(), "no token in the log")
    check(USER_TOKEN not in json.dumps(d.show(post)) + json.dumps(d.status()), "no token in an answer")


if __name__ == "__main__":
    smmqtest.main(globals())
