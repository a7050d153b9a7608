"""What smmq is measured beside: Redis, beanstalkd, BullMQ, LMDB itself. Each is started in a directory of its own on the same disk,
with every answer synced; one that is not installed is left out with a line."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from smmqtest import spawn, until

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.environ["top_builddir"], "tests", "bench")
_told = set()


def missing(name, package):
    if name not in _told:
        _told.add(name)
        print("SKIPPED: %s is not installed (package %s); its column stays empty" % (name, package), file=sys.stderr)


def tool(name, *args):
    return subprocess.run([os.path.join(TOOLS, name), *map(str, args)], check=True, capture_output=True, text=True).stdout


def directory():
    return tempfile.mkdtemp(prefix="smmq-bench-")


def redis():
    """A Redis whose answers are synced: the path of its socket, or None."""
    if not shutil.which("redis-server"):
        return missing("redis-server", "redis-server")
    d = directory()
    path = os.path.join(d, "s")
    spawn(["redis-server", "--port", "0", "--unixsocket", path, "--dir", d, "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
          stdout=subprocess.DEVNULL)
    until(lambda: os.path.exists(path), "redis")
    time.sleep(0.3)
    return path


def beanstalkd():
    if not shutil.which("beanstalkd"):
        return missing("beanstalkd", "beanstalkd")
    d = directory()
    path = os.path.join(d, "s")
    process = spawn(["beanstalkd", "-b", d, "-f0", "-l", "unix:" + path], stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(path), "beanstalkd")
    beanstalkd.process = process
    return path


def bullmq_folder():
    """The folder with the package, installed once; None where it cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        return missing("BullMQ", "nodejs, npm")
    folder = os.path.join(os.environ["SMMQ_TEST_CACHE"], "bullmq")
    if not os.path.exists(os.path.join(folder, "node_modules", "bullmq")):
        os.makedirs(folder, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, "bullmq", name), folder)
        if subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder).returncode:
            return missing("BullMQ", "bullmq of the npm registry, which cannot be reached")
    return folder


class Sink:
    """sink.c: where posts arrive."""

    def __init__(self, count):
        self.process = spawn([os.path.join(TOOLS, "sink"), count], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def figures(self):
        """Count, p50, p99 and max in ms, seconds, posts a second; waits for the last post."""
        count, p50, p99, worst, seconds, rate = self.process.stdout.readline().split()
        return int(count), int(p50) / 1000, int(p99) / 1000, int(worst) / 1000, float(seconds), float(rate)


def bullmq(count, period_ms, lead_ms):
    folder, path = bullmq_folder(), redis()
    if folder is None or path is None:
        return None
    sink = Sink(count)
    spawn(["node", os.path.join(HERE, "bullmq", "publish.mjs"), path, sink.port, count, period_ms, lead_ms], cwd=folder)
    return sink.figures()
