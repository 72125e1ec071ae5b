"""nginx keeps its connections to the API: they hold no thread, and they are nginx's to close."""
import os
import signal
import socket
import struct

import pytest

from faults import end_of, make_whole, pid_of
from waiting import SLOW, wait_until

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
KEEP = b"\0\1\1" + bytes(5)
THREADS = 16
PATIENCE_S = 10 * SLOW


@pytest.fixture
def stack(rough):
    try:
        yield rough
    finally:
        make_whole(rough)


def record(kind, content=b""):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def exactly(file, n):
    got = file.read(n)
    assert len(got) == n, "the API has closed the connection"
    return got


class Kept:
    """One FastCGI connection that asks to be kept."""

    def __init__(self, stack):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        path = next(p for p in stack.api_sockets if os.path.exists(p))
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def get(self, path):
        params = {"REQUEST_METHOD": "GET", "REQUEST_URI": path, "SCRIPT_NAME": path, "QUERY_STRING": "", "CONTENT_LENGTH": ""}
        pairs = b"".join(struct.pack("BB", len(k), len(v)) + k.encode() + v.encode() for k, v in params.items())
        self.socket.sendall(record(BEGIN, KEEP) + record(PARAMS, pairs) + record(PARAMS) + record(STDIN))
        out = b""
        while True:
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", exactly(self.file, 8))
            content = exactly(self.file, length + padding)[:length]
            if kind == END:
                return out.decode()
            if kind == STDOUT:
                out += content

    def close(self):
        self.file.close()
        self.socket.close()


def test_more_are_kept_than_there_are_threads(stack):
    kept = [Kept(stack) for _ in range(3 * THREADS)]
    for _ in range(3):
        for connection in kept:
            assert connection.get("/healthz").startswith("Status: 200")
    for connection in kept:
        connection.close()


def test_silent_connections_keep_nobody_out(stack):
    silent = [Kept(stack) for _ in range(THREADS - 1)]
    talking = Kept(stack)
    assert talking.get("/healthz").startswith("Status: 200")
    for connection in (*silent, talking):
        connection.close()


def test_a_kept_connection_is_served_until_its_owner_closes_it(stack):
    kept = Kept(stack)
    assert kept.get("/healthz").startswith("Status: 200")
    pid = pid_of(stack, "api")
    os.kill(pid, signal.SIGTERM)
    wait_until("the drain", lambda: '"api.draining"' in (stack.log_dir / "api.log").read_text().splitlines()[-1], 5, stack, 0.01)
    assert kept.get("/healthz").startswith("Status: 200")
    kept.close()
    code, took_s = end_of(pid, 10, stack)
    assert (code, took_s < 2 * SLOW) == (0, True)


def test_an_idle_connection_does_not_hold_up_the_end(stack):
    kept = Kept(stack)
    assert kept.get("/healthz").startswith("Status: 200")
    pid = pid_of(stack, "api")
    os.kill(pid, signal.SIGTERM)
    code, took_s = end_of(pid, 10, stack)
    kept.close()
    assert (code, took_s < 5 * SLOW) == (0, True)
