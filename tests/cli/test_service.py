"""The daemon as a service: readiness, status, watchdog and stop are told to the service manager; its socket may be inherited."""
import os
import signal
import socket
import subprocess
import time

import smmqtest
from smmqtest import SLOW, check, daemon, eq, need, until


class Manager:
    """What systemd's end of NOTIFY_SOCKET hears."""

    def __init__(self, d):
        self.path = os.path.join(d.dir, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard += self.sock.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def hears(self, what, since=0, timeout_s=15):
        return until(lambda: [line for line in self.listen()[since:] if line.startswith(what)], "the manager hears " + what, timeout_s)


def test_ready_status_watchdog_stopping():
    d = daemon(brand=True)
    m = Manager(d)
    d.start(env={"NOTIFY_SOCKET": m.path, "WATCHDOG_USEC": "1000000"}, wait=False)
    m.hears("READY=1")
    eq(m.hears("MAINPID="), ["MAINPID=%d" % d.process.pid], "the main process")
    since = len(m.listen())
    d.add("brand", "later", "--at", "+1h")
    d.add("brand", "held", "--at", "+1h", "--hold")
    m.hears("STATUS=1 queued, 0 sending, 0 unknown, 1 held", since)
    since = len(m.listen())
    time.sleep(2.2)
    pings = m.listen()[since:].count("WATCHDOG=1")
    check(2 <= pings <= 10, "watchdog pings in 2.2 s at an interval of 1 s:", pings)
    d.process.send_signal(signal.SIGHUP)
    m.hears("RELOADING=1", since)
    m.hears("READY=1", since)
    d.stop()
    m.hears("STOPPING=1", since)


def test_watchdog_falls_silent_with_the_loop():
    d = daemon(brand=True)
    m = Manager(d)
    d.start(env={"NOTIFY_SOCKET": m.path, "WATCHDOG_USEC": "400000"})
    m.hears("WATCHDOG=1")
    d.process.send_signal(signal.SIGSTOP)
    m.listen()
    time.sleep(1)
    since = len(m.listen())
    time.sleep(1)
    eq(m.listen()[since:], [], "pings of a stopped process")
    d.process.send_signal(signal.SIGCONT)


def test_inherited_socket():
    need("systemd-socket-activate")
    d = daemon(brand=True)
    p = smmqtest.spawn(["systemd-socket-activate", "-l", d.socket, smmqtest.SMMQD, "-c", d.conf],
                       stdout=subprocess.DEVNULL, stderr=open(d.log, "ab"), env={**os.environ, "SMMQ_LOG": "journal"})
    d.process = p
    until(lambda: os.path.exists(d.socket), "the socket is there")
    # The first client starts the daemon; its request waits in the socket until it is answered.
    ident = d.add("brand", "woken", "--now")
    d.wait_state(ident, "published")
    p.send_signal(signal.SIGTERM)
    eq(p.wait(20 * SLOW), 0, "exit status")
    check(os.path.exists(d.socket), "an inherited socket is not removed")


def test_stop_leaves_nothing_in_doubt():
    d = daemon(brand=True).start()
    ids = [d.add("brand", "post %d" % i, "--now") for i in range(30)]
    d.stop()
    d.start()
    for ident in ids:
        d.wait_state(ident, "published")
        events = [e["event"] for e in d.wire().ask("LOG %s" % ident).data]
        eq(events.count("publish"), 1, "publications of %s: %r" % (ident, events))


if __name__ == "__main__":
    smmqtest.main(globals())
