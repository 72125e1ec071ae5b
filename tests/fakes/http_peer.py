#!/usr/bin/python3
"""A scripted HTTP server: takes signed POSTs, holds each against what the contract says, answers what the test wants.

As a library: HttpPeer(secrets=["whsec_..."]).start(), .url, .requests, .wait_for(...), .stop().
As a program, for tests in C: prints "PORT CA_FILE" when it listens, appends every request to --keep as one JSON line, and
ends when its standard input does:

    http_peer.py --tls --script '[503, {"status": 200, "body": {"a": 1}}]' --keep FILE

What it answers comes from the script (a list is used up one by one, then all is well again; anything else is done each
time) or, when the request's JSON has payload.answers, from there: the n-th entry for attempt n, the last for all later
ones. An answer is null (200 and a JSON body), a status, an object {status, headers, body, after_s}, or a word:
    stall        says nothing until the other side goes
    close        closes          reset        closes with a TCP reset
    half         closes in the middle of the body
    late_reset   the whole answer, then a TCP reset
    endless      a body without an end
    headers      header lines without an end
    drip         one byte of the body every 0.2 s, without an end
    garbage      what is no HTTP
"""
import argparse
import base64
import binascii
import contextlib
import datetime
import hashlib
import hmac
import json
import re
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time

from certificates import make_certificate

HEAD_MAX = 65536
TIMESTAMP_TOLERANCE_S = 300
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
REASONS = {200: "OK", 204: "No Content", 302: "Found", 410: "Gone", 429: "Too Many Requests", 503: "Service Unavailable"}


class Gone(Exception):
    """The connection is over."""


def verify(secret, headers, body, now_s=None):
    """What is wrong with a request's Standard Webhooks headers, or None. Written from the specification, not from ours."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        timestamp = int(headers["webhook-timestamp"])
        signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
        wanted = hmac.new(key, signed, hashlib.sha256).digest()
        given = [base64.b64decode(part[3:], validate=True) for part in headers["webhook-signature"].split(" ")
                 if part.startswith("v1,")]
    except (KeyError, ValueError, binascii.Error) as error:
        return f"unreadable: {error!r}"
    if abs((now_s or time.time()) - timestamp) > TIMESTAMP_TOLERANCE_S:
        return "the timestamp is too old or too new"
    if not any(hmac.compare_digest(wanted, signature) for signature in given):
        return "no signature fits"
    return None


def find_problems(method, headers, body, secrets):
    """Everything in which a request is not what an HTTP job type owes."""
    problems = [] if method == "POST" else [f"method {method}"]
    if headers.get("content-type") != "application/json":
        problems.append(f"content-type {headers.get('content-type')!r}")
    if not re.fullmatch(r"bellman/\S+", headers.get("user-agent", "")):
        problems.append(f"user-agent {headers.get('user-agent')!r}")
    for secret in secrets:
        wrong = verify(secret, headers, body)
        if wrong:
            problems.append(f"signature: {wrong}")
    try:
        job = json.loads(body)
    except ValueError as error:
        return [*problems, f"body: {error}"]
    if set(job) != {"job_id", "job_type", "organization_id", "attempt", "created_at", "payload"}:
        problems.append(f"members {sorted(job)}")
        return problems
    if not UUID.fullmatch(job["job_id"]):
        problems.append(f"job_id {job['job_id']!r}")
    if not (headers.get("webhook-id") == headers.get("idempotency-key") == job["job_id"]):
        problems.append("webhook-id or idempotency-key is not the job's id")
    if "traceparent" in headers and not TRACEPARENT.fullmatch(headers["traceparent"]):
        problems.append(f"traceparent {headers['traceparent']!r}")
    if not isinstance(job["attempt"], int) or job["attempt"] < 1:
        problems.append(f"attempt {job['attempt']!r}")
    try:
        datetime.datetime.strptime(job["created_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    except ValueError as error:
        problems.append(f"created_at: {error}")
    return problems


class HttpPeer:
    """requests: dicts of method, path, headers (names in lower case), body, job (its JSON), problems, connection, at."""

    def __init__(self, script=None, secrets=(), tls=False, certificate_name="localhost", checks=True):
        self.script = script
        self.secrets = list(secrets)
        self.checks = checks
        self.lock = threading.Condition()
        self.requests = []
        self.connections = 0
        self.on_request = None
        self._open = set()
        self._stopping = threading.Event()
        self._directory = None
        self.ca_file = None
        self._context = None
        if tls:
            self._directory = tempfile.TemporaryDirectory(prefix="http-peer-")
            self.ca_file, key = make_certificate(self._directory.name, certificate_name)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.ca_file, key)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https://localhost' if tls else 'http://127.0.0.1'}:{self.port}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for connection in list(self._open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        if self._directory:
            self._directory.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def wait_for(self, condition, timeout_s=20):
        """Waits until condition(self) is true; returns its value."""
        with self.lock:
            if not self.lock.wait_for(lambda: condition(self), timeout_s):
                raise AssertionError(f"not within {timeout_s} s; requests: {self.requests[-5:]}")
            return condition(self)

    def of(self, job_id):
        """The requests for one job, in the order they came."""
        with self.lock:
            return [r for r in self.requests if r["job"] and r["job"].get("job_id") == job_id]

    def plan(self, job):
        with self.lock:
            payload = job.get("payload") if isinstance(job, dict) else None
            answers = payload.get("answers") if isinstance(payload, dict) else None
            if answers:
                return answers[min(job["attempt"], len(answers)) - 1]
            if isinstance(self.script, list):
                return self.script.pop(0) if self.script else None
            return self.script

    def record(self, request):
        with self.lock:
            self.requests.append(request)
            self.lock.notify_all()
        if self.on_request:
            self.on_request(request)

    def _accept(self):
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            wrapped = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with self.lock:
                self._open.add(wrapped)
            Dialogue(self, wrapped, number).run()
        except (Gone, OSError, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self._open = {c for c in self._open if c is not connection and c.fileno() != -1}
            connection.close()


class Dialogue:
    def __init__(self, peer, connection, number):
        self.peer = peer
        self.socket = connection
        self.number = number
        self.buffer = b""

    def fill(self):
        chunk = self.socket.recv(65536)
        if not chunk:
            raise Gone
        self.buffer += chunk

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_MAX:
                raise Gone
            self.fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", 0))
        while len(self.buffer) < size:
            self.fill()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return method, path, headers, body

    def run(self):
        while True:
            method, path, headers, body = self.read_request()
            try:
                job = json.loads(body)
            except ValueError:
                job = None
            problems = find_problems(method, headers, body, self.peer.secrets) if self.peer.checks else []
            self.peer.record({"method": method, "path": path, "headers": headers, "body": body.decode("utf-8", "replace"),
                              "job": job, "problems": problems, "connection": self.number, "at": time.time()})
            self.answer(self.peer.plan(job), job)

    def answer(self, plan, job):
        if isinstance(plan, str):
            getattr(self, plan)()
            raise Gone
        if plan is None:
            plan = {"status": 200, "body": {"received": job.get("job_id") if isinstance(job, dict) else None}}
        if isinstance(plan, int):
            plan = {"status": plan}
        if plan.get("after_s"):
            self.wait(plan["after_s"])
        self.send(plan.get("status", 200), plan.get("headers", {}), plan.get("body", ""))
        if plan.get("headers", {}).get("Connection") == "close":
            raise Gone

    def wait(self, seconds):
        """Ends early when the other side has gone."""
        self.socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            if not self.socket.recv(65536):
                raise Gone
        self.socket.settimeout(None)

    def send(self, status, headers, body, size=None):
        text = body if isinstance(body, str) else json.dumps(body)
        if not isinstance(body, str):
            headers = {"Content-Type": "application/json", **headers}
        raw = text.encode()
        head = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", *(f"{k}: {v}" for k, v in headers.items())]
        if status != 204:
            head.append(f"Content-Length: {len(raw) if size is None else size}")
        self.socket.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + (b"" if status == 204 else raw))

    # ---- words ------------------------------------------------------------------------------------------------------

    def stall(self):
        while self.socket.recv(65536):
            pass

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half(self):
        self.send(200, {}, '{"half": ', size=1000)
        self.close()

    def late_reset(self):
        self.send(200, {}, {"late": True})
        time.sleep(0.05)
        self.reset()

    def endless(self):
        self.socket.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            self.socket.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    def headers(self):
        self.socket.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.socket.sendall(b"X-More: of the same, without an end\r\n" * 100)

    def drip(self):
        self.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            self.socket.sendall(b"x")
            time.sleep(0.2)

    def garbage(self):
        self.socket.sendall(b"220 mail.example.org ESMTP\r\n")
        self.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--script", default="null")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--certificate-name", default="localhost")
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--keep")
    options = parser.parse_args()
    peer = HttpPeer(json.loads(options.script), options.secret, options.tls, options.certificate_name)
    out = open(options.keep, "w", encoding="utf-8") if options.keep else None

    def keep(request):
        json.dump(request, out)
        out.write("\n")
        out.flush()

    if out:
        peer.on_request = keep
    with peer:
        print(peer.port, peer.ca_file or "-", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
