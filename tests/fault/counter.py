#!/usr/bin/env python3
"""counter.py: a platform that counts: it speaks the statuses part of the Mastodon API and protects nobody from themselves. It has
no idempotency: every POST of a status that was read to its last byte makes one more status, whatever its key says and whether
or not anybody waits for the answer. What it made is what the public saw.

Any token is an account of its own. Answers are late by a random time; some are lost, some are 5xx although the work was done.
Prints "PORT n" and ends with its stdin. Beside the API:

    POST /_control   {"delay_ms":50,"drop":0.03,"fail":0.03,"refuse":0.02,"partial":0.01,"seed":7}   shares of all statuses posted
    POST /_rules     {"token":[{"part":"POST /api/v1/statuses","side":"answer","at":17,"how":"reset"}]}   used up in this order; answers those left
    GET  /_log?from=N        requests to post since the N-th: {token, text, key, made, received_ns, answered_ns, how}
    GET  /_statuses          every status made: [id, token, text, parent]
    GET  /_sizes             bytes of the largest request and answer of each kind that were seen

A rule cuts one exchange: side "request" closes after `at` bytes were read (the work is done only if that was all of it), side
"answer" after `at` bytes were written; a fraction is a share of all bytes, a negative number counts from the end. how is
"reset" or "close".
"""
import asyncio
import datetime
import hashlib
import json
import random
import socket
import struct
import sys
import threading
import time
import urllib.parse

MAKE = "POST /api/v1/statuses"
WORDS = {200: "OK", 404: "Not Found", 401: "Unauthorized", 500: "Internal Server Error", 503: "Service Unavailable"}


class Status:
    def __init__(self, number, token, body):
        self.id = str(1000 + number)
        self.token = token
        self.text = body.get("status") or ""
        self.parent = body.get("in_reply_to_id")
        self.visibility = body.get("visibility") or "public"
        self.media = body.get("media_ids") or []
        self.made = datetime.datetime.now(datetime.timezone.utc)

    def show(self):
        return {"id": self.id, "created_at": self.made.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (self.made.microsecond // 1000),
                "in_reply_to_id": self.parent, "visibility": self.visibility, "spoiler_text": "", "reblog": None, "poll": None,
                "application": {"name": "counted"}, "content": "<p>rendered otherwise than it was sent</p>",
                "url": "https://counter.example/@%s/%s" % (self.token, self.id), "uri": "https://counter.example/%s" % self.id,
                "media_attachments": [{"id": m, "type": "image"} for m in self.media]}


class Platform:
    """What the world has seen. Nothing is ever taken back."""

    def __init__(self):
        self.statuses, self.of_token, self.media, self.log = [], {}, {}, []
        self.rules, self.sizes = {}, {}
        self.control = {"delay_ms": 50, "drop": 0.0, "fail": 0.0, "refuse": 0.0, "partial": 0.0}
        self.random = random.Random(1)

    def make(self, token, body):
        status = Status(len(self.statuses), token, body)
        self.statuses.append(status)
        self.of_token.setdefault(token, []).append(status)
        for m in status.media:
            self.media[m] = status.id
        return status

    def fate(self):
        """What happens to a request to post: its work is done but for "refuse"."""
        chance = self.random.random()
        for name in ("refuse", "drop", "fail", "partial"):
            chance -= self.control[name]
            if chance < 0:
                return name
        return "ok"

    def read(self, token, path, query):
        """(status, body) of a GET."""
        parts = path.strip("/").split("/")
        if path == "/api/v1/accounts/verify_credentials":
            return 200, {"id": str(int(hashlib.sha256(token.encode()).hexdigest()[:12], 16)), "acct": token}
        if path == "/api/v2/instance":
            return 200, {"configuration": {"statuses": {"max_characters": 500, "max_media_attachments": 4}}}
        if path == "/api/v1/apps/verify_credentials":
            return 200, {"name": "counted"}
        if parts[:3] == ["api", "v1", "accounts"] and parts[4:] == ["statuses"]:
            low, high = int(query.get("since_id", -1)), int(query.get("max_id", 1 << 62))
            found = [s for s in reversed(self.of_token.get(token, [])) if low < int(s.id) < high]
            return 200, [s.show() for s in found[:min(int(query.get("limit", 20)), 40)]]
        if parts[:3] == ["api", "v1", "statuses"] and parts[4:] == ["source"]:
            status = next((s for s in self.of_token.get(token, []) if s.id == parts[3]), None)
            return (200, {"id": status.id, "text": status.text, "spoiler_text": ""}) if status else (404, {"error": "Record not found"})
        if parts[:3] == ["api", "v1", "media"] and len(parts) == 4:
            free = self.media.get(parts[3], "gone") is None
            return (200, {"id": parts[3]}) if free else (404, {"error": "Record not found"})
        return 404, {"error": "no such route: " + path}

    def inner(self, method, path, query, body):
        """The tests' own questions."""
        if path == "/_control":
            if "seed" in body:
                self.random = random.Random(body.pop("seed"))
            self.control.update(body)
            return {}
        if path == "/_rules":
            self.rules.update(body or {})
            return self.rules
        if path == "/_log":
            return self.log[int(query.get("from", 0)):]
        if path == "/_statuses":
            return [[s.id, s.token, s.text, s.parent] for s in self.statuses]
        if path == "/_sizes":
            return self.sizes
        return {"error": "no such route"}


def kind_of(method, path, query):
    """Requests of one kind have one name, whatever their ids."""
    parts = ["*" if p.isdigit() else p for p in path.split("/")]
    name = method + " " + "/".join(parts)
    return name + "?find" if path.endswith("/statuses") and query.get("limit") == "40" else name


def place(rule, size):
    """Where a rule cuts something of that size."""
    at = rule["at"]
    return int(at * size) if isinstance(at, float) else size + at if at < 0 else at


class Connection(asyncio.Protocol):
    """One after the other: a request is answered before the next is looked at."""

    def __init__(self, platform):
        self.platform, self.data, self.busy, self.transport = platform, b"", False, None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.data += data
        if not self.busy:
            self.look()

    def end(self, how):
        if how == "reset" and not self.transport.is_closing():
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def look(self):
        """Takes a whole request from what was read, if there is one. A rule that cuts the request acts as soon as so much of it came."""
        head, found, rest = self.data.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(fields.get("content-length", 0))
        path, _, query = target.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        token = fields.get("authorization", "Bearer ?").split(" ", 1)[1]
        kind = kind_of(method, path, query)
        size = len(head) + 4 + length
        rule = self.rule(token, kind)
        if rule and rule["side"] == "request" and place(rule, size) < size and len(self.data) >= place(rule, size):
            self.take(token, rule)
            self.end(rule["how"])
            return
        if len(rest) < length:
            return
        self.data = rest[length:]
        self.busy = True
        seen = self.platform.sizes.setdefault(kind, [0, 0])
        seen[0] = max(seen[0], size)
        if rule:
            self.take(token, rule)
        self.serve(method, path, query, token, kind, rest[:length], fields, rule)

    def rule(self, token, kind):
        rules = self.platform.rules.get(token)
        return rules[0] if rules and rules[0]["part"] == kind else None

    def take(self, token, rule):
        if self.platform.rules[token][0] is rule:
            self.platform.rules[token].pop(0)

    def serve(self, method, path, query, token, kind, body, fields, rule):
        p = self.platform
        if path.startswith("/_"):
            self.answer(200, p.inner(method, path, query, json.loads(body) if body else None), kind, None, None)
            return
        note, fate = None, "ok"
        if kind == MAKE:
            fate = "ok" if rule else p.fate()
            asked = json.loads(body)
            note = {"token": token, "text": asked.get("status"), "key": fields.get("idempotency-key"), "made": fate != "refuse",
                    "received_ns": time.monotonic_ns(), "answered_ns": None, "how": fate}
            p.log.append(note)
            status, out = (503, {"error": "not now"}) if fate == "refuse" else (200, p.make(token, asked).show())
        elif method == "POST" and path == "/api/v2/media":
            number = str(len(p.media) + 1)
            p.media[number] = None
            status, out = 200, {"id": number, "type": "image", "url": "https://counter.example/media/" + number}
        else:
            status, out = p.read(token, path, query)
        if fate == "fail":
            status, out = 500, {"error": "but it was done"}
        # The work is done; only the answer is late.
        delay_ms = 0 if rule else p.random.uniform(0, p.control["delay_ms"])
        asyncio.get_running_loop().call_later(delay_ms / 1000, self.answer, status, out, kind, note, rule)

    def answer(self, status, out, kind, note, rule):
        how = note["how"] if note else "ok"
        body = json.dumps(out).encode()
        data = ("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, WORDS[status], len(body))).encode() + body
        seen = self.platform.sizes.setdefault(kind, [0, 0])
        seen[1] = max(seen[1], len(data))
        if self.transport.is_closing():
            return
        if rule and (rule["side"] == "request" or place(rule, len(data)) < len(data)):
            self.transport.write(data[:place(rule, len(data)) if rule["side"] == "answer" else 0])
            self.end(rule["how"])
        elif how in ("drop", "partial"):
            self.transport.write(data[:self.platform.random.randrange(1, len(data)) if how == "partial" else 0])
            self.end(self.platform.random.choice(("reset", "close")))
        else:
            self.transport.write(data)
            if note:
                note["answered_ns"] = time.monotonic_ns()
            self.busy = False
            if self.data:
                self.look()


async def serve():
    platform, loop = Platform(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(platform), "127.0.0.1", 0, backlog=1024)
    print("PORT %d" % server.sockets[0].getsockname()[1], flush=True)
    done = asyncio.Event()

    def wait_for_stdin():
        sys.stdin.read()
        loop.call_soon_threadsafe(done.set)
    threading.Thread(target=wait_for_stdin, daemon=True).start()
    await done.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
