#!/usr/bin/python3
"""A worker for Bellman's HTTP job types, with Python's standard library alone.

    http_worker.py --port 8008 --secret-file /etc/bellman/text.count.secret

and in bellman.conf (a secret is `whsec_` and base64: echo "whsec_$(openssl rand -base64 32)"):

    [job_type text.count]
    http = https://worker.example.com/
    http_secret_file = /etc/bellman/text.count.secret

What it answers decides what becomes of the job: 2xx completes it, and a JSON body is its result; 4xx fails it for good (but 408,
409, 425 and 429, which mean later); 5xx and no answer make Bellman try again. TLS is for what stands in front of it.
"""
import argparse
import base64
import collections
import hashlib
import hmac
import json
import pathlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_MAX_BYTES = 8 * 1024 * 1024
TOLERANCE_S = 300
REMEMBERED = 10000


class BadPayload(Exception):
    """Trying again would not help."""


def count_text(payload):
    text = payload.get("text")
    if not isinstance(text, str):
        raise BadPayload("text must be a string")
    return {"words": len(text.split()), "characters": len(text)}


WORK = {"text.count": count_text}


def is_genuine(secrets, headers, body):
    """Standard Webhooks: HMAC-SHA256 over id, timestamp and body. While a secret is replaced there are two signatures."""
    try:
        timestamp = int(headers["webhook-timestamp"])
        signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
        given = [part[3:].encode() for part in headers["webhook-signature"].split() if part.startswith("v1,")]
    except (TypeError, ValueError, AttributeError):
        return False
    if abs(time.time() - timestamp) > TOLERANCE_S:
        return False
    wanted = [base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()) for secret in secrets]
    return any(hmac.compare_digest(w, g) for w in wanted for g in given)


class Done:
    """What was answered for a job's id. A job may come twice: when its first answer was lost, for instance."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = set()
        self.answers = collections.OrderedDict()

    def begin(self, job_id):
        """An answer (status, body) that is known already, or None: then the caller works, and calls end."""
        with self.lock:
            if job_id in self.answers:
                return self.answers[job_id]
            if job_id in self.running:
                return 409, {"error": "this job runs already"}
            self.running.add(job_id)
            return None

    def end(self, job_id, answer):
        with self.lock:
            self.running.discard(job_id)
            if answer[0] < 300:
                self.answers[job_id] = answer
                while len(self.answers) > REMEMBERED:
                    self.answers.popitem(last=False)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secrets = []
    done = Done()

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        if size > BODY_MAX_BYTES:
            self.close_connection = True
            self.answer(413, {"error": "too large"})
            return
        body = self.rfile.read(size)
        if not is_genuine(self.secrets, self.headers, body):
            self.answer(401, {"error": "the signature does not fit"})
            return
        self.answer(*self.run(json.loads(body)))

    def run(self, job):
        work = WORK.get(job["job_type"])
        if work is None:
            return 404, {"error": f"no worker for {job['job_type']}"}
        known = self.done.begin(job["job_id"])
        if known:
            return known
        answer = 500, {"error": "the worker failed"}
        try:
            answer = 200, work(job["payload"])
        except BadPayload as error:
            answer = 400, {"error": str(error)}
        finally:
            self.done.end(job["job_id"], answer)
        return answer

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(f"{self.headers.get('webhook-id', '-') if hasattr(self, 'headers') else '-'} {format % args}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--secret-file", action="append", required=True, help="twice while a secret is being replaced")
    options = parser.parse_args()
    Handler.secrets = [base64.b64decode(pathlib.Path(path).read_text().strip().removeprefix("whsec_"))
                       for path in options.secret_file]
    with ThreadingHTTPServer((options.host, options.port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
