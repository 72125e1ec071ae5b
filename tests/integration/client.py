"""HTTP through nginx as a user of an organization. Every answer is held against what all answers owe."""
import itertools
import secrets
import subprocess
import threading

import requests

from waiting import SLOW, Late, wait_until

BASE = "/api/system"
FINAL = ("completed", "failed", "cancelled")


def sign(stack, org, sub="admin", role="SystemAdmin", ttl_s=3600):
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, "token", "--org", org, "--sub", sub,
                           "--role", role, "--ttl", str(ttl_s)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"bellmanctl token: exit {done.returncode}: {done.stderr}"
    return done.stdout.strip()


def check_answer(answer):
    """What every answer owes, whoever gives it."""
    where = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    assert answer.headers.get("X-Request-Id"), f"no X-Request-Id: {where}"
    assert answer.headers.get("X-Content-Type-Options") == "nosniff", where
    if answer.status_code >= 400 and not answer.request.url.endswith("/readyz") and answer.request.method != "HEAD":
        assert answer.headers.get("Content-Type", "").split(";")[0] == "application/problem+json", where
        problem = answer.json()
        assert problem["status"] == answer.status_code, where
        assert problem["type"] and problem["title"] and problem["detail"], where
        assert problem["request_id"] == answer.headers["X-Request-Id"], where
    return answer


class Client:
    def __init__(self, stack, token=None):
        self.stack = stack
        self.token = token
        self.local = threading.local()

    @property
    def session(self):
        if not hasattr(self.local, "session"):
            self.local.session = requests.Session()
            self.local.session.trust_env = False
        return self.local.session

    def call(self, method, path, headers=None, timeout_s=30, check=True, **options):
        """path is below /api/system unless it begins with /api/ or is told as an absolute one by a leading '='."""
        address = path[1:] if path.startswith("=") else BASE + path
        all_headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        all_headers.update(headers or {})
        answer = self.session.request(method, self.stack.url + address, headers=all_headers, timeout=timeout_s * SLOW,
                                      allow_redirects=False, **options)
        return check_answer(answer) if check else answer

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def put(self, path, body=None, **options):
        return self.call("PUT", path, json=body, **options)

    def patch(self, path, body=None, **options):
        return self.call("PATCH", path, json=body, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, json=body, **options)

    def create(self, job_type="noop", payload=None, **members):
        """Creates a job that must be accepted; its JSON."""
        headers = members.pop("headers", None)
        answer = self.post("/background-jobs", {"job_type": job_type, "payload": payload or {}, **members}, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def job(self, job_id):
        answer = self.get(f"/background-jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def cancel(self, job_id):
        return self.post(f"/background-jobs/{job_id}/cancel")

    def wait_job(self, job_id, status=FINAL, timeout_s=15):
        """The job once it has one of the states."""
        wanted = (status,) if isinstance(status, str) else status
        seen = {}

        def check():
            seen.update(self.job(job_id))
            return seen if seen["status"] in wanted else None

        try:
            return wait_until(f"job {job_id} to be {' or '.join(wanted)}", check, timeout_s, self.stack, 0.03)
        except Late as late:
            raise Late(f"{late}\n  the job: {seen}") from None


class Org:
    """An organization of a test's own, so that no test sees another's rows. Users are made when they are asked for."""

    numbers = itertools.count(1)

    def __init__(self, stack, name="t"):
        self.stack = stack
        self.id = f"{name}-{next(self.numbers)}-{secrets.token_hex(3)}"
        self.admin = self.user("admin")

    def user(self, sub=None, role="SystemAdmin"):
        return Client(self.stack, sign(self.stack, self.id, sub or f"user-{secrets.token_hex(4)}", role))

    def create_many(self, bodies, threads=4):
        """Creates jobs from JSON bodies by several threads; the answers' JSON in the bodies' order."""
        made = [None] * len(bodies)
        failures = []

        def work(first):
            try:
                for i in range(first, len(bodies), threads):
                    answer = self.admin.post("/background-jobs", bodies[i])
                    assert answer.status_code == 201, answer.text
                    made[i] = answer.json()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]
        return made


def faults(answer):
    """{pointer: code} of a 422."""
    assert answer.status_code == 422, f"{answer.status_code}: {answer.text}"
    return {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
