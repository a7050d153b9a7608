#!/usr/bin/env python3
"""Runs the transcripts of proto/PROTOCOL, in their order, against one fresh daemon with two outbox accounts: "brand" in
Europe/Paris and "notes" in UTC. What the document shows is what the daemon says.

"> " begins a request, "< " a line of its answer. "..." is any text, "*" at the end of an answer's line the rest of it, $name a
number: taken from where an answer shows it first, and the same wherever it stands again. A line "(the daemon closes the
connection...)" says that it does.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import smmqtest  # noqa: E402
from smmqtest import check, daemon  # noqa: E402

SRC = os.environ.get("srcdir") or "."
if not os.path.exists(os.path.join(SRC, "proto", "PROTOCOL")):
    SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PATH = os.path.join(SRC, "proto", "PROTOCOL")
NAME = re.compile(r"\$([a-z_]+)")
CLOSES = "(the daemon closes the connection"


class Exchange:
    def __init__(self, number, request):
        self.number, self.request = number, request
        self.answer = []                # [(line number, pattern)]
        self.closes = False


def exchanges():
    found = []
    with open(PATH, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if line.startswith("> "):
                found.append(Exchange(number, line[2:]))
            elif line.startswith("< "):
                check(found, "line %d of PROTOCOL: an answer before any request" % number)
                found[-1].answer.append((number, line[2:]))
            elif line.startswith(CLOSES):
                found[-1].closes = True
    return found


def pattern(text, known):
    """A regular expression for a line of an answer; names that are not known yet become groups."""
    rest = text.endswith("*")
    out = ""
    for part in re.split(r"(\.\.\.|\$[a-z_]+)", text[:-1] if rest else text):
        name = NAME.fullmatch(part)
        if part == "...":
            out += ".*"
        elif name and name[1] in known:
            out += re.escape(known[name[1]])
        elif name:
            out += "(?P=%s)" % name[1] if "(?P<%s>" % name[1] in out else "(?P<%s>[0-9]+)" % name[1]
        else:
            out += re.escape(part)
    return re.compile(out + (".*" if rest else ""))


def fill(request, number, known):
    for name in NAME.findall(request):
        check(name in known, "line %d of PROTOCOL uses $%s, which no answer has shown" % (number, name))
    return NAME.sub(lambda m: known[m[1]], request)


def read_answer(wire):
    lines = []
    while True:
        line = wire.line()
        if line is None:
            return lines + ["(the connection was closed)"]
        lines.append(line)
        if not line.startswith("* "):
            return lines


def differences(exchange, lines, known):
    """What is not as shown, one text each; takes over new names."""
    for i, (number, shown) in enumerate(exchange.answer):
        got = lines[i] if i < len(lines) else "(nothing)"
        m = pattern(shown, known).fullmatch(got)
        if m:
            known.update(m.groupdict())
        else:
            yield "PROTOCOL:%d\n  request %s\n  shown   %s\n  is      %s" % (number, exchange.request, shown, got)
    for line in lines[len(exchange.answer):]:
        yield "PROTOCOL:%d\n  request %s\n  shown   no more\n  is      %s" % (exchange.number, exchange.request, line)


def test_every_transcript():
    d = daemon(brand=True).account("notes", TimeZone="UTC").start()
    wire, known, wrong = d.wire(), {}, []
    for exchange in exchanges():
        wire.send(fill(exchange.request, exchange.number, known))
        lines = read_answer(wire)
        wrong += differences(exchange, lines, known)
        if exchange.closes:
            if wire.line() is not None:
                wrong.append("PROTOCOL:%d\n  the connection is not closed" % exchange.number)
            wire = d.wire()
    check(d.alive(), "the daemon has ended")
    for text in wrong:
        print(text)
    check(not wrong, "%d lines are not as PROTOCOL shows them" % len(wrong))


def test_every_verb_is_shown():
    d = daemon(brand=True).start()
    shown = {e.request.split()[0] for e in exchanges()}
    missing = [verb for verb in d.wire().ok("HELLO").body["verbs"] if verb not in shown]
    check(not missing, "verbs without a transcript:", missing)
    check(len(exchanges()) > 30, "transcripts found:", len(exchanges()))


if __name__ == "__main__":
    smmqtest.main(globals())
