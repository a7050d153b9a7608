#!/usr/bin/env python3
"""The rules of the house that a machine can see: who may include whom, which library lives where, sizes, and what must not
stand in the source. srcdir is the source's root; a warning does not fail."""
import os
import re
import sys

SRC = os.environ.get("srcdir") or "."
if not os.path.isdir(os.path.join(SRC, "proto")):
    SRC = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

MAX_FILE, WARN_FILE, MAX_FUNCTION = 600, 450, 80
MAX_TEST, WARN_TEST = 1000, 800         # a test is a list of cases; it may be longer
PRODUCT = ("proto", "daemon", "client")
TEXT = (".c", ".h", ".py", ".mjs", ".sh", ".x", ".am", ".ac", ".mk", ".1", ".5", ".7", ".8", ".in", ".service", ".socket", ".conf",
        ".sample", "README", "NEWS", "PROTOCOL", "bootstrap", "run")
OWN = (".ci", *PRODUCT, "tests", "units")       # beside these a tree may hold builds, caches and whatever else
TOP_FILES = ("bootstrap", "configure.ac", "Makefile.am", "NEWS", "README")

# ---- include directions: a room may include itself and what its row names. A name that ends with "/" is a folder, one that
# ends with ".h" a file, "name*" the headers of that room of daemon/.

IO = ["daemon/io/http.h", "daemon/io/timer.h", "daemon/io/clock.h", "daemon/io/rng.h"]
CORE = ["turn*", "queue*", "engine*", "token*", "media*", "keep*", "daemon/plat/plat.h", "daemon/store/store.h", *IO, "daemon/model/",
        "conf*", "log*", "proto/"]
ROOMS = {
    "proto/": [],
    "daemon/model/": ["proto/"],
    "daemon/plat/": ["daemon/model/", "proto/"],
    "daemon/store/": ["daemon/model/", "proto/"],
    "daemon/io/": ["daemon/log.h", "proto/"],
    "client/": ["proto/"],
    "daemon/log": [],
    "daemon/conf": ["daemon/model/", "daemon/plat/plat.h", "proto/"],
    "daemon/turn": CORE,
    "daemon/guard": CORE,
    "daemon/reload": CORE,
    "daemon/keep": CORE + ["daemon/store/store_care.h"],
    "daemon/queue": CORE,
    "daemon/token": CORE + ["daemon/plat/oauth.h"],
    "daemon/engine": CORE + ["daemon/io/file.h"],
    "daemon/media": CORE + ["daemon/io/ffprobe.h", "daemon/io/file.h"],
    "daemon/stats": ["daemon/store/", "daemon/model/", "conf*", "turn*", "proto/"],
    "daemon/cmd": ["queue*", "engine*", "token*", "media*", "conf*", "stats*", "turn*", "log*", "keep*", "daemon/store/store.h",
                   "daemon/store/store_care.h",                    "daemon/plat/plat.h", "daemon/model/", "proto/"],
    "daemon/app": ["daemon/", "proto/"],
    "daemon/main": ["daemon/", "proto/"],
}

# A private header is for its own room; and for those, which are parts of it with a name of their own.
PRIVATE = {"daemon/engine_priv.h": ["daemon/token"]}

# ---- libraries: the header's beginning, and where it may stand

LIBRARIES = {
    "uv.h": ["daemon/io/"],
    "curl/": ["daemon/io/"],
    "systemd/": ["daemon/io/"],
    "png.h": ["daemon/io/"],
    "jpeglib.h": ["daemon/io/"],
    "webp/": ["daemon/io/"],
    "gif_lib.h": ["daemon/io/"],
    "openssl/": ["daemon/io/", "daemon/store/", "proto/base64.c", "proto/hash.c"],
    "lmdb.h": ["daemon/store/"],
    "unicode/": ["daemon/model/"],
    "libical/": ["daemon/model/"],
    "libpsl.h": ["daemon/model/"],
    "ical.h": ["daemon/model/"],
    "cJSON.h": ["proto/json"],
    "cjson/": ["proto/json"],
    "ini.h": ["daemon/conf_read.c"],
}

NOT_READ = ("node_modules", "__pycache__", "corpus", "cache")       # what others wrote, or no text

FINDINGS, WARNINGS = [], []


def wrong(path, text, line=None):
    FINDINGS.append("%s%s: %s" % (path, ":%d" % line if line else "", text))


def read(path):
    with open(os.path.join(SRC, path), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


def files(tops, endings):
    found = []
    for top in tops:
        for folder, folders, names in os.walk(os.path.join(SRC, top)):
            folders[:] = [f for f in folders if f not in NOT_READ and not f.startswith(".")]
            found += [os.path.relpath(os.path.join(folder, name), SRC) for name in names if name.endswith(endings)]
    return sorted(found)


def own_files(endings):
    """Those of the whole project, whatever else lies in the tree."""
    return [f for f in TOP_FILES if f.endswith(endings) and os.path.exists(os.path.join(SRC, f))] + files(OWN, endings)


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(text):
    """C without comments, strings and characters; lines keep their numbers."""
    return TOKEN.sub(lambda m: ('""' if m.group()[0] == '"' else " ") + "\n" * m.group().count("\n"), text)


def lines_with(pattern, text):
    for m in re.finditer(pattern, text, re.M):
        yield text.count("\n", 0, m.start()) + 1, m


def room_of(path):
    """The row of ROOMS: a folder, or for daemon/NAME... the longest name that it begins with."""
    if path.count("/") > 1 or not path.startswith("daemon/"):
        return next((r for r in ROOMS if r.endswith("/") and path.startswith(r)), None)
    names = [r for r in ROOMS if not r.endswith("/") and re.match(re.escape(r) + r"[_.]", path)]
    return max(names, key=len, default=None)


def may(room, header):
    for name in [room] + ROOMS[room]:
        if name.endswith("/") and header.startswith(name):
            return True
        if name.endswith(".h") and header == name:
            return True
        if name.endswith("*") and room_of(header) == "daemon/" + name[:-1]:
            return True
    return room_of(header) == room


def check_includes(path, text):
    room = room_of(path)
    if room is None:
        wrong(path, "belongs to no room; give it a row in tests/style/test_style.py, with the directions of the design")
        return
    quoted = []
    for line, m in lines_with(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)', text):
        kind, header = m.groups()
        if kind == '"' and header != "config.h":
            quoted.append(header)
            if "/" not in header or not os.path.exists(os.path.join(SRC, header)):
                wrong(path, "%s is not written from the root" % header, line)
            elif not may(room, header):
                wrong(path, "%s must not include %s" % (room, header), line)
            elif header.endswith("_priv.h") and room_of(header) != room and room not in PRIVATE.get(header, []):
                wrong(path, "%s is private to %s" % (header, room_of(header)), line)
        for library, places in LIBRARIES.items():
            if header.startswith(library) and not path.startswith(tuple(places)):
                wrong(path, "<%s> belongs to %s alone" % (header, ", ".join(places)), line)
    own = path[:-2] + ".h"
    if path.endswith(".c") and os.path.exists(os.path.join(SRC, own)) and quoted[:1] != [own]:
        wrong(path, "does not include its own header, %s, first" % own)


def check_directions():
    for path in files(PRODUCT, (".c", ".h")):
        check_includes(path, read(path))


def check_sizes():
    for path in files((*PRODUCT, "tests"), (".c", ".h", ".py")):
        text = read(path)
        count = text.count("\n")
        most, aim = (MAX_TEST, WARN_TEST) if path.startswith("tests/") else (MAX_FILE, WARN_FILE)
        if count > most:
            wrong(path, "%d lines; at most %d" % (count, most))
        elif count > aim:
            WARNINGS.append("%s: %d lines; aim at %d" % (path, count, aim))
        if not path.endswith(".c"):
            continue
        for line, m in lines_with(r"^\{\n((?:(?!\}).*\n)*)\}", bare(text)):
            length = m.group(1).count("\n")
            if length > MAX_FUNCTION:
                wrong(path, "a function of %d lines; at most %d" % (length, MAX_FUNCTION), line)
    for path in files(PRODUCT, (".c",)):
        if re.search(r"^[a-z].*\)[ \t]*\{", bare(read(path)), re.M):
            wrong(path, "a function's brace stands on a line of its own")


def check_forbidden_words():
    unfinished = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
    for path in files(PRODUCT, (".c", ".h")):
        for line, m in lines_with(r"\b(assert|abort)[ \t]*\(|<assert\.h>", bare(read(path))):
            wrong(path, "%s: nothing a peer sends may end the daemon; return a status" % m.group().strip("( "), line)
    for path in own_files(TEXT):
        for line, m in lines_with(unfinished.pattern, read(path)):
            wrong(path, "holds %s: finish it, or open an issue" % m.group(), line)


def check_machine_paths():
    pattern = r"(?<![\w.])/(work|root|builds?)/\w+|/home/[a-z]\w*/"
    for path in own_files(TEXT):
        if path.endswith("test_style.py"):
            continue
        for line, m in lines_with(pattern, read(path)):
            wrong(path, "%s is a path of one machine" % m.group(), line)


def check_headers():
    for path in files(PRODUCT, (".c", ".h")):
        text = read(path)
        if not text.startswith("/*"):
            wrong(path, "does not begin with a comment that says what it is for")
        name = os.path.basename(path)
        if path.endswith(".h") and not text.startswith("/* " + name):
            wrong(path, "its first comment does not begin with its name, %s" % name)
        for line, m in lines_with(r"//[^\n]*", re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', keep_lines, text, flags=re.S)):
            wrong(path, "a // comment", line)
    for path in files((*PRODUCT, "tests"), (".h",)):
        code = bare(read(path)).strip()
        m = re.match(r"#ifndef (SMMQ_\w+_H)\n#define (\w+)\n", code)
        if not m or m.group(1) != m.group(2) or not code.endswith("#endif"):
            wrong(path, "has no include guard SMMQ_..._H around everything")


def check_tests_run():
    """A test that `make check` does not know is none, and neither is one that a tarball lacks."""
    listed = set(re.findall(r"%D%/([\w./-]+)", read("tests/local.mk")))
    for path in files(["tests"], (".py", ".c", ".sh", ".mjs")):
        name = path[len("tests/"):]
        if name not in listed and name.removesuffix(".c") not in listed and os.path.dirname(name) not in listed:
            wrong(path, "stands in no list of tests/local.mk")


def keep_lines(m):
    return "\n" * m.group().count("\n")


def main():
    rooms = files(PRODUCT, (".c", ".h"))
    if len(rooms) < 10:
        sys.exit("test_style: found no source in %s; set srcdir" % SRC)
    for check in (check_directions, check_sizes, check_forbidden_words, check_machine_paths, check_headers, check_tests_run):
        check()
    for text in WARNINGS:
        print("warning: " + text)
    for text in FINDINGS:
        print("not ok " + text)
    print("%d files, %d findings, %d warnings" % (len(rooms), len(FINDINGS), len(WARNINGS)))
    sys.exit(1 if FINDINGS else 0)


if __name__ == "__main__":
    main()
