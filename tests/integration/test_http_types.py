"""HTTP job types: what is sent, what each answer makes of the job, how a request ends early, and the example worker."""
import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import config
import database
import procs
from faults import outcomes
from hooks import SECRET
from http_peer import verify
from provider_peer import Verifier
from waiting import SLOW, wait_until

EXAMPLE = config.REPOSITORY / "docs" / "examples" / "http_worker.py"


def run(org, job_type, payload=None, timeout_s=20, **members):
    return org.admin.wait_job(org.admin.create(job_type, payload, **members)["id"], timeout_s=timeout_s)


def check_requests(requests, n):
    assert len(requests) == n, requests
    assert not [r["problems"] for r in requests if r["problems"]]
    assert len({r["headers"]["webhook-id"] for r in requests}) <= 1


def test_what_is_sent(org, hooks):
    payload = {"employee": "Zoë", "amount": 1234567890123456789, "list": [1, None, {"a": "b"}]}
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    made = org.admin.create("hook.call", payload, headers={"traceparent": trace})
    job = org.admin.wait_job(made["id"])
    assert (job["status"], job["attempt"], job["result"]) == ("completed", 1, {"received": made["id"]})
    requests = hooks.plain.of(made["id"])
    check_requests(requests, 1)
    assert requests[0]["job"] == {"job_id": made["id"], "job_type": "hook.call", "organization_id": org.id, "attempt": 1,
                                  "created_at": made["created_at"], "payload": payload}
    assert requests[0]["path"] == "/call"
    assert requests[0]["headers"]["traceparent"].split("-")[1] == trace.split("-")[1]
    assert verify(SECRET, requests[0]["headers"], requests[0]["body"].encode() + b" ") == "no signature fits"


# name: (answers by attempt, members of the job, status, outcomes, cause, words of the last error, result)
FATES = {
    "a value that is no object": ([{"body": [1, 2]}], {}, "completed", ["completed"], None, None, [1, 2]),
    "nothing": ([204], {}, "completed", ["completed"], None, None, None),
    "text": ([{"body": "fine"}], {}, "completed", ["completed"], None, None, None),
    "busy, then well": ([503, 500, None], {}, "completed", ["failed", "failed", "completed"], None, None, "received"),
    "too many, too early, conflict": ([429, 425, 409, 408, None], {"max_retries": 4}, "completed",
                                      ["failed"] * 4 + ["completed"], None, None, "received"),
    "broken off, then well": (["reset", "half", "garbage", None], {}, "completed", ["failed"] * 3 + ["completed"], None, None,
                              "received"),
    "broken behind its end": (["late_reset"], {}, "completed", ["completed"], None, None, {"late": True}),
    "always busy": ([{"status": 503, "body": "at lunch"}], {"max_retries": 1}, "failed", ["failed", "failed"], "exhausted",
                    "503, which is its own failure: at lunch", None),
    "gone": ([410], {}, "failed", ["failed"], "permanent", "410", None),
    "refused": ([{"status": 400, "body": {"detail": "no such month"}}], {}, "failed", ["failed"], "permanent", "no such month",
                None),
    "redirected": ([{"status": 307, "headers": {"Location": "http://127.0.0.1:1/"}}], {}, "failed", ["failed"], "permanent",
                   "307", None),
    "a body without an end": (["endless"], {}, "failed", ["failed"], "permanent", "more than 65536 bytes", None),
    "headers without an end": (["headers", None], {}, "completed", ["failed", "completed"], None, None, "received"),
    "too slow, then well": (["stall", None], {"timeout_s": 1}, "completed", ["timeout", "completed"], None, None, "received"),
}


def test_every_answer(org, hooks):
    made = {org.admin.create("hook.call", {"answers": fate[0]}, **fate[1])["id"]: name for name, fate in FATES.items()}
    wrong = []
    for job_id, name in made.items():
        answers, _members, status, story, cause, words, result = FATES[name]
        job = org.admin.wait_job(job_id, timeout_s=20)
        result = {"received": job_id} if result == "received" else result
        seen = (job["status"], [a["outcome"] for a in job["attempts"]], job["cause"], job["result"])
        if seen != (status, story, cause, result) or (words or "") not in (job["error_message"] or ""):
            wrong.append((name, seen, job["error_message"]))
            continue
        check_requests(hooks.plain.of(job_id), max(len(story), len(answers)))
    assert not wrong, wrong


def test_retry_after_is_heeded(org, hooks):
    """The stack's own backoff is at most a second."""
    later = {"status": 503, "headers": {"Retry-After": "2"}}
    job = run(org, "hook.call", {"answers": [later, None]})
    assert job["status"] == "completed"
    first, second = hooks.plain.of(job["id"])
    assert second["at"] - first["at"] >= 2


def test_two_signatures_while_a_secret_is_replaced(org, hooks):
    job = run(org, "hook.rotating")
    assert job["status"] == "completed"
    requests = hooks.rotating.of(job["id"])
    check_requests(requests, 1)  # which has verified both
    [request] = requests
    assert len(request["headers"]["webhook-signature"].split(" ")) == 2
    packages = Verifier()  # standardwebhooks and svix
    try:
        for secret in hooks.rotating.secrets:
            assert packages(kind="standard_webhook", secret=secret, headers=request["headers"], body=request["body"]) == []
        assert packages(kind="standard_webhook", secret=SECRET[:-4] + "AAAA", headers=request["headers"], body=request["body"]) != []
    finally:
        packages.stop()


def test_tls(org, hooks):
    job = run(org, "hook.tls")
    assert job["status"] == "completed", job["error_message"]
    check_requests(hooks.tls.of(job["id"]), 1)


def test_a_cancelled_request_is_broken_off_within_a_second(org, hooks):
    job_id = org.admin.create("hook.call", {"answers": ["stall"]})["id"]
    hooks.plain.wait_for(lambda peer: any(r["job"]["job_id"] == job_id for r in peer.requests))
    asked = time.monotonic()
    assert org.admin.cancel(job_id).status_code == 202
    job = org.admin.wait_job(job_id, "cancelled", 5)
    assert time.monotonic() - asked < 1.5 * SLOW
    assert [a["outcome"] for a in job["attempts"]] == ["cancelled"]
    assert len(hooks.plain.of(job_id)) == 1


def test_payloads(org):
    answer = org.admin.post("/background-jobs", {"job_type": "hook.call", "payload": [1]})
    assert answer.status_code == 422, answer.text
    job = run(org, "hook.call", {})
    assert job["status"] == "completed"


def test_attempts_share_one_id(org, stack, hooks):
    """What a receiver knows a job by stays; what tells attempts apart does not."""
    job = run(org, "hook.call", {"answers": [503, 503, None]})
    requests = hooks.plain.of(job["id"])
    check_requests(requests, 3)
    assert [r["job"]["attempt"] for r in requests] == [1, 2, 3]
    assert {r["headers"]["idempotency-key"] for r in requests} == {job["id"]}
    assert outcomes(database.attempts(stack, org.id), job["id"]) == ["failed", "failed", "completed"]


# ---- the example -------------------------------------------------------------------------------------------------------


@pytest.fixture
def example(hooks, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    with open(tmp_path / "log", "wb") as log:
        worker = subprocess.Popen([EXAMPLE, "--port", str(hooks.example_port), "--secret-file", secret], stdout=log, stderr=log)
    try:
        wait_until("the example to listen", lambda: not procs.port_is_free(hooks.example_port), 10)
        yield f"http://127.0.0.1:{hooks.example_port}/"
    finally:
        worker.terminate()
        worker.wait(10)


def test_the_example_worker(org, example):
    job = run(org, "text.count", {"text": "to be or not to be"})
    assert (job["status"], job["result"]) == ("completed", {"words": 6, "characters": 18}), job["error_message"]
    bad = run(org, "text.count", {"text": 1})
    assert (bad["status"], bad["cause"]) == ("failed", "permanent")
    assert "text must be a string" in bad["error_message"]
    forged = urllib.request.Request(example, json.dumps({"job_type": "text.count"}).encode(), {
        "webhook-id": job["id"], "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(forged, timeout=5)
    assert refused.value.code == 401
