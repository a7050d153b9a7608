#!/usr/bin/env python3
"""Stores of older formats, as their daemons left them (formats/, made with mdb_dump), are taken over whole."""
import json
import os
import subprocess

import smmqtest
from smmqtest import check, daemon, eq, need
from stores import store_dump

FORMATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats")


def old_store(name):
    need("mdb_load")
    d = daemon(brand=True)
    with open(os.path.join(FORMATS, name), "rb") as dump:
        subprocess.run(["mdb_load", d.state], stdin=dump, check=True)
    d.start()
    # It was another host's; somebody has looked.
    d.client("release", "--gate", "restored")
    return d


def test_format_1():
    """One tree for all keys: a published post, a moved one behind a label's gate, a held one, a cancelled one."""
    d = old_store("format1.dump")
    w = d.wire()
    states = {1: "published", 2: "queued", 3: "held", 4: "cancelled"}
    for ident, state in states.items():
        eq(w.ask("SHOW %d" % ident).body["targets"][0]["state"], state, "state of %d" % ident)
    log = [json.loads(line)["event"] for line in d.run("log", "2", "-j").splitlines()]
    eq(log, ["add", "move"], "journal of 2")
    check("agree" in d.run("check"), "check of the new store")
    check("whole" in d.run("verify"), "verify of the new store")
    status = w.ask("STATUS").body
    eq((status["queued"], status["held"], status["published"], status["cancelled"]), (1, 1, 1, 1), "counts")
    # Keys are known still, and ids go on behind the old ones.
    request = '{"accounts":["brand"],"text":"x","now":true,"key":"three"}'
    eq(w.ask("ADD " + request).code, "conflict", "an old key with another request")
    check(w.ask("ADD", {"accounts": ["brand"], "text": "new", "now": True}).body["id"] > 4, "a new id")
    d.stop()
    facts = dict((bytes.fromhex(k), bytes.fromhex(v)) for k, v in store_dump(d.state))
    eq(facts[b"Mformat"], b"2", "format")
    check(not [k for k in facts if k[:1] == b"L"], "the old list of journal entries is gone")
    d.start()
    check("agree" in d.run("check"), "check after another start")


if __name__ == "__main__":
    smmqtest.main(globals())
