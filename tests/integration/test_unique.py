"""unique_key and unique_for_s: one job at a time, or one in a period."""
import threading

import pytest

import database
from client import Org

PATH = "/background-jobs"
FAR = "2099-01-01T00:00:00Z"


def at_once(calls):
    """Runs all of them at the same time; their results."""
    results, start = [None] * len(calls), threading.Barrier(len(calls))

    def work(i):
        start.wait()
        results[i] = calls[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def age(org, job_id, seconds):
    """Makes the job older than it is."""
    with database.connected(org.stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET created_at = created_at - INTERVAL %s SECOND WHERE id = %s", (seconds, job_id))


def refused(org, **members):
    answer = org.admin.post(PATH, {"job_type": "noop", "scheduled_at": FAR, **members})
    assert answer.status_code == 409 and answer.json()["code"] == "not_unique", answer.text
    return answer.json()["job_id"]


def test_while_live(stack, org):
    job = org.admin.create("noop", unique_key="nightly", scheduled_at=FAR)
    assert refused(org, job_type="sleep", payload={"ms": 0}, unique_key="nightly") == job["id"]
    assert Org(stack, "uniq").admin.create("noop", unique_key="nightly", scheduled_at=FAR), "another organization's is another"
    org.admin.create("noop", unique_key="NIGHTLY", scheduled_at=FAR)
    org.admin.create("noop", unique_key="nightly ", scheduled_at=FAR)
    assert org.admin.cancel(job["id"]).status_code == 200
    again = org.admin.create("noop", unique_key="nightly")
    org.admin.wait_job(again["id"], "completed")
    assert org.admin.create("noop", unique_key="nightly"), "free again once the job has ended"


@pytest.mark.parametrize("job_type,payload,status", [
    ("noop", {}, "completed"), ("fail", {"permanent": True}, "failed"), ("sleep", {"ms": 60000}, "cancelled")])
def test_for_a_period(org, job_type, payload, status):
    job = org.admin.create(job_type, payload, unique_key="u", unique_for_s=600)
    if status == "cancelled":
        assert org.admin.cancel(job["id"]).status_code in (200, 202)
    org.admin.wait_job(job["id"], status)
    assert refused(org, unique_key="u") == job["id"], "the first one's period counts"
    assert refused(org, unique_key="u", unique_for_s=1) == job["id"]
    age(org, job["id"], 500)
    assert refused(org, unique_key="u") == job["id"]
    age(org, job["id"], 101)
    second = org.admin.create("noop", unique_key="u", scheduled_at=FAR)
    assert org.admin.job(job["id"])["unique_for_s"] is None, "it has given its key up"
    assert refused(org, unique_key="u") == second["id"]
    database.check_counts(org.stack, org.id)


def test_a_live_job_keeps_its_key_beyond_the_period(org):
    job = org.admin.create("noop", unique_key="u", unique_for_s=10, scheduled_at=FAR)
    age(org, job["id"], 3600)
    assert refused(org, unique_key="u", unique_for_s=10) == job["id"]
    assert org.admin.job(job["id"])["unique_for_s"] == 10


def test_period_in_bulk(org):
    over, within = (org.admin.create("noop", unique_key=key, unique_for_s=600) for key in ("over", "within"))
    for job in (over, within):
        org.admin.wait_job(job["id"], "completed")
    age(org, over["id"], 601)
    jobs = [{"job_type": "noop", "unique_key": key, "scheduled_at": FAR} for key in ("new", "over", "within")]
    answer = org.admin.post(PATH + "/bulk", {"jobs": jobs})
    assert [(e["pointer"], e["job_id"]) for e in answer.json()["errors"]] == [("/jobs/2/unique_key", within["id"])]
    assert org.admin.post(PATH + "/bulk", {"jobs": jobs[:2]}).status_code == 201


@pytest.mark.parametrize("expired", [False, True])
def test_raced(org, expired):
    if expired:
        old = org.admin.create("noop", unique_key="one", unique_for_s=60)
        org.admin.wait_job(old["id"], "completed")
        age(org, old["id"], 61)
    body = {"job_type": "noop", "unique_key": "one", "unique_for_s": 60, "scheduled_at": FAR}
    answers = at_once([lambda: org.admin.post(PATH, body)] * 32)
    assert sorted(a.status_code for a in answers) == [201] + [409] * 31, [a.text for a in answers if a.status_code > 409]
    winner = next(a.json()["id"] for a in answers if a.status_code == 201)
    assert {a.json()["job_id"] for a in answers if a.status_code == 409} == {winner}


def test_raced_in_bulk(org):
    """Lists that overlap, in opposite orders: of each key there is one job, and a list is there whole or not at all."""
    keys = [f"k{i}" for i in range(40)]

    def post(order):
        return org.admin.post(PATH + "/bulk", {"jobs": [{"job_type": "noop", "unique_key": k, "scheduled_at": FAR} for k in order]})

    answers = at_once([lambda order=order: post(order) for order in [keys, keys[::-1], keys[20:] + keys[:20], keys[:7]] * 3])
    assert sorted(a.status_code for a in answers) == [201] + [409] * 11, [a.text for a in answers if a.status_code > 409]
    winner = next(a.json() for a in answers if a.status_code == 201)
    assert org.admin.get(PATH + "?limit=1").json()["total"] == winner["count"]
    ids = {job["id"] for job in winner["jobs"]}
    assert all(e["job_id"] in ids for a in answers if a.status_code == 409 for e in a.json()["errors"])
    database.check_counts(org.stack, org.id)
