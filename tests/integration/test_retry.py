"""Failed and cancelled jobs run again because somebody says so."""
import threading

import pytest

import database
from client import Org, faults
from waiting import wait_until

PATH = "/background-jobs"
FAR = "2099-01-01T00:00:00Z"
NOBODY = "01990000-0000-7000-8000-000000000000"


def retry(user, job_id, **options):
    return user.post(f"{PATH}/{job_id}/retry", **options)


def failed(org, payload=None, **members):
    job = org.admin.create("fail", payload or {"permanent": True, "message": "as told"}, **members)
    return org.admin.wait_job(job["id"], "failed")


def mend(stack, job):
    """What made it fail is put right: the next attempt completes."""
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET payload = '{\"times\": 0}' WHERE id = %s", (job["id"],))


def test_a_failed_job_runs_again(stack, org):
    job = failed(org, {"times": 2, "message": "twice"}, max_retries=1)
    assert (job["cause"], job["retry_count"], len(job["attempts"])) == ("exhausted", 1, 2)
    answer = retry(org.admin, job["id"])
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["id"] == job["id"] and shown["updated_by"] == "admin"
    again = org.admin.wait_job(job["id"], "failed")
    assert (again["retry_count"], again["error_message"]) == (1, "twice"), "all its retries once more"
    assert [a["number"] for a in again["attempts"]] == [1, 2, 3, 4]
    mend(stack, job)
    assert retry(org.user("other"), job["id"]).status_code == 200
    done = org.admin.wait_job(job["id"], "completed")
    assert [a["outcome"] for a in done["attempts"]] == ["failed"] * 4 + ["completed"]
    assert (done["cause"], done["error_message"], done["crash_count"]) == (None, None, 0)
    assert done["updated_by"] == "other"
    database.check_invariants(stack, org.id, [job["id"]])


def test_what_a_retried_row_says(stack, org):
    job = failed(org, {"times": 1, "message": "once"}, max_retries=0, scheduled_at=None)
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET job_type = 'sleep', payload = '{\"ms\": 600000}', progress = 7,"
                       " progress_message = 'x', crash_count = 2, retry_count = 3 WHERE id = %s", (job["id"],))
        cursor.execute("UPDATE job_counts SET job_type = 'sleep' WHERE organization_id = %s AND status = 'failed'", (org.id,))
        cursor.execute("UPDATE dead_letters SET job_type = 'sleep' WHERE job_id = %s", (job["id"],))
    assert retry(org.admin, job["id"]).status_code == 200
    running = org.admin.wait_job(job["id"], "processing")
    for name in ("cause", "error_message", "result", "completed_at", "next_retry_at", "cancel_requested_at", "progress",
                 "progress_message", "discarded_at"):
        assert running[name] is None, name
    assert (running["retry_count"], running["crash_count"], running["attempt"]) == (0, 0, 2)
    org.admin.cancel(job["id"])
    org.admin.wait_job(job["id"], "cancelled")
    database.check_counts(stack, org.id)


def test_it_is_published_at_once(stack, org):
    job = failed(org, {"times": 1}, max_retries=0)
    mend(stack, job)
    assert retry(org.admin, job["id"]).status_code == 200
    org.admin.wait_job(job["id"], "completed", timeout_s=2)


def test_a_cancelled_job_runs_again(org):
    job = org.admin.create("noop", scheduled_at=FAR)
    assert org.admin.cancel(job["id"]).status_code == 200
    assert retry(org.admin, job["id"]).status_code == 200
    done = org.admin.wait_job(job["id"], "completed")
    assert done["cancel_requested_at"] is None and [a["outcome"] for a in done["attempts"]] == ["completed"]


def test_one_that_was_cancelled_while_it_ran(org):
    job = org.admin.create("sleep", {"ms": 60000})
    org.admin.wait_job(job["id"], "processing")
    org.admin.cancel(job["id"])
    org.admin.wait_job(job["id"], "cancelled")
    assert retry(org.admin, job["id"]).status_code == 200
    org.admin.wait_job(job["id"], "processing")
    assert org.admin.cancel(job["id"]).status_code == 202
    done = org.admin.wait_job(job["id"])
    assert [(a["number"], a["outcome"]) for a in done["attempts"]] == [(1, "cancelled"), (2, "cancelled")]


def test_audit(stack, org):
    job = failed(org)
    answer = retry(org.admin, job["id"])
    org.admin.wait_job(job["id"], "failed")
    row = database.row(stack, "SELECT actor, subject, request_id, changes FROM audit_log WHERE organization_id = %s"
                       " AND action = 'job.retry'", org.id)
    assert (row["actor"], row["subject"], row["request_id"]) == ("admin", job["id"], answer.headers["X-Request-Id"])
    assert '"failed"' in row["changes"] and '"queued"' in row["changes"]


def test_what_has_not_ended_or_has_completed(org):
    queued = org.admin.create("noop", scheduled_at=FAR)
    running = org.admin.create("sleep", {"ms": 60000})
    completed = org.admin.create("noop")
    org.admin.wait_job(running["id"], "processing")
    org.admin.wait_job(completed["id"], "completed")
    for job, status in ((queued, "queued"), (running, "processing"), (completed, "completed")):
        before = org.admin.job(job["id"])
        answer = retry(org.admin, job["id"])
        assert answer.status_code == 409
        assert (answer.json()["code"], answer.json()["job_status"]) == ("not_ended", status)
        assert org.admin.job(job["id"]) == before
    org.admin.cancel(running["id"])


def test_somebody_elses_or_none(stack, org):
    job = failed(org)
    assert retry(Org(stack, "thief").admin, job["id"]).status_code == 404
    assert retry(org.admin, NOBODY).status_code == 404
    assert retry(org.admin, "x").status_code == 404
    assert org.admin.job(job["id"]) == job
    service = org.user(role="Service")
    assert retry(service, job["id"]).status_code == 403
    assert faults(org.admin.post(f"{PATH}/{job['id']}/retry", {"force": True})) == {"/force": "unknown_field"}


def test_unique_key_is_held_by_another(stack, org):
    job = failed(org, unique_key="one")
    holder = org.admin.create("noop", unique_key="one", scheduled_at=FAR)
    before = org.admin.job(job["id"])
    answer = retry(org.admin, job["id"])
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["job_id"]) == ("not_unique", holder["id"])
    assert org.admin.job(job["id"]) == before, "a refusal changes nothing"
    database.check_counts(stack, org.id)
    org.admin.cancel(holder["id"])
    assert retry(org.admin, job["id"]).status_code == 200
    org.admin.wait_job(job["id"], "failed")


def test_retried_by_many_at_once(stack, org):
    job = failed(org, {"times": 1}, max_retries=0)
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET job_type = 'sleep', payload = '{\"ms\": 1500}' WHERE id = %s", (job["id"],))
        cursor.execute("UPDATE job_counts SET job_type = 'sleep' WHERE organization_id = %s AND status = 'failed'", (org.id,))
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(retry(org.admin, job["id"]).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 5
    done = org.admin.wait_job(job["id"], "completed")
    assert len(done["attempts"]) == 2
    wait_until("counts to agree", lambda: database.check_counts(stack, org.id) is None, 5)


@pytest.mark.parametrize("members", ["host", "worker_id", "started_at", "ended_at"])
def test_attempts_say_where_and_when(org, members):
    job = failed(org)
    attempt = job["attempts"][0]
    assert attempt[members] and attempt["error"] == "as told"
    assert attempt["worker_id"].startswith(attempt["host"] + ":")


def test_a_holder_whose_time_is_over_gives_way(org):
    job = failed(org, unique_key="once")
    holder = org.admin.create("noop", unique_key="once", unique_for_s=1)
    org.admin.wait_job(holder["id"], "completed")
    wait_until("the holder's time to be over", lambda: retry(org.admin, job["id"]).status_code == 200, 5, org.stack)
    org.admin.wait_job(job["id"], "failed")
