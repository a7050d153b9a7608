"""smmqtest.py: what every end-to-end test needs: a private daemon, its client, its raw protocol, and a small runner. Servers to
post to are in servers.py.

A test program is a Python file with functions test_*, ending in `smmqtest.main(globals())`. Everything a test starts is stopped
when the function ends, however it ends; on failure the daemon's log is printed. Programs are found through SMMQD and SMMQ, or
below top_builddir (default: the directory above tests/).
"""
import atexit
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.abspath(os.environ.get("top_builddir") or os.path.join(HERE, "..", ".."))
SMMQD = os.environ.get("SMMQD") or os.path.join(TOP, "smmqd")
SMMQ = os.environ.get("SMMQ") or os.path.join(TOP, "smmq")
SLOW = float(os.environ.get("SMMQ_TEST_SLOW", "3"))     # every waiting time is multiplied: machines differ

_libc = ctypes.CDLL(None, use_errno=True)
_open = []                                              # what must be stopped, newest last


class Skip(Exception):
    pass


def skip(reason):
    raise Skip(reason)


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            skip("%s is not installed" % tool)


def eq(have, want, what="value"):
    if have != want:
        raise AssertionError("%s: have %r, want %r" % (what, have, want))


def check(holds, what, *more):
    if not holds:
        raise AssertionError(" ".join([what] + [repr(m) for m in more]))


def until(ask, what, timeout_s=15, every_s=0.05):
    """Asks until the answer is true; returns it."""
    end = time.monotonic() + timeout_s * SLOW
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("waited %.0f s in vain: %s" % (timeout_s * SLOW, what))
        time.sleep(every_s)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)


def spawn(args, **kw):
    kw.setdefault("stdin", subprocess.DEVNULL)
    p = subprocess.Popen([str(a) for a in args], preexec_fn=_die_with_parent, **kw)
    close_later(lambda: _end(p))
    return p


def _end(p):
    if p.stdin:
        with contextlib.suppress(OSError):
            p.stdin.close()
    if p.poll() is None:
        p.kill()
    p.wait()
    for f in (p.stdout, p.stderr):
        if f:
            f.close()


def close_later(thing):
    _open.append(thing)


def cleanup():
    while _open:
        with contextlib.suppress(Exception):
            _open.pop()()


atexit.register(cleanup)


class Answer:
    """data: the values of the `*` lines; code: "OK" or the word after ERR; body: the object of the last line, or {}."""

    def __init__(self, data, code, body):
        self.data, self.code, self.body = data, code, body

    @property
    def ok(self):
        return self.code == "OK"

    def __repr__(self):
        return "%s %s (%d data lines)" % (self.code, json.dumps(self.body, ensure_ascii=False), len(self.data))


class Wire:
    """The line protocol, raw."""

    def __init__(self, path, timeout_s=60):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(timeout_s)
        self.sock.connect(path)
        self._rest = b""

    def send(self, line):
        data = line if isinstance(line, bytes) else line.encode()
        self.sock.sendall(data if data.endswith(b"\n") else data + b"\n")

    def line(self):
        """One line without its end; None when the daemon closed."""
        while b"\n" not in self._rest:
            more = self.sock.recv(1 << 16)
            if not more:
                return None
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("utf-8")

    def read(self):
        """One whole answer; None when the daemon closed."""
        data = []
        while True:
            line = self.line()
            if line is None:
                return None
            if line.startswith("* "):
                data.append(json.loads(line[2:]))
                continue
            word, _, rest = line.partition(" ")
            if word == "OK":
                return Answer(data, "OK", json.loads(rest) if rest else {})
            check(word == "ERR", "a line that is neither data, OK nor ERR:", line)
            code, _, rest = rest.partition(" ")
            return Answer(data, code, json.loads(rest) if rest else {})

    def ask(self, verb, body=None):
        self.send(verb if body is None else verb + " " + json.dumps(body, ensure_ascii=False))
        return self.read()

    def ok(self, verb, body=None):
        a = self.ask(verb, body)
        check(a is not None and a.ok, "%s %s:" % (verb, body), a)
        return a

    def put(self, name, data):
        self.send("PUT %s %d" % (name, len(data)))
        self.sock.sendall(data)
        return self.read()

    def close(self):
        self.sock.close()


class Daemon:
    """A private smmqd. Directory names are short: a Unix socket's path holds 107 bytes."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="smmq-")
        self.state = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.dir, "sock")
        self.conf = os.path.join(self.dir, "smmqd.conf")
        self.log = os.path.join(self.dir, "log")
        self.outbox = os.path.join(self.dir, "outbox")
        self.options = {"StateDirectory": self.state, "Socket": self.socket}
        self.process = None
        os.mkdir(self.state, 0o700)
        os.mkdir(os.path.join(self.dir, "accounts.d"))
        self.configure()
        _open.append(self._done)

    def configure(self, **options):
        self.options.update(options)
        with open(self.conf, "w") as f:
            f.write("[Daemon]\n" + "".join("%s=%s\n" % o for o in self.options.items() if o[1] is not None))

    def account(self, name, platform="outbox", credential=None, own=None, **options):
        """credential: the token, or a dictionary of named values; own: the platform's options, a dictionary."""
        lines = ["[Account]", "Platform=" + platform]
        options.setdefault("TimeZone", "Europe/Paris")
        if platform == "outbox":
            options.setdefault("Directory", os.path.join(self.outbox, name))
            os.makedirs(options["Directory"], exist_ok=True)
        if credential is not None:
            path = os.path.join(self.dir, "credential." + name)
            text = credential if isinstance(credential, str) else "\n".join("%s=%s" % c for c in credential.items())
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
                f.write(text + "\n")
            options["Credential"] = path
        lines += ["%s=%s" % o for o in options.items() if o[1] is not None]
        lines += ["[Platform]"] * bool(own) + ["%s=%s" % o for o in (own or {}).items()]
        with open(os.path.join(self.dir, "accounts.d", name + ".conf"), "w") as f:
            f.write("\n".join(lines) + "\n")
        return self

    def start(self, env=None, wait=True, wrap=()):
        out = open(self.log, "ab")
        self.process = spawn([*wrap, SMMQD, "-c", self.conf], stdout=out, stderr=out,
                             env={**os.environ, "SMMQ_LOG": "journal", **(env or {})})
        out.close()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, timeout_s=20):
        def answers():
            check(self.process.poll() is None, "the daemon ended with status", self.process.poll())
            try:
                wire = Wire(self.socket, 5)
            except OSError:
                return False
            try:
                a = wire.ask("HELLO")
                return a is not None and a.ok
            except (OSError, ValueError):
                return False
            finally:
                wire.close()
        until(answers, "the daemon answers HELLO on %s" % self.socket, timeout_s)
        return self

    def run_to_end(self, timeout_s=20, **kw):
        """Starts a daemon that is expected to refuse: its exit status and the one line that it said."""
        before = len(self.logs())
        self.start(wait=False, **kw)
        try:
            rc = self.process.wait(timeout_s * SLOW)
        except subprocess.TimeoutExpired:
            raise AssertionError("the daemon runs on, but should have refused to start") from None
        check(rc > 0, "the daemon should refuse in an orderly way; its status is", rc)
        return rc, self.one_line(since=before)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, timeout_s=20):
        self.process.terminate()
        rc = self.process.wait(timeout_s * SLOW)
        eq(rc, 0, "exit status of the daemon after SIGTERM")

    def restart(self, **kw):
        self.stop()
        return self.start(**kw)

    def alive(self):
        return self.process.poll() is None

    def logs(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def loud(self, since=0):
        """Log lines of priority warning and above, and what is no log line at all; `since`: a former len(logs())."""
        return [line for line in self.logs()[since:].splitlines() if not re.match("<[5-7]>", line)]

    def one_line(self, *words, since=0):
        """Exactly one loud line, and it holds all these words."""
        lines = self.loud(since)
        check(len(lines) == 1, "want one clear line, have %d:" % len(lines), lines)
        for word in words:
            check(word.lower() in lines[0].lower(), "the line does not name %r:" % word, lines[0])
        return lines[0]

    def rss_kb(self):
        with open("/proc/%d/status" % self.process.pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def wire(self, timeout_s=60):
        w = Wire(self.socket, timeout_s)
        _open.append(w.close)
        return w

    def client(self, *args, stdin=None, env=None, timeout_s=60):
        """Runs smmq: (exit status, stdout, stderr)."""
        if stdin is not None and not isinstance(stdin, bytes):
            stdin = stdin.encode()
        p = subprocess.run([SMMQ, "-s", self.socket, *map(str, args)], input=stdin if stdin is not None else b"", capture_output=True,
                           timeout=timeout_s * SLOW, env={**os.environ, "NO_COLOR": "1", "TZ": "UTC", **(env or {})})
        return p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace")

    def run(self, *args, **kw):
        """The client must succeed; its stdout without the last line end."""
        rc, out, err = self.client(*args, **kw)
        check(rc == 0, "smmq %s: exit status %d:" % (" ".join(map(str, args)), rc), err)
        return out.rstrip("\n")

    def fails(self, status, *args, **kw):
        """The client must end with this status; what it said on stderr."""
        rc, _, err = self.client(*args, **kw)
        check(rc == status, "smmq %s: exit status %d, want %d:" % (" ".join(map(str, args)), rc, status), err)
        check(err.strip(), "smmq %s says nothing on stderr" % " ".join(map(str, args)))
        return err

    def add(self, account, text, *args, **kw):
        """Queues with the client; the post's id."""
        return self.run("add", "-a", account, *args, text, **kw)

    def account_status(self, name):
        return next(a for a in self.status()["accounts"] if a["name"] == name)

    def show(self, ident):
        w = Wire(self.socket)
        try:
            return w.ok("SHOW %s" % ident).body
        finally:
            w.close()

    def target(self, ident):
        """Of "42.1" that target, of "42" the first."""
        n = int(str(ident).partition(".")[2] or 1)
        shown = self.show(ident)["targets"]
        return next(t for t in shown if str(t["id"]).endswith(".%d" % n))

    def status(self):
        w = Wire(self.socket)
        try:
            return w.ok("STATUS").body
        finally:
            w.close()

    def wait_state(self, ident, state, timeout_s=30):
        last = {}

        def there():
            last.clear()
            last.update(self.target(ident))
            return last if last["state"] == state else None
        try:
            return until(there, "", timeout_s)
        except AssertionError:
            raise AssertionError("%s did not become %s; it is %s (%s), gate %r" % (
                ident, state, last.get("state"), last.get("reason"), last.get("gate"))) from None

    def _done(self):
        if self.process and self.process.poll() is None:
            self.kill9()
        if os.environ.get("SMMQ_TEST_KEEP"):
            print("# kept: %s" % self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        if self in _daemons:
            _daemons.remove(self)


_daemons = []


def daemon(**accounts):
    """A daemon (not started) with an outbox account for each name given as name=True, or none."""
    d = Daemon()
    _daemons.append(d)
    for name in accounts:
        d.account(name)
    return d


def _run_one(name, function):
    try:
        function()
        return "ok", ""
    except Skip as s:
        return "skip", str(s)
    except BaseException as e:          # a test that calls exit() has failed as well
        if isinstance(e, KeyboardInterrupt):
            raise
        text = traceback.format_exc()
        for d in _daemons:
            text += "daemon log (last lines of %s):\n%s\n" % (d.log, "\n".join(d.logs().splitlines()[-60:]))
            if d.process and d.process.poll() is not None:
                text += "the daemon has ended: %s\n" % d.process.poll()
        return "not ok", text
    finally:
        cleanup()


def main(names, programs=(SMMQD, SMMQ)):
    """Runs the functions test_* in the order of the file, or those named as arguments, and ends the program."""
    tests = [(n, f) for n, f in names.items() if n.startswith("test_") and callable(f)]
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    count = {"ok": 0, "not ok": 0, "skip": 0}
    for program in programs:
        if not os.access(program, os.X_OK):
            print("not ok - %s does not exist: build it first, or set SMMQD and SMMQ" % program)
            sys.exit(1)
    for i, (name, function) in enumerate((t for t in tests if not wanted or t[0] in wanted), 1):
        began = time.monotonic()
        result, text = _run_one(name, function)
        count[result] += 1
        title = name[5:].replace("_", " ")
        if result == "skip":
            print("ok %d - %s # SKIP %s" % (i, title, text))
            print("SKIPPED: %s: %s" % (title, text), file=sys.stderr)
        else:
            print("%s %d - %s (%.1f s)" % (result, i, title, time.monotonic() - began))
        for line in text.splitlines() if result == "not ok" else ():
            print("# " + line)
        sys.stdout.flush()
    print("%d passed, %d failed%s" % (count["ok"], count["not ok"], ", %d skipped" % count["skip"] if count["skip"] else ""))
    sys.exit(1 if count["not ok"] else 77 if count["skip"] and not count["ok"] else 0)
