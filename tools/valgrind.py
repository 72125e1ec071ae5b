#!/usr/bin/python3
"""valgrind.py [REQUESTS]: both programs under valgrind while REQUESTS (10,000) calls are made and every job ends.

Fails on any error or definite leak that valgrind reports. Run by `make valgrind`; takes some minutes.
"""
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import re
import sys
import tempfile
import time
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests" / "stack"))
REAL = REPOSITORY / os.environ.get("BELLMAN_REAL_BUILD", "build/debug")
WRAPPED = REPOSITORY / "build" / "valgrind"
os.environ["BELLMAN_BUILD"] = str(WRAPPED)
os.environ["G_SLICE"] = "always-malloc"

from stack import Stack  # noqa: E402

CONNECTIONS = 4
CALLS = [
    ("POST", "/background-jobs", {"job_type": "noop", "payload": {}}),
    ("POST", "/background-jobs", {"job_type": "fail", "payload": {"times": 1}, "max_retries": 1}),
    ("GET", "/background-jobs?limit=20&status=completed", None),
    ("POST", "/background-jobs", {"job_type": "sleep", "payload": {"ms": 1}, "priority": 1}),
    ("GET", "/notification-settings", None),
    ("POST", "/background-jobs", {"job_type": "nonsense"}),
    ("POST", "/background-jobs", {"job_type": "email.send", "priority": -1, "payload": {
        "to": "someone@example.com", "subject": "Grüße", "text": "Hello", "html": "<p>Hello</p>"}}),
    ("PUT", "/notification-settings", {"custom_settings": {"a": [1, 2, {"b": None}]}}),
    ("GET", "/no-such-address", None),
    ("POST", "/background-jobs", {"job_type": "noop", "payload": {}}),
]


def wrap():
    WRAPPED.mkdir(parents=True, exist_ok=True)
    for name in ("bellman-api", "bellman-consumer"):
        script = WRAPPED / name
        script.write_text("#!/bin/sh\nexec valgrind --quiet --leak-check=full --show-leak-kinds=definite "
                          "--errors-for-leak-kinds=definite --error-exitcode=97 --fair-sched=yes "
                          f"{REAL / name} \"$@\"\n")
        script.chmod(0o755)
    link = WRAPPED / "bellmanctl"
    link.unlink(missing_ok=True)
    link.symlink_to(REAL / "bellmanctl")


def call(connection, token, method, path, body):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    connection.request(method, "/api/system" + path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def drive(stack, numbers):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.url).netloc, timeout=120)
    seen = {}
    for n in numbers:
        status = call(connection, stack.token, *CALLS[n % len(CALLS)])
        seen[status] = seen.get(status, 0) + 1
    return seen


def unfinished(stack):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(stack.url).netloc, timeout=120)
    total = 0
    for status in ("queued", "processing"):
        connection.request("GET", f"/api/system/background-jobs?limit=1&status={status}",
                           headers={"Authorization": "Bearer " + stack.token})
        total += json.loads(connection.getresponse().read())["total"]
    return total


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    wrap()
    stack = Stack(tempfile.mkdtemp(prefix="bellman-valgrind-"), build=WRAPPED,
                  conf_extra="[retry]\nbase_s=0\ncap_s=1\n[consumer]\nlease_ms=60000\n")
    try:
        stack.up()
        shares = [itertools.islice(range(requests), k, None, CONNECTIONS) for k in range(CONNECTIONS)]
        seen = {}
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            for part in pool.map(lambda share: drive(stack, share), shares):
                for status, count in part.items():
                    seen[status] = seen.get(status, 0) + count
        print("answers:", dict(sorted(seen.items())), flush=True)
        deadline = time.monotonic() + 600
        while (left := unfinished(stack)) > 0:
            if time.monotonic() > deadline:
                sys.exit(f"{left} jobs have not ended; logs in {stack.log_dir}")
            time.sleep(1)
        stack.down()
        reports = [line for name in ("api", "consumer")
                   for line in re.findall(r"^==\d+== .*", (stack.log_dir / f"{name}.log").read_text(errors="replace"),
                                          re.M)]
        print("\n".join(reports[:200]))
        print(f"valgrind: {requests} requests, {len(reports)} lines of reports")
        if not reports:
            stack.clean()
        return 1 if reports or 500 in seen or 201 not in seen else 0
    finally:
        stack.down()


if __name__ == "__main__":
    sys.exit(main())
