"""A proxy that does harm to connections: latency, slowness, cuts, silence. For TCP and Unix sockets.

    with Proxy(("127.0.0.1", 5672)) as proxy:       # or the path of a Unix socket
        ... connect to proxy.address ...
        proxy.delay_s = 0.2         each piece arrives this much later
        proxy.bytes_per_s = 100     at most so many
        proxy.silent = True         connections stay, nothing passes
        proxy.cut()                 every connection is closed, reset=True: by a TCP reset
        proxy.refusing = True       new connections are closed at once
        proxy.drop_after("down", 1000)  every connection is cut when so many bytes more have come down to the client

Subclasses see what passes: on_up (client to server) and on_down get a Link and bytes, and give back what is to be passed
on. mariadb_proxy.py builds on that.
"""
import contextlib
import os
import select
import socket
import struct
import tempfile
import threading
import time

PIECE = 65536
TICK_S = 0.02


class Link:
    """One connection through the proxy. Its thread alone reads and writes both sockets."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.client = client
        self.server = server
        self.passed = {"up": 0, "down": 0}
        self.dead = threading.Event()
        self.held = threading.Event()  # what comes down waits until this is cleared
        self.kept = b""

    def kill(self, reset=False):
        """Ends both sides; any thread may."""
        self.dead.set()
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.shutdown(socket.SHUT_RDWR)

    def run(self):
        try:
            while not self.dead.is_set():
                self.turn()
        except OSError:
            pass
        finally:
            self.proxy.forget(self)
            for side in (self.client, self.server):
                side.close()

    def turn(self):
        if self.proxy.silent:
            time.sleep(TICK_S)
            return
        if self.kept and not self.held.is_set():
            kept, self.kept = self.kept, b""
            self.send("down", self.client, kept)
        readable, _, _ = select.select([self.client, self.server], [], [], TICK_S * 5 if not self.kept else TICK_S)
        for side in readable:
            data = side.recv(PIECE)
            if not data:
                self.dead.set()
                return
            if side is self.client:
                self.send("up", self.server, self.proxy.on_up(self, data))
            else:
                data = self.proxy.on_down(self, data)
                if self.held.is_set():
                    self.kept += data
                else:
                    self.send("down", self.client, data)

    def send(self, direction, to, data):
        proxy = self.proxy
        if proxy.delay_s:
            time.sleep(proxy.delay_s)
        limit = proxy.limits.get(direction)
        if limit is not None and self.passed[direction] + len(data) >= limit:
            to.sendall(data[:max(0, limit - self.passed[direction])])
            self.kill()
            return
        self.passed[direction] += len(data)
        if not proxy.bytes_per_s:
            to.sendall(data)
            return
        step = max(1, int(proxy.bytes_per_s * TICK_S))
        for i in range(0, len(data), step):
            if self.dead.is_set():
                return
            to.sendall(data[i:i + step])
            time.sleep(step / proxy.bytes_per_s)


class Proxy:
    def __init__(self, upstream):
        self.upstream = upstream
        self.lock = threading.Lock()
        self.links = set()
        self.accepted = 0
        self.delay_s = 0.0
        self.bytes_per_s = 0
        self.silent = False
        self.refusing = False
        self.limits = {}
        self._directory = None
        self._stopping = threading.Event()
        if isinstance(upstream, tuple):
            self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            self.address = self._listener.getsockname()
        else:
            self._directory = tempfile.TemporaryDirectory(prefix="bellman-proxy-")
            self.address = os.path.join(self._directory.name, "s")
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(self.address)
            self._listener.listen(256)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.silent = False
        self.cut()
        if self._directory:
            self._directory.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # ---- what tests do ----------------------------------------------------------------------------------------------

    def cut(self, reset=False):
        with self.lock:
            links = list(self.links)
        for link in links:
            link.kill(reset)
        return len(links)

    def drop_after(self, direction, n_bytes):
        with self.lock:
            for link in self.links:
                link.passed[direction] = 0
            self.limits[direction] = n_bytes

    def heal(self):
        self.delay_s, self.bytes_per_s, self.silent, self.refusing = 0.0, 0, False, False
        self.limits = {}
        with self.lock:
            for link in self.links:
                link.held.clear()

    # ---- what subclasses do -----------------------------------------------------------------------------------------

    def on_up(self, _link, data):
        return data

    def on_down(self, _link, data):
        return data

    # ---- inside -----------------------------------------------------------------------------------------------------

    def forget(self, link):
        with self.lock:
            self.links.discard(link)

    def _connect(self):
        if isinstance(self.upstream, tuple):
            server = socket.create_connection(self.upstream, timeout=5)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.connect(self.upstream)
        server.settimeout(None)
        return server

    def _accept(self):
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.refusing:
                client.close()
                continue
            try:
                link = Link(self, client, self._connect())
            except OSError:
                client.close()
                continue
            with self.lock:
                self.links.add(link)
            threading.Thread(target=link.run, daemon=True).start()


class AmqpProxy(Proxy):
    """Knows when a message is published: hold_confirms keeps back what the broker says from then on, on that connection."""

    PUBLISH = b"\x00\x3c\x00\x28"  # class 60, method 40

    def __init__(self, upstream):
        super().__init__(upstream)
        self.hold_confirms = False
        self.published = threading.Event()

    def on_up(self, link, data):
        if self.hold_confirms and self.PUBLISH in data:
            link.held.set()
            self.published.set()
        return data
