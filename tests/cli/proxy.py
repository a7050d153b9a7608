"""proxy.py: a loopback HTTP proxy that stands between the daemon and a server and loses things on purpose.

It understands just enough HTTP/1.1 to see where a request and its answer end, so that a test can say exactly what is lost:
the request (the server never saw it) or the answer (the server did the work and nobody was told). Runs in a thread of the
test; rules are given by a part of the request line, "POST /api/v1/statuses" for example.

    proxy = Proxy(server_port)
    proxy.drop_answer("putRecord")             # the next one: the server answers, the client gets a closed connection
    proxy.drop_request("putRecord")            # the next one: closed before the server sees anything
    proxy.cut("putRecord")                     # the next one: sent on, but the client is cut off at once; the server goes on alone
    hold = proxy.hold_answer("putRecord")      # the next one: answered by the server, kept back
    hold.wait(10); ...kill the daemon...; hold.let_go()
    proxy.count("putRecord")                   # requests forwarded to the server
"""
import asyncio
import threading


class Hold:
    """One request stopped on its way; wait() returns once it is there."""

    def __init__(self, loop):
        self._loop = loop
        self.there = threading.Event()
        self._go = asyncio.Event()
        self.dropped = False
        self.status = None          # of the answer kept back

    def wait(self, timeout_s=20):
        if not self.there.wait(timeout_s):
            raise AssertionError("proxy: no such request came within %d s" % timeout_s)
        return self

    def let_go(self, drop=False):
        self.dropped = drop
        self._loop.call_soon_threadsafe(self._go.set)


class _Rule:
    def __init__(self, what, part, times, hold=None):
        self.what, self.part, self.times, self.hold = what, part, times, hold


class Proxy:
    def __init__(self, server_port, server_host="127.0.0.1"):
        self.server = (server_host, server_port)
        self.seen = []              # (request line, status or None), in the order in which they came
        self.refusing = False       # close every connection at once
        self._rules = []
        self._lock = threading.Lock()
        self._writers = set()
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        ready.wait()

    # What a test calls.

    def drop_answer(self, part, times=1):
        self._add(_Rule("drop_answer", part, times))

    def drop_request(self, part, times=1):
        self._add(_Rule("drop_request", part, times))

    def cut(self, part, times=1):
        self._add(_Rule("cut", part, times))

    def hold_answer(self, part):
        return self._add(_Rule("hold_answer", part, 1, Hold(self._loop)))

    def hold_request(self, part):
        return self._add(_Rule("hold_request", part, 1, Hold(self._loop)))

    def clear(self):
        with self._lock:
            self._rules = []

    def count(self, part=""):
        """Requests that reached the server."""
        with self._lock:
            return sum(1 for line, forwarded, _ in self.seen if forwarded and part in line)

    def attempts(self, part=""):
        """Requests that the client sent, also those that were dropped before the server."""
        with self._lock:
            return sum(1 for line, _, _ in self.seen if part in line)

    def close(self):
        async def stop():
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            self._loop.stop()
        asyncio.run_coroutine_threadsafe(stop(), self._loop)
        self._thread.join(5)

    # The inside.

    def _add(self, rule):
        with self._lock:
            self._rules.append(rule)
        return rule.hold

    def _take(self, what, line):
        """The first rule of this kind that fits, used up once."""
        with self._lock:
            for rule in self._rules:
                if rule.what == what and rule.part in line:
                    rule.times -= 1
                    if rule.times == 0:
                        self._rules.remove(rule)
                    return rule
        return None

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)

        async def listen():
            self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
            ready.set()
        self._loop.run_until_complete(listen())
        self._loop.run_forever()

    async def _client(self, reader, writer):
        upstream = None
        self._writers.add(writer)
        try:
            while not self.refusing:
                head = await _head(reader)
                if head is None:
                    break
                if upstream is None:
                    upstream = await asyncio.open_connection(*self.server)
                    self._writers.add(upstream[1])
                if not await self._exchange(head, reader, writer, upstream):
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            for w in (writer, upstream and upstream[1]):
                if w:
                    self._writers.discard(w)
                    w.transport.abort()

    async def _exchange(self, head, reader, writer, upstream):
        """One request and its answer. False: the connection is to be closed."""
        line = head.split(b"\r\n", 1)[0].decode("latin-1")
        fields = _fields(head)
        if fields.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            head = b"\r\n".join(h for h in head.split(b"\r\n") if not h.lower().startswith(b"expect:"))
        body = await _body(reader, fields, False)
        if self._take("drop_request", line):
            self._note(line, False, None)
            return False
        if not await self._stop("hold_request", line):
            self._note(line, False, None)
            return False
        upstream[1].write(head + body)
        await upstream[1].drain()
        note = self._note(line, True, None)
        if self._take("cut", line):
            writer.transport.abort()
        while True:
            answer = await _head(upstream[0])
            if answer is None:
                return False
            status = int(answer.split(b" ", 2)[1])
            if status >= 200:
                break
        fields = _fields(answer)
        answer += await _body(upstream[0], fields, status in (204, 304) or line.startswith("HEAD "), True)
        note[2] = status
        if self._take("drop_answer", line) or not await self._stop("hold_answer", line, status):
            return False
        writer.write(answer)
        await writer.drain()
        return fields.get("connection", "").lower() != "close"

    async def _stop(self, what, line, status=None):
        rule = self._take(what, line)
        if not rule:
            return True
        rule.hold.status = status
        rule.hold.there.set()
        await rule.hold._go.wait()
        return not rule.hold.dropped

    def _note(self, line, forwarded, status):
        with self._lock:
            self.seen.append([line, forwarded, status])
            return self.seen[-1]


async def _head(reader):
    """Up to and with the empty line; None at the end of the connection."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None


def _fields(head):
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if ":" in line)}


async def _body(reader, fields, none, to_the_end=False):
    """The body as it came, chunk frames included."""
    if none:
        return b""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        out = b""
        while True:
            size = await reader.readuntil(b"\r\n")
            chunk = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
            out += size + chunk
            if int(size.split(b";")[0], 16) == 0:
                return out
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    return await reader.read(-1) if to_the_end else b""
