"""servers.py: what a daemon under test posts to: the platforms' simulator, a real Bluesky server, a recorder of webhooks; and the
means to shift a program's clock.
"""
import base64
import glob
import hashlib
import http.client
import http.server
import json
import mimetypes
import os
import shutil
import subprocess
import tempfile
import threading

from smmqtest import HERE, SLOW, SMMQD, TOP, check, close_later, eq, skip, spawn

SIM = os.environ.get("SIM_PLATFORM") or os.path.join(TOP, "tests", "cli", "sim_platform")
CACHE = os.environ.get("SMMQ_TEST_CACHE") or os.path.join(TOP, "tests", "cli", "cache")


def served(args, env=None, timeout_s=60):
    """Starts a server that prints "PORT n" and ends with its stdin; (process, port)."""
    p = spawn(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(env or {})})
    line = p.stdout.readline().decode().split()
    check(len(line) == 2 and line[0] == "PORT", "%s did not say its port:" % args[0], line)
    return p, int(line[1])


def http_json(port, method, path, body=None, headers=None, raw=None):
    """(status, parsed body)."""
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = dict(headers or {})
    if body is not None:
        raw = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
    try:
        c.request(method, path, raw, headers)
        r = c.getresponse()
        data = r.read()
        return r.status, (json.loads(data) if data else None)
    finally:
        c.close()


class Platform:
    """One platform, played by the simulator (tests/cli/sim); the switches that every one has are listed in sim.h, its own in the table at the
    end of its file. Each token is an account of its own."""

    def __init__(self, name, *tokens):
        if not os.access(SIM, os.X_OK):
            skip("%s was not built (libmicrohttpd is needed)" % SIM)
        self.name, self.tokens = name, tokens or ("test-token",)
        self.process, self.port = served([SIM, name, *self.tokens])

    def set(self, **switches):
        status, body = http_json(self.port, "POST", "/_control", switches)
        eq(status, 200, "control of the simulator: %s" % body)

    def dump(self):
        return http_json(self.port, "GET", "/_control")[1]

    def posts(self):
        """What the public sees."""
        return [p for p in self.dump()["posts"] if not p["deleted"]]

    def count(self, request):
        return self.dump()["requests"].get(request, 0)


class Mastodon(Platform):
    def __init__(self, *tokens):
        super().__init__("mastodon", *tokens)

    statuses = Platform.posts


def serve(handler):
    """The port of a server that answers with this handler."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    close_later(lambda: (server.shutdown(), server.server_close()))
    return server.server_address[1]


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def shown(directory):
    """The port of a web server that shows a directory."""
    class Handler(Quiet):
        def do_GET(self):
            try:
                path = os.path.join(directory, os.path.basename(self.path))
                check(os.stat(path).st_mode & 0o004, "others may read it:", path)
                with open(path, "rb") as f:
                    self.answer(200, f.read(), mimetypes.guess_type(path)[0] or "application/octet-stream")
            except OSError:
                self.answer(404)

    return serve(Handler)


def bluesky_dir():
    """Installs the server once per build tree."""
    p = subprocess.run([os.path.join(HERE, "bluesky", "install.sh"), os.path.join(CACHE, "bluesky")], stderr=subprocess.PIPE)
    if p.returncode == 77:
        skip(p.stderr.decode().strip().splitlines()[-1])
    check(p.returncode == 0, "install.sh of the Bluesky server:", p.stderr.decode())
    return os.path.join(CACHE, "bluesky")


class Bluesky:
    """A real personal data server with accounts to post as."""

    def __init__(self):
        self.home = bluesky_dir()
        self.data = tempfile.mkdtemp(prefix="smmq-pds-")
        close_later(lambda: shutil.rmtree(self.data, ignore_errors=True))
        self.port = None
        self.start()

    def start(self, env=None):
        args = ["node", os.path.join(self.home, "server.mjs"), self.data] + ([str(self.port)] if self.port else [])
        self.process, self.port = served(args, env)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20 * SLOW)

    def call(self, method, body=None, token=None, query=""):
        headers = {"Authorization": "Bearer " + token} if token else {}
        return http_json(self.port, "GET" if body is None else "POST", "/xrpc/" + method + query, body, headers)

    def account(self, handle):
        """Makes an account: its DID."""
        status, body = self.call("com.atproto.server.createAccount", {
            "handle": handle, "email": handle + "@mail.test", "password": "password of " + handle})
        eq(status, 200, "createAccount: %s" % body)
        return body["did"]

    def posts(self, did):
        """All post records, oldest first: {uri, cid, value}."""
        out, cursor = [], ""
        while True:
            status, body = self.call("com.atproto.repo.listRecords", query="?repo=%s&collection=app.bsky.feed.post&limit=100&reverse=true%s"
                                     % (did, "&cursor=" + cursor if cursor else ""))
            eq(status, 200, "listRecords")
            out += body["records"]
            cursor = body.get("cursor")
            if not cursor or not body["records"]:
                return out


def sanitized():
    """Whether the daemon was built with the address sanitizer: memory figures and preloaded libraries differ."""
    with open(SMMQD, "rb") as f:
        return b"__asan_init" in f.read()


def faketime(shift, sanitizers=None):
    """The environment under which a program sees the wall clock shifted, "+1h" for example, and timers as they are."""
    libs = sorted(glob.glob("/usr/lib/*/faketime/libfaketime.so.1"))
    if not libs:
        skip("libfaketime is not installed")
    env = {"LD_PRELOAD": libs[0], "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1", "NO_FAKE_STAT": "1"}
    if sanitized() if sanitizers is None else sanitizers:
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return env


class BlueskyVideo:
    """Bluesky's video service as far as a poster meets it: it takes a video from whoever has the account's own word for it, works on it for
    some questions, and puts it into the account's repository with the token that it was given, where the real server judges that."""

    def __init__(self, pds, questions=2):
        self.pds, self.questions, self.jobs, self.log = pds, questions, {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def token(self):
                word = self.headers.get("Authorization", "").removeprefix("Bearer ")
                payload = word.split(".")[1]
                return word, json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

            def do_GET(self):
                path, _, query = self.path.partition("?")
                outer.log.append(path.rsplit(".", 1)[1])
                if path.endswith("getUploadLimits"):
                    claims = self.token()[1]
                    good = claims["lxm"] == "app.bsky.video.getUploadLimits" and claims["aud"] == "did:web:127.0.0.1"
                    self.answer(200 if good else 401, {"canUpload": True, "remainingDailyVideos": 24, "remainingDailyBytes": 10 ** 10} if good else
                                {"error": "InvalidToken", "message": "for somebody else: %s" % claims})
                else:
                    job = outer.jobs[query.removeprefix("jobId=")]
                    job["asked"] += 1
                    ready = job["asked"] > outer.questions
                    self.answer(200, {"jobStatus": {"jobId": "x", "did": "x", "state": "JOB_STATE_COMPLETED" if ready else "JOB_STATE_ENCODING",
                                                    **({"blob": job["blob"]} if ready else {})}})

            def do_POST(self):
                outer.log.append(self.path.partition("?")[0].rsplit(".", 1)[1])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                word, name = self.token()[0], "job-" + hashlib.sha256(body).hexdigest()[:8]
                if name in outer.jobs:
                    self.answer(409, {"error": "already_exists", "message": "Video already processed", "jobId": name, "state": "JOB_STATE_COMPLETED"})
                    return
                status, answer = http_json(outer.pds.port, "POST", "/xrpc/com.atproto.repo.uploadBlob", None,
                                           {"Authorization": "Bearer " + word, "Content-Type": "video/mp4"}, body)
                if status != 200:
                    self.answer(status, answer)
                    return
                outer.jobs[name] = {"asked": 0, "blob": answer["blob"]}
                self.answer(200, {"jobId": name, "did": "x", "state": "JOB_STATE_CREATED"})

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        close_later(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Webhook:
    """An HTTP server that keeps every request, (path, headers in lower case, body), and answers as told: a list of statuses, one per
    request, or a pair of status and further headers; 200 when it has run out. Status 0 closes the connection."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status = outer.answers.pop(0) if outer.answers else 200
                status, more = status if isinstance(status, tuple) else (status, {})
                if status == 0:
                    self.close_connection = True
                    return
                answer = json.dumps({"id": "hook-%d" % len(outer.requests)}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        close_later(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
