#!/usr/bin/env python3
"""smmq against a fake daemon that plays canned answers on a Unix socket.

Every test states what the client must send, byte for byte where it matters, and what it must print and return. The
client is $SMMQ, else $top_builddir/smmq, else ./smmq."""

import contextlib
import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SMMQ = os.path.abspath(os.environ.get("SMMQ") or os.path.join(os.environ.get("top_builddir", "."), "smmq"))
MAX_MEDIA = 1000
HELLO = {"server": "smmqd", "version": "9.9", "protocol": 1, "role": "admin", "verbs": [],
         "limits": {"max_media_bytes": MAX_MEDIA}}
CLOSE = object()        # the daemon closes without an answer
SILENT = object()       # the daemon reads on without an answer


def ok(value=None):
    return "OK\n" if value is None else "OK " + json.dumps(value, ensure_ascii=False) + "\n"


def err(code, message="no", **more):
    return "ERR %s %s\n" % (code, json.dumps({"message": message, "retryable": False, "safe_to_retry": True, **more}))


def data(*rows):
    return "".join("* " + json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def target(ident, account="brand", state="queued", **more):
    return {"id": ident, "account": account, "platform": "outbox", "state": state, "due": "2026-12-01T08:00:00Z",
            "due_ms": 1796112000000, "local": "2026-12-01T09:00:00+01:00", "zone": "Europe/Paris", "warnings": [], **more}


class Fake:
    """answers: a function of (connection number from 0, request line) that returns text, bytes, CLOSE or SILENT."""

    def __init__(self, path, answers):
        self.answers = answers
        self.lines = []          # every request of every connection, in order
        self.bodies = []         # of PUT
        self.connections = 0
        self.raw = 0             # bytes received in all
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(16)
        self.stopping = False
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            number = self.connections
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer, number), daemon=True).start()

    def serve(self, peer, number):
        stream = peer.makefile("rb")
        try:
            for raw in stream:
                self.raw += len(raw)
                line = raw.decode().rstrip("\n")
                self.lines.append(line)
                answer = self.answers(number, line)
                if line.startswith("PUT ") and not (isinstance(answer, str) and answer.startswith("ERR")):
                    body = stream.read(int(line.split()[2]))
                    self.raw += len(body)
                    self.bodies.append(body)
                if answer is CLOSE:
                    break
                if answer is SILENT:
                    continue
                peer.sendall(answer.encode() if isinstance(answer, str) else answer)
                if line.startswith("PUT ") and answer.startswith("ERR"):
                    break
        except (OSError, ValueError):
            pass
        try:
            peer.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        stream.close()
        peer.close()

    def close(self):
        """Waits for the accepting thread: it might take a connection of the next one, whose descriptor may be the same."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()

    def body(self, index=-1):
        """The JSON object of a request."""
        line = self.lines[index]
        return json.loads(line[line.index("{"):])


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="smmq")
        self.path = os.path.join(self.dir, "s")
        self.fakes = []
        self.addCleanup(shutil.rmtree, self.dir)

    def tearDown(self):
        for fake in self.fakes:
            fake.close()

    def fake(self, answers):
        """answers: a function, or a dict from verb to answer."""
        if isinstance(answers, dict):
            table = answers
            answers = lambda number, line: table.get(line.split(" ")[0], err("internal", "not expected: " + line))
        fake = Fake(self.path, answers)
        self.fakes.append(fake)
        return fake

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "XDG_RUNTIME_DIR")}
        return {**env, "SMMQ_SOCKET": self.path, "TZ": "UTC", **more}

    def run_smmq(self, *args, stdin=b"", env=None, timeout=60):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        p = subprocess.run([SMMQ, *args], input=stdin, capture_output=True, env=env or self.env(), timeout=timeout)
        self.out, self.err = p.stdout.decode(), p.stderr.decode()
        self.assertNotIn("Sanitizer", self.err)
        self.assertNotIn("runtime error", self.err)
        return p.returncode

    def expect(self, status, *args, **kw):
        got = self.run_smmq(*args, **kw)
        self.assertEqual(got, status, "smmq %s\nstdout: %s\nstderr: %s" % (" ".join(args), self.out, self.err))

    def on_terminal(self, *args, stdin_tty=False, columns=None, **env):
        master, slave = pty.openpty()
        environ = self.env(TERM="xterm", **env)
        if columns:
            environ["COLUMNS"] = str(columns)
        p = subprocess.Popen([SMMQ, *args], stdin=slave if stdin_tty else subprocess.DEVNULL, stdout=slave,
                             stderr=subprocess.PIPE, env=environ)
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
        os.close(master)
        self.err = p.stderr.read().decode()
        p.stderr.close()
        self.out = out.decode().replace("\r\n", "\n")
        return p.wait(60)

    def file(self, name, content):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path


class Usage(Case):
    def test_words(self):
        for args, words in [
                ((), "which command"),
                (("lst",), "did you mean list?"),
                (("zzz",), "smmq help lists them"),
                (("add", "--labl", "x"), "did you mean --label?"),
                (("add", "--best"), "no option --best"),
                (("add", "-a", "b", "--at"), "--at needs a value"),
                (("add", "-a", "b", "--now=1", "x"), "takes no value"),
                (("add", "-a", "b", "--max-late", "5m", "x"), "not a duration"),
                (("add", "-a", "b", "--past=maybe", "x"), "refuse|now|tomorrow"),
                (("add", "-a", "b", "--now", "hello", "world"), "put it in quotes"),
                (("add", "--now", "x"), "-a ACCOUNT"),
                (("add", "-a", "b,,c", "--now", "x"), "name is empty"),
                (("add", "-a", "b", "--now", "--at=+1h", "x"), "exclude each other"),
                (("add", "-a", "b", "--draft", "--hold", "x"), "exclude each other"),
                (("add", "-a", "b", "--now", "--alt", "x", "y"), "there is none"),
                (("add", "-a", "b", "--now", "--link-title", "x", "y"), "needs --link"),
                (("add", "-a", "b", "--now", "-f", "-", "y"), "one text only"),
                (("add", "-a", "b", "--now", "--text-for", "b", "y"), "ACCOUNT=TEXT"),
                (("add", "-a", "b", "--now", "--text-for", "b=1", "--text-for", "b=2", "y"), "given twice"),
                (("show",), "needs an id"),
                (("show", "abc"), "not an id"),
                (("cancel",), "say which"),
                (("cancel", "all"), "write ALL"),
                (("cancel", "42", "--label", "x"), "exclude each other"),
                (("list", "--state", "quued"), "did you mean queued?"),
                (("list", "x"), 'does not take "x"'),
                (("move", "42"), "--at TIME or --now"),
                (("edit", "42"), "nothing to change"),
                (("resolve", "42.1"), "say what is true"),
                (("resolve", "42.1", "--absent", "--remote-id", "x"), "goes with --published"),
                (("resolve", "42.1", "--absent", "--lookup"), "say what is true"),
                (("hold", "42", "--until", "+1h"), "--until and --backlog go with"),
                (("wait", "42", "--timeout", "10"), "not a duration"),
                (("help", "ad"), "did you mean add?"),
                (("-s", "x" * 200, "status"), "too long"),
        ]:
            with self.subTest(args=args):
                self.expect(64, *args)
                self.assertIn(words, self.err)
                self.assertEqual(self.out, "")

    def test_json_form(self):
        self.expect(64, "add", "--labl", "-j")
        answer = json.loads(self.out)
        self.assertEqual((answer["code"], answer["retryable"], answer["safe_to_retry"]), ("usage", False, True))
        self.assertIn("did you mean", answer["message"])

    def test_bad_bytes_in_arguments(self):
        p = subprocess.run([SMMQ, "add", "-a", "b", "--now", b"\xff\xfe"], capture_output=True, env=self.env())
        self.assertEqual(p.returncode, 64)
        self.assertIn(b"UTF-8", p.stderr)

    def test_terminal_without_text(self):
        self.assertEqual(self.on_terminal("add", "-a", "b", "--now", stdin_tty=True), 64)
        self.assertIn("no text", self.err)

    def test_help_is_the_table(self):
        self.expect(0, "help", "-j")
        rows = [json.loads(line) for line in self.out.splitlines()]
        names = [row["command"] for row in rows]
        self.assertEqual(names, "add list show status edit move cancel hold release retry resolve wait watch log account "
                                "reload drain check verify backup version help".split())
        for row in rows:
            self.expect(0, "help", row["command"])
            self.assertIn("usage: smmq %s" % row["command"], self.out)
            for option in row["options"]:
                self.assertIn("--" + option["name"], self.out)
        self.expect(0, "add", "--help")
        self.expect(0, "--version")
        self.assertRegex(self.out, r"^smmq \d")


    def test_completions_know_the_table(self):
        self.expect(0, "help", "-j")
        rows = [json.loads(line) for line in self.out.splitlines()]
        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "client", "completion")
        for name, option_form in (("smmq.bash", "--%s"), ("_smmq", "--%s"), ("smmq.fish", "-l %s")):
            with open(os.path.join(folder, name)) as f:
                text = f.read()
            for row in rows:
                with self.subTest(file=name, command=row["command"]):
                    self.assertRegex(text, r"\b%s\b" % row["command"])
                    for option in row["options"] + row["common"]:
                        self.assertRegex(text, re.escape(option_form % option["name"]) + r"(?![\w-])")


class Socket(Case):
    def test_absent_and_refused(self):
        self.expect(69, "status")
        self.assertIn(self.path, self.err)
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.path)
        s.close()
        self.expect(69, "-j", "add", "-a", "b", "--now", "x")
        self.assertEqual(json.loads(self.out)["code"], "unreachable")
        self.assertIn("nobody listens", self.err)

    def test_search(self):
        fake = self.fake({"STATUS": ok({"queued": 1, "accounts": []})})
        env = self.env()
        del env["SMMQ_SOCKET"]
        self.expect(0, "-s", self.path, "-j", "status", env=env)
        self.expect(0, "status", "--socket=" + self.path, env={**env, "SMMQ_SOCKET": "/nowhere"})
        os.mkdir(os.path.join(self.dir, "smmq"))
        os.symlink(self.path, os.path.join(self.dir, "smmq", "smmq.sock"))
        if not os.path.exists("/run/smmq/smmq.sock"):
            self.expect(0, "status", env={**env, "XDG_RUNTIME_DIR": self.dir})
            self.expect(69, "status", env={**env, "XDG_RUNTIME_DIR": "/nowhere"})
            self.assertIn("/nowhere/smmq/smmq.sock", self.err)
        self.assertGreaterEqual(fake.lines.count("STATUS"), 2)

    def test_not_smmqd(self):
        for noise in (b"HTTP/1.1 400 Bad Request\r\n", b"OK {bad\n", b"\xff\xfe\n", b"x" * 1200000 + b"\n", b"ERR \n", b"OK {\n"):
            with self.subTest(noise=noise[:20]):
                fake = self.fake(lambda number, line: noise)
                self.expect(69, "status")
                self.assertIn("protocol", self.err)
                fake.close()
                os.unlink(self.path)

    def test_turned_away(self):
        """A daemon at its limit says so at once and closes, perhaps before the request has arrived."""
        s = socket.socket(socket.AF_UNIX)
        s.bind(self.path)
        s.listen(1)

        def turn_away():
            peer, _ = s.accept()
            peer.sendall(err("busy", "too many connections").encode())
            peer.close()
        thread = threading.Thread(target=turn_away, daemon=True)
        thread.start()
        self.expect(75, "status")
        self.assertIn("too many connections", self.err)
        s.close()


class Add(Case):
    ADDED = {"id": 42, "repeated": False, "targets": [target("42.1"), target("42.2", "b2", warnings=["inside quiet hours"])]}

    def test_plain(self):
        fake = self.fake({"ADD": ok(self.ADDED)})
        self.expect(0, "add", "-a", "brand,b2", "--at", "2026-12-01 09:00", "Hello \u00e9\"\\\n")
        self.assertEqual(self.out, "42\n")
        self.assertEqual(self.err.splitlines(), [
            "42.1 brand: Tue 2026-12-01 09:00 Europe/Paris (2026-12-01T08:00:00Z)",
            "42.2 b2: Tue 2026-12-01 09:00 Europe/Paris (2026-12-01T08:00:00Z)",
            "42.2 b2: warning: inside quiet hours"])
        sent = fake.body()
        self.assertRegex(sent.pop("key"), "^[0-9a-f]{32}$")
        self.assertEqual(sent, {"accounts": ["brand", "b2"], "text": "Hello \u00e9\"\\\n", "at": "2026-12-01 09:00"})
        self.assertEqual(len(fake.lines), 1)

    def test_json_and_quiet(self):
        self.fake({"ADD": ok(self.ADDED)})
        self.expect(0, "add", "-j", "-q", "-abrand", "--now", "x")
        self.assertEqual(json.loads(self.out), self.ADDED)
        self.assertEqual(self.err, "")

    def test_every_option(self):
        fake = self.fake({"ADD": ok(self.ADDED)})
        self.expect(0, "add", "-a", "brand", "-a", "b2", "--now", "--past=tomorrow", "--link", "https://e.example/", "--link-title",
                    "T", "--link-description=D", "--text-for", "b2=other=text", "--first-comment", "C", "--label", "L", "--key",
                    "K", "--hold", "--late", "skip", "--max-late", "1h30min", "--expires", "fri 9:00", "--language", "en", "--", "-x")
        self.assertEqual(fake.body(), {
            "accounts": ["brand", "b2"], "text": "-x", "first_comment": "C",
            "link": {"url": "https://e.example/", "title": "T", "description": "D"}, "language": "en", "label": "L",
            "text_for": {"b2": "other=text"}, "past": "tomorrow", "late": "skip", "max_late": "1h30min", "expires": "fri 9:00",
            "now": True, "hold": True, "key": "K"})

    def test_text_sources(self):
        fake = self.fake({"ADD": ok(self.ADDED)})
        path = self.file("t", "from file\n\n")
        for args, stdin, text in [(("-",), "a\nb\n", "a\nb"), ((), "piped", "piped"), (("-f", path), "", "from file\n"),
                                  (("-f", "-"), "x\n", "x"), (("--", "-"), "not read", "-"), (("",), "not read", "")]:
            with self.subTest(args=args):
                self.expect(0, "add", "-a", "brand", "--now", *args, stdin=stdin)
                self.assertEqual(fake.body()["text"], text)

    def test_bad_texts(self):
        fake = self.fake({"ADD": ok(self.ADDED)})
        for stdin, words in [(b"\xff", "not UTF-8"), (b"a\0b", "NUL"), (b"x" * 1048577, "larger than"),
                             (b"\x01" * 300000, "request is larger")]:
            with self.subTest(words=words):
                self.expect(65, "add", "-a", "brand", "--now", "-", stdin=stdin)
                self.assertIn(words, self.err)
        self.expect(65, "add", "-a", "brand", "--now", "-f", "/nowhere/x")
        self.assertIn("/nowhere/x", self.err)
        self.assertEqual(fake.lines, [])

    def test_thread(self):
        fake = self.fake({"ADD": ok(self.ADDED)})
        path = self.file("t", "one\nmore\n---\ntwo --- x\n----\n--- \r\nthree\n")
        self.expect(0, "add", "-a", "brand", "--now", "--thread", path)
        self.assertEqual(fake.body()["parts"], [{"text": "one\nmore"}, {"text": "two --- x\n----"}, {"text": "three"}])
        self.assertNotIn("text", fake.body())
        many = "\n---\n".join("part %d" % i for i in range(90))
        self.expect(0, "add", "-a", "brand", "--now", "--thread", "-", stdin=many)
        self.assertEqual([p["text"] for p in fake.body()["parts"]], many.split("\n---\n"))
        count = len(fake.lines)
        for text in ("", "---\nx", "x\n---", "x\n---\n \n---\ny"):
            self.expect(65, "add", "-a", "brand", "--now", "--thread", self.file("t", text))
            self.assertIn("is empty", self.err)
        self.assertEqual(len(fake.lines), count)

    def test_media(self):
        def answers(number, line):
            if line.startswith("PUT"):
                return ok({"id": "%064x" % len(line), "name": "n", "size": 1})
            return ok(HELLO) if line.startswith("HELLO") else ok(self.ADDED)
        fake = self.fake(answers)
        one, two = self.file("my pic {1}.png", b"\0\n\xff" * 100), self.file("b.jpg", b"OK\n")
        self.expect(0, "add", "-a", "brand", "--now", "-m", one, "--alt", "first", "-m", two, "--link", "u", "--link-image", two,
                    "--alt", "card", "text")
        self.assertEqual(fake.lines[1:4], ["PUT my_pic__1_.png 300", "PUT b.jpg 3", "PUT b.jpg 3"])
        self.assertEqual(fake.bodies, [b"\0\n\xff" * 100, b"OK\n", b"OK\n"])
        ids = ["%064x" % len(line) for line in fake.lines[1:4]]
        self.assertEqual(fake.body()["media"], [{"id": ids[0], "name": "my pic {1}.png", "alt": "first"},
                                                {"id": ids[1], "name": "b.jpg"}])
        self.assertEqual(fake.body()["link"], {"url": "u", "thumb": {"id": ids[2], "name": fake.body()["link"]["thumb"]["name"], "alt": "card"}})
        self.assertEqual(fake.connections, 1)

    def test_media_too_large_never_sent(self):
        fake = self.fake({"HELLO": ok(HELLO)})
        small, large = self.file("s.png", b"x"), self.file("l.png", b"x" * (MAX_MEDIA + 1))
        self.expect(65, "add", "-a", "brand", "--now", "-m", small, "-m", large, "text", "-j")
        answer = json.loads(self.out)
        self.assertEqual(answer["code"], "too_large")
        self.assertIn("1001 bytes", answer["message"])
        self.assertEqual([line.split()[0] for line in fake.lines], ["HELLO"])
        self.assertEqual(fake.raw, len(fake.lines[0]) + 1)

    def test_media_refused(self):
        fake = self.fake(lambda number, line: ok(HELLO) if line.startswith("HELLO") else err("too_large", "full up"))
        self.expect(65, "add", "-a", "brand", "--now", "-m", self.file("s.png", b"x" * 900), "text")
        self.assertIn("full up", self.err)
        self.assertFalse([line for line in fake.lines if line.startswith("ADD")])
        for path, words in [("/nowhere.png", "No such file"), (self.dir, "regular file"), (self.file("e", ""), "empty")]:
            self.expect(65, "add", "-a", "brand", "--now", "-m", path, "text")
            self.assertIn(words, self.err)
        self.assertFalse([line for line in fake.lines if line.startswith("ADD")])

    def test_media_connection_lost(self):
        fake = self.fake(lambda number, line: ok(HELLO) if line.startswith("HELLO") else CLOSE)
        self.expect(69, "add", "-a", "brand", "--now", "-m", self.file("s.png", b"x" * 900), "text")
        self.assertIn("nothing was queued", self.err)
        self.assertFalse([line for line in fake.lines if line.startswith("ADD")])

    def test_broken_connection_repeats_with_the_same_key(self):
        fake = self.fake(lambda number, line: CLOSE if number == 0 else ok({**self.ADDED, "repeated": True}))
        self.expect(0, "add", "-a", "brand", "--now", "x")
        self.assertEqual(self.out, "42\n")
        self.assertEqual(len(fake.lines), 2)
        self.assertEqual(fake.lines[0], fake.lines[1])
        self.assertEqual(len(fake.body()["key"]), 32)

    def test_cut_answer_is_no_answer(self):
        fake = self.fake({"ADD": ok(self.ADDED)})

        def serve_cut(peer, number, serve=fake.serve):
            if number == 0:
                line = peer.makefile("rb").readline()
                fake.lines.append(line.decode().rstrip("\n"))
                peer.sendall(ok(self.ADDED)[:-10].encode())
                peer.shutdown(socket.SHUT_RDWR)
                peer.close()
            else:
                serve(peer, number)
        fake.serve = serve_cut
        self.expect(0, "add", "-a", "brand", "--now", "x")
        self.assertEqual(fake.lines[0], fake.lines[1])

    def test_answer_lost_twice(self):
        fake = self.fake(lambda number, line: CLOSE)
        self.expect(74, "-j", "add", "-a", "brand", "--now", "x")
        self.assertEqual(len(fake.lines), 2)
        key = fake.body()["key"]
        self.assertIn("--key " + key, self.err)
        answer = json.loads(self.out)
        self.assertEqual((answer["code"], answer["key"], answer["safe_to_retry"]), ("answer_lost", key, False))
        self.expect(74, "add", "-a", "brand", "--now", "--key", "mine", "x")
        self.assertIn("--key mine", self.err)
        self.assertEqual(self.out, "")

    def test_daemon_gone_after_the_request(self):
        fake = self.fake(lambda number, line: (fake.close(), os.unlink(self.path), CLOSE)[2])
        self.expect(74, "add", "-a", "brand", "--now", "x")
        self.assertIn("--key " + fake.body()["key"], self.err)

    def test_daemon_restarts(self):
        def answers(number, line):
            first.close()
            os.unlink(self.path)

            def back():
                time.sleep(0.3)
                self.second = self.fake({"ADD": ok(self.ADDED)})
            threading.Thread(target=back, daemon=True).start()
            return CLOSE
        first = self.fake(answers)
        self.expect(0, "add", "-a", "brand", "--now", "x")
        self.assertEqual(first.lines, self.second.lines)

    def test_refused(self):
        finding = {"account": "brand", "platform": "bluesky", "rule": "text", "limit": 300, "value": 301,
                   "message": "301 graphemes, at most 300"}
        self.fake({"ADD": err("refused", "1 of 1 targets refused", findings=[finding])})
        self.expect(65, "add", "-j", "-a", "brand", "--now", "x")
        self.assertIn("brand: 301 graphemes, at most 300", self.err)
        answer = json.loads(self.out)
        self.assertEqual((answer["code"], answer["findings"]), ("refused", [finding]))
        self.expect(65, "add", "-a", "brand", "--now", "x")
        self.assertEqual(self.out, "")

    def test_statuses(self):
        for code, status in [("usage", 64), ("invalid", 65), ("conflict", 65), ("no_account", 67), ("no_item", 68), ("busy", 75),
                             ("no_space", 75), ("stopping", 75), ("in_flight", 4), ("denied", 77), ("config", 78), ("io", 74),
                             ("internal", 70), ("from_the_future", 65)]:
            with self.subTest(code=code):
                fake = self.fake({"ADD": err(code)})
                self.expect(status, "add", "-a", "brand", "--now", "x")
                self.assertEqual(len(fake.lines), 1)
                fake.close()
                os.unlink(self.path)

    def test_dry_run(self):
        part = {"text": "Hi @a\nthere", "used": 283, "limit": 300, "remaining": 17, "unit": "graphemes", "bytes": 290,
                "byte_limit": 3000, "facets": [{"kind": "mention", "start": 3, "end": 5, "value": "@a"}]}
        preview = {"dry_run": True, "ok": True, "targets": [{**target(None), "findings": [], "parts": [part]}]}
        fake = self.fake({"ADD": ok(preview)})
        self.expect(0, "add", "-a", "brand", "--now", "--dry-run", "x")
        self.assertEqual(fake.body(), {"accounts": ["brand"], "text": "x", "now": True, "dry_run": True})
        self.assertEqual(self.out.splitlines(), [
            "brand (outbox): Tue 2026-12-01 09:00 Europe/Paris (2026-12-01T08:00:00Z)",
            "  283 of 300 graphemes, 17 left; 290 of 3000 bytes", "  | Hi @a", "  | there", "    mention @a"])
        preview["ok"] = False
        preview["targets"][0]["findings"] = [{"account": "brand", "message": "too long"}]
        fake.answers = lambda number, line: ok(preview)
        self.expect(65, "add", "-a", "brand", "--now", "-n", "x")
        self.assertIn("refused: too long", self.out)
        self.expect(65, "add", "-a", "brand", "--now", "-n", "-j", "x")
        self.assertEqual(json.loads(self.out), preview)

    def test_full_disk_behind_stdout(self):
        self.fake({"ADD": ok(self.ADDED)})
        with open("/dev/full", "w") as full:
            p = subprocess.run([SMMQ, "add", "-a", "brand", "--now", "x"], stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, env=self.env())
        self.assertEqual(p.returncode, 74)
        self.assertIn(b"queued as 42", p.stderr)


class Lists(Case):
    def rows(self, first, count):
        return [{**target("%d.1" % i), "label": "l", "text": "text %d\nmore\ttab" % i, "parts": 1, "media": 0, "url": None,
                 "reason": None, "gate": None, "rev": 1} for i in range(first, first + count)]

    def pages(self, number, line):
        body = json.loads(line[5:])
        cursor = body.get("cursor")
        if cursor is None:
            return data(*self.rows(1, 2)) + ok({"count": 2, "cursor": "c1"})
        if cursor == "c1":
            return ok({"count": 0, "cursor": "c2"})
        return data(*self.rows(3, 1)) + ok({"count": 1, "cursor": None})

    def test_pages(self):
        fake = self.fake(self.pages)
        self.expect(0, "list", "--account", "brand", "--label", "l")
        self.assertEqual([line.split("\t")[0] for line in self.out.splitlines()], ["1.1", "2.1", "3.1"])
        self.assertEqual(self.out.splitlines()[0], "1.1\tqueued\t2026-12-01T08:00:00Z\tbrand\tl\t-\t-\t-\ttext 1 more tab")
        first = fake.body(0)
        self.assertEqual((first["account"], first["label"]), ("brand", "l"))
        self.assertEqual(first["state"], ["draft", "queued", "sending", "unknown", "held", "failed"])
        self.assertEqual([fake.body(i).get("cursor") for i in range(3)], [None, "c1", "c2"])
        self.expect(0, "-j", "list", "--all")
        self.assertEqual([json.loads(line)["id"] for line in self.out.splitlines()], ["1.1", "2.1", "3.1"])
        self.assertNotIn("state", fake.body())
        self.expect(0, "list", "--state", "held,published")
        self.assertEqual(sorted(fake.body()["state"]), ["held", "published"])

    def test_limit(self):
        fake = self.fake(self.pages)
        self.expect(0, "list", "--limit", "1")
        self.assertEqual(len(self.out.splitlines()), 1)
        self.assertEqual(fake.body(0)["limit"], 1)

    def test_terminal(self):
        self.fake(self.pages)
        self.assertEqual(self.on_terminal("list", columns=72), 0)
        lines = self.out.splitlines()
        self.assertIn("\033[1mID\033[0m", lines[0])
        plain = [re.sub("\033\\[[0-9;]*m", "", line) for line in lines]
        self.assertTrue(all(len(line) <= 72 for line in plain), plain)
        self.assertIn("Tue 2026-12-01 09:00", plain[1])
        self.assertEqual(self.on_terminal("list", NO_COLOR="1"), 0)
        self.assertNotIn("\033", self.out)

    def test_hostile_strings(self):
        bad = "\x1b]0;owned\x07\x9b31m\u202egnp.exe\x7f"
        row = {**self.rows(1, 1)[0], "text": bad, "account": bad}
        post = {"id": 1, "label": bad, "by": bad, "parts": [{"text": bad, "media": []}], "targets": [target("1.1", reason=bad)]}
        self.fake({"LIST": ("* " + json.dumps(row, ensure_ascii=True) + "\n" + ok({"count": 1, "cursor": None})),
                   "SHOW": "OK " + json.dumps(post) + "\n", "STATUS": "ERR denied " + json.dumps({"message": bad}) + "\n"})
        for args in (("list",), ("show", "1")):
            self.assertEqual(self.on_terminal(*args, NO_COLOR="1"), 0)
            self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", self.out), repr(self.out))
            self.assertIn("\\u001b", self.out)
        self.expect(77, "status")
        self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", self.err), repr(self.err))
        raw = json.dumps({**self.rows(1, 1)[0], "text": "\x9b\u00e9"}, ensure_ascii=False)
        self.fakes[0].answers = lambda number, line: "* " + raw + "\n" + ok({"count": 1, "cursor": None})
        self.expect(0, "list", "-j")
        self.assertNotIn("\x9b", self.out)
        self.assertEqual(json.loads(self.out), json.loads(raw))

    def test_epipe(self):
        def endless(number, line):
            return data(*self.rows(1, 200)) + ok({"count": 200, "cursor": "again"})
        self.fake(endless)
        p = subprocess.Popen([SMMQ, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env())
        p.stdout.readline()
        p.stdout.close()
        self.assertEqual(p.wait(20), 0)
        self.assertEqual(p.stderr.read(), b"")
        p.stderr.close()

    def test_show(self):
        post = {"id": 42, "key": "k", "label": "launch", "created_ms": 1796112000000, "by": "ann", "rev": 3, "language": "en",
                "parts": [{"text": "one", "media": [{"id": "aa", "alt": "A cat", "name": "c.png", "mime": "image/png", "size": 2048,
                                                     "width": 10, "height": 20}]}, {"text": "two", "media": []}], "card": None,
                "targets": [target("42.1", state="unknown", reason="no answer", want={"kind": "at", "text": "fri 9:00"}),
                            target("42.2", state="failed", url="https://x.example/1")]}
        fake = self.fake(lambda number, line: ok(post) if line == "SHOW 42" else err("no_item", "there is no item 7"))
        self.expect(68, "show", "42", "7", "42")
        self.assertEqual(fake.lines, ["SHOW 42", "SHOW 7", "SHOW 42"])
        for words in ("launch", "part 1 of 2", "  | one", "image/png 10x20 2K", "A cat", "no answer", "asked      fri 9:00",
                      "smmq resolve 42.1 --absent", "smmq retry 42.2", "https://x.example/1"):
            self.assertIn(words, self.out)
        self.assertIn("7: there is no item 7", self.err)
        self.expect(0, "show", "-j", "-", stdin="42\tqueued\n\n{\"id\":\"42\",\"state\":\"x\"}\n# comment\n")
        self.assertEqual([json.loads(line) for line in self.out.splitlines()], [post, post])

    def test_many_ids_pipelined(self):
        fake = self.fake(lambda number, line: ok({"id": int(line.split()[1]), "targets": []}))
        ids = [str(i) for i in range(1, 301)]
        self.expect(0, "show", "-j", *ids)
        self.assertEqual([json.loads(line)["id"] for line in self.out.splitlines()], list(range(1, 301)))
        self.expect(0, "show", "-j", "-", stdin="\n".join(ids))
        self.assertEqual(len(self.out.splitlines()), 300)
        self.assertEqual(fake.connections, 2)


class Status(Case):
    def status(self, **more):
        account = {"name": "brand", "platform": "outbox", "state": "ready", "reason": None, "queued": 2, "sending": 0, "unknown": 0,
                   "failed": 0, "next_due": None, "next_due_ms": None, "late": more.pop("late", 0)}
        account.update(more.pop("account", {}))
        return ok({"version": "9.9", "pid": 7, "started_ms": 1, "now_ms": 100001, "queued": 2, "unknown": 0, "failed": 0, **more,
                   "gates": [{"name": "all", "reason": "fire drill", "by": "ann", "since_ms": 1, "until_ms": None}],
                   "accounts": [account]})

    def test_check(self):
        for more, status, words in [({}, 0, "OK: 2 queued"), ({"late": 3}, 1, "WARNING: 3 late"), ({"unknown": 1}, 2, "1 unknown"),
                                    ({"failed": 2, "late": 1}, 2, "CRITICAL: 2 failed, 1 late"),
                                    ({"account": {"token_until_ms": 3600000}}, 1, "WARNING: token ends soon: brand"),
                                    ({"account": {"token_until_ms": 100001 + 73 * 3600000}}, 0, "OK"),
                                    ({"account": {"state": "paused"}}, 2, "account paused: brand")]:
            with self.subTest(more=more):
                fake = self.fake({"STATUS": self.status(**more)})
                self.expect(status, "status", "--check")
                self.assertIn(words, self.out)
                self.assertEqual(len(self.out.splitlines()), 1)
                fake.close()
                os.unlink(self.path)
        self.expect(2, "status", "--check")
        self.assertIn("CRITICAL: cannot reach smmqd", self.out)
        self.expect(2, "status", "--check", "-j")
        self.assertEqual(json.loads(self.out)["code"], "unreachable")

    def test_report(self):
        self.fake({"STATUS": self.status(unknown=1, account={"state": "paused", "reason": "token refused"})})
        self.expect(0, "status")
        lines = self.out.splitlines()
        self.assertTrue(lines[0].startswith("1 unknown"))
        self.assertIn("account brand is paused: token refused  (smmq release --account brand)", lines)
        self.assertIn("2 queued  1 unknown", lines)
        self.assertIn("fire drill, by ann", self.out)
        self.assertIn("smmqd 9.9, pid 7, up 1min", self.out)

    def test_token_ends(self):
        self.fake({"STATUS": self.status(account={"token_until_ms": 3600000, "next_due_ms": 7200000})})
        self.expect(0, "status")
        self.assertRegex(self.out, "the token of account brand ends .*; the next post would fail at .*smmq account login brand")

    def test_login(self):
        states = [{"state": "ready", "session_ms": 0}, {"state": "ready", "session_ms": 5, "remote_name": "brand.example"}]

        def reply(number, line):
            if line.startswith("ACCOUNTS"):
                return data({"name": "brand", **(states.pop(0) if len(states) > 1 else states[0])}) + ok({"count": 1})
            return ok({"account": "brand", "url": "https://x.example/authorize?state=s"} if "redirect" in line else {"account": "brand"})

        fake = self.fake(reply)
        self.expect(0, "account", "login", "brand", stdin="http://127.0.0.1:8765/?code=c&state=s\n")
        self.assertEqual(self.out, "https://x.example/authorize?state=s\n")
        self.assertIn("brand is logged in as brand.example.", self.err)
        self.assertEqual([line for line in fake.lines if line.startswith("LOGIN")], [
            'LOGIN {"account":"brand","redirect":"http://127.0.0.1:8765/"}',
            'LOGIN {"account":"brand","answer":"http://127.0.0.1:8765/?code=c&state=s"}'])
        self.expect(0, "account", "login", "brand", "--redirect", "https://here.example/cb", stdin="")
        self.assertIn("--answer", self.err)
        self.assertEqual(fake.lines[-1], 'LOGIN {"account":"brand","redirect":"https://here.example/cb"}')
        self.expect(64, "account", "brand", "--answer", "x")

    def test_login_refused(self):
        self.fake(lambda number, line: data({"name": "brand", "state": "paused", "reason": "the login was refused"}) + ok({"count": 1})
                  if line.startswith("ACCOUNTS") else ok({"account": "brand"}))
        self.expect(65, "account", "login", "brand", "--answer", "c0de")
        self.assertIn("brand: the login was refused", self.err)

    def test_account(self):
        row = {"name": "brand", "platform": "outbox", "zone": "UTC", "state": "ready", "queued": 1}
        fake = self.fake(lambda number, line: err("no_account", 'no account "x"') if '"x"' in line else data(row) + ok({"count": 1}))
        self.expect(0, "account", "-j")
        self.assertEqual(json.loads(self.out), row)
        self.expect(67, "account", "x", "brand")
        self.assertTrue(self.out.startswith("brand\toutbox\tready\t1\t-\tUTC"))
        self.assertEqual(fake.lines[1:], ['ACCOUNTS {"name":"x"}', 'ACCOUNTS {"name":"brand"}'])


class Changes(Case):
    def test_requests(self):
        """What each command line becomes, and what of the answer it prints."""
        ids = {"ids": ["42.1"], "in_flight": []}
        for args, line, answer, status, out in [
                (("edit", "42", "new"), 'EDIT 42 {"text":"new"}', {"id": 42, "rev": 2}, 0, "42\n"),
                (("edit", "42", "--no-link", "--no-label", "--no-media", "--if-rev", "3"),
                 'EDIT 42 {"media":[],"link":null,"label":null,"if_rev":3}', {"id": 42}, 0, "42\n"),
                (("move", "42.1", "--at=+2h", "--past=now"), 'MOVE 42.1 {"at":"+2h","past":"now"}',
                 {"id": 42, "targets": [target("42.1")]}, 0, "42\n"),
                (("move", "42", "--now"), 'MOVE 42 {"now":true}', {"id": 42, "targets": []}, 0, "42\n"),
                (("cancel", "42.1"), "CANCEL 42.1", {"cancelled": 1, "more": False, **ids}, 0, "42.1\n"),
                (("cancel", "42"), "CANCEL 42", {"cancelled": 1, "ids": ["42.1"], "in_flight": ["42.2"]}, 4, "42.1\n"),
                (("cancel", "--label", "l", "--state", "held"), 'CANCEL {"label":"l","state":["held"]}',
                 {"cancelled": 1, "more": False, **ids}, 0, "42.1\n"),
                (("cancel", "ALL"), 'CANCEL {"all":true}', {"cancelled": 0, "ids": [], "more": False}, 0, ""),
                (("cancel", "42", "43.1", "--dry-run"), 'CANCEL {"dry_run":true,"ids":["42","43.1"]}',
                 {"cancelled": 1, "more": False, **ids}, 0, "42.1\n"),
                (("hold", "42.1", "--reason", "legal"), 'HOLD 42.1 {"reason":"legal"}', {"held": 1, **ids}, 0, "42.1\n"),
                (("hold", "42.1"), "HOLD 42.1", {"held": 1, **ids}, 0, "42.1\n"),
                (("hold", "ALL", "--reason", "r", "--until", "+1h"), 'HOLD {"all":true,"reason":"r","until":"+1h"}',
                 {"gate": "all", "in_flight": []}, 0, "all\n"),
                (("hold", "-a", "brand", "-r", "r"), 'HOLD {"account":"brand","reason":"r"}',
                 {"gate": "account:brand", "in_flight": ["7.1"]}, 4, "account:brand\n"),
                (("release", "42.1"), "RELEASE 42.1", {"released": 1, **ids}, 0, "42.1\n"),
                (("release", "--gate", "label:x"), 'RELEASE {"gate":"label:x"}', {"gate": "label:x"}, 0, "label:x\n"),
                (("release", "ALL"), 'RELEASE {"all":true}', {"gate": "all"}, 0, "all\n"),
                (("retry", "42.1"), "RETRY 42.1", {"retried": 1, "ids": ["42.1"]}, 0, "42.1\n"),
                (("resolve", "42.1", "--published", "u"), 'RESOLVE 42.1 {"as":"published","url":"u"}',
                 {"id": "42.1", "state": "published"}, 0, "42.1\n"),
                (("reload",), "RELOAD", {"accounts": 2}, 0, "reloaded: 2 accounts\n"),
                (("drain", "--timeout", "5s"), 'DRAIN {"timeout":"5s"}', {"draining": True, "in_flight": 0}, 0,
                 "drained: 0 in flight; smmq drain --off fires again\n"),
                (("drain", "--off"), 'DRAIN {"off":true}', {"draining": False, "in_flight": 0}, 0, "firing again\n"),
        ]:
            with self.subTest(args=args):
                fake = self.fake(lambda number, request: ok(answer))
                self.expect(status, *args)
                self.assertEqual(fake.lines, [line])
                self.assertEqual(self.out, out)
                self.expect(status, *args, "-j")
                self.assertEqual(json.loads(self.out), answer)
                fake.close()
                os.unlink(self.path)

    def test_cancel_more(self):
        answers = [{"cancelled": 2, "ids": ["1.1", "2.1"], "in_flight": [], "more": True, "cursor": "1-ab"},
                   {"cancelled": 1, "ids": ["3.1"], "in_flight": [], "more": False, "cursor": None}]
        fake = self.fake(lambda number, line: ok(answers[min(len(fake.lines), 2) - 1]))
        self.expect(0, "cancel", "--label", "l")
        self.assertEqual(fake.lines, ['CANCEL {"label":"l"}', 'CANCEL {"label":"l","cursor":"1-ab"}'])
        self.assertEqual(self.out.split(), ["1.1", "2.1", "3.1"])
        self.assertIn("3 cancelled", self.err)
        stuck = {"cancelled": 0, "ids": [], "in_flight": ["1.1"], "more": False, "cursor": None}
        fake.answers = lambda number, line: ok(stuck)
        self.expect(4, "cancel", "--label", "l")
        self.assertEqual(len(fake.lines), 3)

    def test_cancel_dry_run_counts_all(self):
        fake = self.fake(lambda number, line: ok({"cancelled": 5, "ids": [], "in_flight": [], "more": "cursor" not in line,
                                                  "cursor": None if "cursor" in line else "1-ab"}))
        self.expect(0, "cancel", "--label", "l", "--dry-run")
        self.assertEqual(fake.lines, ['CANCEL {"label":"l","dry_run":true}', 'CANCEL {"label":"l","dry_run":true,"cursor":"1-ab"}'])
        self.assertIn("10 would be cancelled", self.err)

    def test_cancel_goes_on_without_a_reader(self):
        answers = [{"cancelled": 2, "ids": ["1.1"] * 2000, "in_flight": [], "more": True, "cursor": "1-ab"}] * 20 + [
            {"cancelled": 1, "ids": ["3.1"], "in_flight": [], "more": False}]
        fake = self.fake(lambda number, line: ok(answers[len(fake.lines) - 1]))
        p = subprocess.Popen([SMMQ, "cancel", "ALL"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env())
        p.stdout.close()
        self.assertEqual(p.wait(20), 0)
        self.assertIn(b"41 cancelled", p.stderr.read())
        p.stderr.close()
        self.assertEqual(len(fake.lines), 21)

    def test_errors_of_some(self):
        self.fake(lambda number, line: err("in_flight", "too late") if line.endswith("2") else
                  ok({"cancelled": 1, "ids": [line.split()[1] + ".1"], "in_flight": []}))
        self.expect(4, "cancel", "1", "2", "3")
        self.assertEqual(self.out.split(), ["1.1", "3.1"])
        self.assertIn("2: too late", self.err)

    def test_lost_answer(self):
        fake = self.fake(lambda number, line: CLOSE)
        for args in (("cancel", "42"), ("cancel", "ALL"), ("move", "42", "--now"), ("hold", "ALL")):
            self.expect(74, *args)
            self.assertIn("was lost", self.err)
        self.expect(69, "show", "42")
        self.assertEqual(len(fake.lines), 5)      # nothing but ADD is repeated


class Following(Case):
    EVENTS = [{"cursor": "c%d" % i, "time_ms": 1796112000000 + i, "id": "42.1", "event": "arm", "from": "queued", "to": "sending",
               "account": "brand", "by": "daemon", "reason": None} for i in range(3)]

    def waiting(self, states, events=(), hold_open=True):
        def answers(number, line):
            if line == "STATUS":
                return ok({"cursor": "start"})
            if line.startswith("SHOW"):
                ident = line.split()[1]
                return ok({"id": int(ident.split(".")[0]), "targets": [target(i, state=s) for i, s in states if
                                                                       i.split(".")[0] == ident.split(".")[0]]})
            return data(*events) or SILENT
        return self.fake(answers)

    def test_wait_states(self):
        for states, status in [(["published"], 0), (["failed", "published"], 1), (["unknown", "published"], 4), (["cancelled"], 3),
                               (["missed"], 3), (["expired", "published"], 3), (["unknown", "failed", "missed"], 1),
                               (["unknown", "cancelled"], 4)]:
            with self.subTest(states=states):
                fake = self.waiting([("42.%d" % (i + 1), s) for i, s in enumerate(states)])
                self.expect(status, "wait", "42", "--settle", "0")
                self.assertEqual(self.out.splitlines(), ["42.%d %s" % (i + 1, s) for i, s in enumerate(states)])
                self.assertEqual(fake.lines, ["STATUS", "SHOW 42"])
                fake.close()
                os.unlink(self.path)

    def test_wait_for_events(self):
        events = [{"cursor": "a", "id": "9.1", "to": "failed"}, {"cursor": "b", "id": "42", "event": "edit"},
                  {"cursor": "c", "id": "42.1", "to": "held"}, {"cursor": "d", "id": "42.1", "to": "unknown"},
                  {"cursor": "e", "id": "42.1", "to": "published"}, {"cursor": "f", "id": "42.2", "to": "failed", "reason": "why"}]
        fake = self.waiting([("42.1", "queued"), ("42.2", "held")], events)
        self.expect(1, "wait", "42", timeout=20)
        self.assertEqual(self.out.splitlines(), ["42.1 published", "42.2 failed: why"])
        self.assertEqual(fake.body(), {"since": "start"})
        self.expect(1, "wait", "-j", "-", stdin="42\n")
        self.assertEqual(json.loads(self.out.splitlines()[1]), {"id": "42.2", "state": "failed", "reason": "why"})

    def test_wait_timeout(self):
        fake = self.waiting([("42.1", "held")])
        self.expect(124, "wait", "42.1", "--timeout", "200ms", timeout=20)
        self.assertIn("42.1 is still held", self.err)
        self.assertEqual(fake.body(), {"since": "start", "id": "42.1"})

    def test_wait_unknown_settles(self):
        self.waiting([("42.1", "unknown")])
        self.expect(4, "wait", "42", "--settle", "200ms", timeout=20)
        self.assertEqual(self.out, "42.1 unknown\n")

    def test_wait_through_a_restart(self):
        def answers(number, line):
            if line == "STATUS":
                return ok({"cursor": "start"})
            if line.startswith("SHOW"):
                return ok({"id": 42, "targets": [target("42.1")]})
            return CLOSE if number == 0 else data({"cursor": "z", "id": "42.1", "to": "published"})
        fake = self.fake(answers)
        self.expect(0, "wait", "42", timeout=20)
        self.assertEqual(fake.lines[2], fake.lines[3])

    def test_wait_no_item(self):
        self.fake(lambda number, line: ok({"cursor": "x"}) if line == "STATUS" else err("no_item", "there is no item 42"))
        self.expect(68, "wait", "42")

    def test_watch_resumes(self):
        def answers(number, line):
            if line == "STATUS":
                return ok({"cursor": "start"})
            return data(*self.EVENTS) if number == 0 else err("gone", "too old")

        fake = self.fake(answers)
        serve = fake.serve

        def one_shot(peer, number):
            if number == 0:
                stream = peer.makefile("rb")
                for line in stream:
                    fake.lines.append(line.decode().rstrip("\n"))
                    peer.sendall(answers(0, fake.lines[-1]).encode())
                    if fake.lines[-1].startswith("WATCH"):
                        break
                peer.shutdown(socket.SHUT_RDWR)
                stream.close()
                peer.close()
            else:
                serve(peer, number)
        fake.serve = one_shot
        self.expect(65, "watch", timeout=20)
        self.assertEqual(fake.lines, ["STATUS", 'WATCH {"since":"start"}', 'WATCH {"since":"c2"}'])
        self.assertEqual(self.out.splitlines()[0], "2026-12-01 08:00:00  42.1  arm  queued -> sending  brand  by daemon")
        self.assertIn("too old", self.err)

    def test_watch_epipe(self):
        def answers(number, line):
            return data(*self.EVENTS * 5000)
        self.fake(answers)
        p = subprocess.Popen([SMMQ, "watch", "--since", "x", "-j"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env())
        p.stdout.readline()
        p.stdout.close()
        self.assertEqual(p.wait(20), 0)
        self.assertEqual(p.stderr.read(), b"")
        p.stderr.close()

    def test_log(self):
        def answers(number, line):
            if "cursor" in line:
                return data(self.EVENTS[2]) + ok({"count": 1, "cursor": None})
            return data(*self.EVENTS[:2]) + ok({"count": 2, "cursor": "c1"})
        fake = self.fake(answers)
        self.expect(0, "log", "42", "-j")
        self.assertEqual([json.loads(line) for line in self.out.splitlines()], self.EVENTS)
        self.assertEqual(fake.lines, ['LOG 42 {"limit":500}', 'LOG 42 {"limit":500,"cursor":"c1"}'])
        self.expect(0, "log", "--limit", "2")
        self.assertEqual(fake.lines[2:], ['LOG {"limit":2,"last":true}'])
        self.assertEqual(len(self.out.splitlines()), 2)
        self.expect(0, "log", "--since", "c1")
        self.assertEqual(fake.lines[3:], ['LOG {"limit":500,"cursor":"c1"}'])
        self.expect(0, "log", "--all")
        self.assertEqual(len(self.out.splitlines()), 3)

    def test_version(self):
        self.expect(0, "version")
        self.assertRegex(self.out, r"^smmq \d")
        self.fake({"HELLO": ok(HELLO)})
        self.expect(0, "version")
        self.assertIn("smmqd 9.9", self.out)
        self.expect(0, "-j", "version")
        self.assertEqual(json.loads(self.out)["daemon"]["server"], "smmqd")


if __name__ == "__main__":
    if not os.access(SMMQ, os.X_OK):
        print("cannot run the client %s: set $SMMQ or $top_builddir" % SMMQ, file=sys.stderr)
        sys.exit(99)
    unittest.main()
