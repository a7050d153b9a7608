"""A daemon's store as pairs of keys and values in hex, and back: what a test changes in it, the daemon is to notice. Only after a
clean stop: until then part of the store is in its log."""
import os
import subprocess

from smmqtest import need

TREES = {"I": "i", "J": "j", "D": "d", "N": "n"}        # by a key's first byte, as in daemon/store/store.c; all others: m


def store_dump(state):
    need("mdb_dump")
    text = subprocess.run(["mdb_dump", "-a", state], check=True, capture_output=True).stdout.decode()
    lines = []
    for section in text.split("HEADER=END\n")[1:]:
        lines += [line.strip() for line in section.split("DATA=END")[0].splitlines()]
    return list(zip(lines[::2], lines[1::2]))


def store_load(state, pairs):
    """Replaces the store."""
    need("mdb_load")
    trees = {name: [] for name in ("m", *TREES.values())}
    for key, value in pairs:
        trees[TREES.get(chr(int(key[:2], 16)), "m")].append((key, value))
    for name in ("data.mdb", "lock.mdb"):
        if os.path.exists(os.path.join(state, name)):
            os.unlink(os.path.join(state, name))
    for name, pairs in trees.items():
        head = "VERSION=3\nformat=bytevalue\ndatabase=%s\ntype=btree\nmapsize=1073741824\nmaxreaders=126\ndb_pagesize=4096\nHEADER=END\n" % name
        body = "".join(" %s\n %s\n" % pair for pair in pairs)
        subprocess.run(["mdb_load", "-s", name, state], input=(head + body + "DATA=END\n").encode(), check=True)
