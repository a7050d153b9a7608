"""faulttest.py: what the programs of this folder share: the counting platform, a load whose every item is accounted for, and means
to break what the daemon stands on."""
import collections
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import pictures  # noqa: E402,F401
import smmqtest  # noqa: E402
from servers import http_json, sanitized, served  # noqa: E402
from smmqtest import check, eq, need, skip, until  # noqa: E402

COUNTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "counter.py")
FAR = "2035-03-01 09:00"


class Counter:
    """The platform without idempotency; see counter.py. Account "a7" of a daemon posts with the token "t7"."""

    def __init__(self):
        self.process, self.port = served([sys.executable, COUNTER])

    def tell(self, **control):
        http_json(self.port, "POST", "/_control", control)

    def rules(self, rules):
        http_json(self.port, "POST", "/_rules", rules)

    def rules_left(self):
        return http_json(self.port, "POST", "/_rules", {})[1]

    def log(self):
        return http_json(self.port, "GET", "/_log")[1]

    def sizes(self):
        return http_json(self.port, "GET", "/_sizes")[1]

    def attach(self, d, account):
        d.account(account, "mastodon", BaseURL="http://127.0.0.1:%d" % self.port, credential="t" + account[1:], TimeZone="UTC")

    def stands(self):
        """(account, text): the ids of the statuses that say so."""
        out = collections.defaultdict(list)
        for ident, token, text, _ in http_json(self.port, "GET", "/_statuses")[1]:
            out["a" + token[1:], text].append(ident)
        return out


class Load:
    """Requests to add, each with a key, sent without waiting for answers until all are answered or the daemon is gone."""

    def __init__(self, d, account, count, name):
        self.d, self.account = d, account
        self.bodies = {}
        for n in range(count):
            key = "%s-%d" % (name, n)
            self.bodies[key] = {"accounts": [account], "key": key, "text": key + " says hello", **({"now": True} if n % 2 else {"at": FAR})}
        self.ids, self.refused = {}, []

    def send(self, window=4):
        """A window at a time, so that there are many commits."""
        keys = list(self.bodies)
        try:
            wire = smmqtest.Wire(self.d.socket, 30)
        except OSError:
            return self
        try:
            for at in range(0, len(keys), window):
                for key in keys[at:at + window]:
                    wire.send("ADD " + json.dumps(self.bodies[key]))
                for key in keys[at:at + window]:
                    answer = wire.read()
                    if answer is None:
                        return self
                    self.take(key, answer)
        except OSError:
            pass
        finally:
            wire.close()
        return self

    def take(self, key, answer):
        if answer.ok:
            eq(self.ids.setdefault(key, answer.body["id"]), answer.body["id"], "id of %s, asked for again" % key)
        else:
            self.refused.append((key, answer.code))

    def all_there(self):
        """Of a daemon that was started again: what was acknowledged is there; then all is asked for again with its keys."""
        wire = smmqtest.Wire(self.d.socket)
        for key, ident in self.ids.items():
            answer = wire.ask("SHOW %s" % ident)
            check(answer is not None and answer.ok, "%s was acknowledged as %s and is gone:" % (key, ident), answer)
            eq(answer.body["key"], key, "key of %s" % ident)
        wire.close()
        self.refused.clear()
        self.send()
        eq(self.refused, [], "requests refused by a healthy daemon")
        eq(len(self.ids), len(self.bodies), "requests acknowledged in the end")
        return self

    def now_keys(self):
        return [k for k, b in self.bodies.items() if "now" in b]

    def settled(self, counter, timeout_s=60):
        """What is due is published, each once; the rest waits for its day."""
        far = len(self.bodies) - len(self.now_keys())

        def quiet():
            s = self.d.status()
            return s["queued"] == far and not s["sending"] and not s["unknown"]
        until(quiet, "%s: all that is due is published" % self.account, timeout_s, 0.2)
        stands = counter.stands()
        for key in self.now_keys():
            target = self.d.target(self.ids[key])
            eq(target["state"], "published", "state of %s (%s)" % (key, target["reason"]))
            eq(stands[self.account, key + " says hello"], [target["remote_id"]], "statuses of " + key)
        own = [t for t in stands if t[0] == self.account]
        eq(len(own), len(self.now_keys()), "different statuses of " + self.account)


def need_strace():
    """Skips, loudly, where a process may not trace another."""
    need("strace")
    p = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"], capture_output=True)
    if p.returncode != 0:
        skip("strace cannot trace here: %s" % (p.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"])[-1])


def injected(d, calls, what, when):
    """The command and environment under which the daemon's n-th call of that kind fares so; each thread counts its own calls."""
    wrap = ["strace", "-f", "-qq", "-o", os.path.join(d.dir, "strace"), "-e", "trace=" + calls, "-e", "inject=%s:%s:when=%s" % (calls, what, when)]
    # The leak checker cannot run in a traced process.
    return {"wrap": wrap, "env": {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"} if sanitized() else {}}


def side_by_side(named):
    """Runs {name: function} at the same time; the first error, with its name."""
    errors = []

    def run(name, function):
        try:
            function()
        except BaseException as e:
            errors.append((name, e))
    threads = [threading.Thread(target=run, args=n, daemon=True) for n in named.items()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for name, e in errors:
        raise AssertionError("%s: %s%s" % (name, e, "" if len(errors) == 1 else " (and %d more)" % (len(errors) - 1))) from e
