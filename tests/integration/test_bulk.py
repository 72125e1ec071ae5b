"""POST /background-jobs/bulk: many jobs, all or none."""
import json

import pytest

import database
from client import Client, Org, faults
from waiting import wait_until

PATH = "/background-jobs"
BULK = PATH + "/bulk"
FAR = "2099-01-01T00:00:00Z"
NOOP = {"job_type": "noop"}


def sleeps(n, **members):
    return [{"job_type": "sleep", "payload": {"ms": i}, **members} for i in range(n)]


def total(org):
    return org.admin.get(PATH + "?limit=1").json()["total"]


def test_all_are_created_and_run(org):
    bodies = [NOOP, {"job_type": "sleep", "payload": {"ms": 1}, "priority": 1, "max_retries": 7, "timeout_s": 9},
              {"job_type": "fail", "payload": {"permanent": True}, "priority": -1, "retry": {"curve": "fixed", "base_s": 1}},
              {"job_type": "noop", "scheduled_at": FAR, "unique_key": "ü 'x\" \\", "unique_for_s": 5}]
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = org.admin.post(BULK, {"jobs": bodies}, headers={"traceparent": parent})
    assert answer.status_code == 201 and "Location" not in answer.headers, answer.text
    body = answer.json()
    assert body["count"] == 4 and [set(job) for job in body["jobs"]] == [{"id", "job_type", "status"}] * 4
    assert [(job["job_type"], job["status"]) for job in body["jobs"]] == [(b["job_type"], "queued") for b in bodies]
    ids = [job["id"] for job in body["jobs"]]
    assert ids == sorted(set(ids)), "in the order of the request"
    jobs = [org.admin.wait_job(ids[i], status) for i, status in enumerate(["completed", "completed", "failed", "queued"])]
    assert [job["payload"] for job in jobs] == [{}, {"ms": 1}, {"permanent": True}, {}]
    assert [(job["priority"], job["max_retries"], job["timeout_s"]) for job in jobs] == [
        (0, 3, 30), (1, 7, 9), (-1, 3, 30), (0, 3, 30)]
    assert jobs[2]["retry"] == {"curve": "fixed", "base_s": 1} and jobs[0]["retry"] is None
    assert (jobs[3]["unique_key"], jobs[3]["unique_for_s"]) == (bodies[3]["unique_key"], 5)
    assert jobs[3]["dispatch_at"] == jobs[3]["scheduled_at"] == "2099-01-01T00:00:00.000000Z"
    assert {job["traceparent"] for job in jobs} == {parent} and {job["created_by"] for job in jobs} == {"admin"}
    database.check_counts(org.stack, org.id)


def test_a_thousand(org):
    answer = org.admin.post(BULK, {"jobs": [NOOP] * 1000})
    assert answer.status_code == 201 and answer.json()["count"] == 1000, answer.text[:500]
    accepted = [job["id"] for job in answer.json()["jobs"]]
    database.wait_all_final(org.stack, org.id, 20)
    jobs, _ = database.check_invariants(org.stack, org.id, accepted)
    assert len(jobs) == len(set(accepted)) == 1000


def test_a_service_may(stack):
    org = Org(stack, "bulk-role")
    assert org.user("robot", "Service").post(BULK, {"jobs": [NOOP]}).status_code == 201
    assert Client(stack).post(BULK, {"jobs": [NOOP]}).status_code == 401


def test_the_address_takes_only_post(org):
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = org.admin.call(method, BULK)
        assert answer.status_code == 405 and "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("body,expected", [
    ({}, {"/jobs": "required"}), ({"jobs": None}, {"/jobs": "null"}), ({"jobs": {}}, {"/jobs": "type"}), ([], {"": "type"}),
    ({"jobs": []}, {"/jobs": "length"}), ({"jobs": [NOOP] * 1001}, {"/jobs": "length"}), ({"jobs": [NOOP], "x": 1}, {"/x": "unknown_field"}),
    ({"jobs": [NOOP, 3, "x", None, []]}, {f"/jobs/{i}": "type" for i in (1, 2, 3, 4)}),
    ({"jobs": [*sleeps(3), {"job_type": "sleep"}]}, {"/jobs/3/payload/ms": "required"}),
    ({"jobs": [*sleeps(3), {"job_type": "sleep", "payload": {"ms": "1", "y/~": 1}}]},
     {"/jobs/3/payload/ms": "type", "/jobs/3/payload/y~1~0": "unknown_field"}),
    ({"jobs": [{"job_type": "nothing"}, NOOP, {"payload": {}}]}, {"/jobs/0/job_type": "choice", "/jobs/2/job_type": "required"}),
    ({"jobs": [{**NOOP, "priority": 2}, {**NOOP, "id": "x"}]}, {"/jobs/0/priority": "range", "/jobs/1/id": "unknown_field"}),
    ({"jobs": [NOOP, {**NOOP, "unique_for_s": 1}]}, {"/jobs/1/unique_for_s": "conflict"}),
    ({"jobs": [{**NOOP, "retry": {"base_s": 2, "cap_s": 1}}]}, {"/jobs/0/retry/cap_s": "range"}),
])
def test_wrong_bodies(org, body, expected):
    assert faults(org.admin.post(BULK, body)) == expected
    assert total(org) == 0


def test_faults_are_told_up_to_fifty(org):
    answer = org.admin.post(BULK, {"jobs": [{"job_type": "sleep", "payload": {}}] * 1000})
    assert answer.status_code == 422 and len(answer.json()["errors"]) == 50
    assert answer.json()["errors"][49]["pointer"] == "/jobs/49/payload/ms"


# ---- size ---------------------------------------------------------------------------------------------------------------


def mails(n, text):
    return json.dumps({"jobs": [{"job_type": "email.send", "scheduled_at": FAR, "payload": {
        "to": "big@example.com", "subject": "Large", "text": text}}] * n}, ensure_ascii=False).encode()


def post_bytes(org, body):
    return org.admin.call("POST", BULK, data=body, headers={"Content-Type": "application/json"})


def test_much_payload(org):
    """Almost as much as there may be, of characters that other encodings would double."""
    text = '"\\ü€😀' * 18000
    body = mails(32, text)
    assert 7_400_000 < len(body) < 8 << 20
    answer = post_bytes(org, body)
    assert answer.status_code == 201, answer.text[:500]
    assert org.admin.job(answer.json()["jobs"][31]["id"])["payload"]["text"] == text


def test_too_large_a_body(org):
    answer = post_bytes(org, mails(1, "x") + b" " * (8 << 20))
    assert answer.status_code == 413 and "8388608" in answer.json()["detail"]
    beyond_nginx = post_bytes(org, mails(1, "x") + b" " * (8500 << 10))
    assert beyond_nginx.status_code == 413
    alone = org.admin.call("POST", PATH, data=b" " * ((1 << 20) + 1), headers={"Content-Type": "application/json"})
    assert alone.status_code == 413 and "1048576" in alone.json()["detail"], "others take no more than before"


def test_payloads_that_grow(org):
    """Numbers are longer as they are kept: the sum is held against the limit, too."""
    numbers = ",".join(["1e-7"] * 80000)
    body = ('{"jobs":[' + ",".join(['{"job_type":"noop","payload":{"n":[%s]}}' % numbers] * 5) + "]}").encode()
    assert len(body) < 4 << 20
    found = faults(post_bytes(org, body))
    assert found["/jobs"] == "length" and found["/jobs/0/payload"] == "length", found


# ---- one of them is refused -------------------------------------------------------------------------------------------------


def test_not_unique(org):
    held = [org.admin.create("noop", unique_key=f"k{i}", scheduled_at=FAR) for i in range(2)]
    jobs = [{**NOOP, "unique_key": key, "scheduled_at": FAR} for key in ("free", "k1", "k0", "free", "K0", "k1")]
    answer = org.admin.post(BULK, {"jobs": jobs})
    assert answer.status_code == 409 and answer.json()["code"] == "not_unique"
    found = [(e["pointer"], e["code"], e.get("job_id")) for e in answer.json()["errors"]]
    assert sorted(found, key=str) == [
        ("/jobs/1/unique_key", "not_unique", held[1]["id"]), ("/jobs/2/unique_key", "not_unique", held[0]["id"]),
        ("/jobs/3/unique_key", "not_unique", None), ("/jobs/5/unique_key", "not_unique", held[1]["id"]),
        ("/jobs/5/unique_key", "not_unique", None)]
    assert [pointer for pointer, _, _ in found] == sorted(pointer for pointer, _, _ in found)
    assert total(org) == 2
    free = [jobs[0], jobs[4]]
    assert org.admin.post(BULK, {"jobs": free}).status_code == 201
    again = org.admin.post(BULK, {"jobs": [NOOP, *free]})
    assert [e["pointer"] for e in again.json()["errors"]] == ["/jobs/1/unique_key", "/jobs/2/unique_key"]
    database.check_counts(org.stack, org.id)


def test_messages_of_a_large_backlog(stack):
    """More than the publisher's queue holds at once; the relay finds what did not fit."""
    org = Org(stack, "bulk-many")
    body = {"jobs": [{"job_type": "noop", "priority": 1}] * 1000}
    accepted = [job["id"] for _ in range(3) for job in org.admin.post(BULK, body).json()["jobs"]]
    wait_until("all to end", lambda: database.by_status(stack, org.id) == {"completed": 3000}, 30, stack)
    assert len(set(accepted)) == 3000
