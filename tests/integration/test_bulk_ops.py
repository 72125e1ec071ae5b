"""Operations on many jobs: cancel, retry, replay by filter, each a job with progress."""
import pytest

import database
import faults as harm
from client import Org, faults
from waiting import wait_until

PATH = "/background-jobs"
FAR = "2099-01-01T00:00:00Z"


def operate(user, what, body):
    """Starts an operation; the job that does it."""
    answer = user.post(what, body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert answer.headers["Location"].endswith(f"{PATH}/{job['id']}")
    return job


def cancel_many(org, body):
    return org.admin.wait_job(operate(org.admin, f"{PATH}/cancel", body)["id"])


def retry_many(org, body):
    return org.admin.wait_job(operate(org.admin, f"{PATH}/retry", body)["id"])


def replay_many(org, body):
    return org.admin.wait_job(operate(org.admin, "/dead-letters/replay", body)["id"])


def statuses(org, ids):
    return [org.admin.job(i)["status"] for i in ids]


@pytest.fixture(scope="module")
def mixed(stack):
    made = Org(stack, "bulk")
    made.kinds = {
        "low": made.create_many([{"job_type": "noop", "priority": -1, "scheduled_at": FAR} for _ in range(20)]),
        "sleeps": made.create_many([{"job_type": "sleep", "payload": {"ms": 1}, "scheduled_at": FAR} for _ in range(20)]),
    }
    made.kinds["late"] = made.create_many([{"job_type": "noop", "scheduled_at": FAR} for _ in range(10)])
    return made


def test_cancel_by_filter(stack, mixed):
    ids = {kind: [job["id"] for job in jobs] for kind, jobs in mixed.kinds.items()}
    done = cancel_many(mixed, {"job_type": "noop", "priority": -1})
    assert (done["status"], done["result"], done["progress"]) == ("completed", {"matched": 20, "changed": 20}, 100)
    assert done["progress_message"] == "cancelled 20 of 20"
    assert set(statuses(mixed, ids["low"])) == {"cancelled"}
    assert set(statuses(mixed, ids["sleeps"] + ids["late"])) == {"queued"}
    late = sorted(job["created_at"] for job in mixed.kinds["late"])  # jobs that came together have one time
    after = sum(at > late[4] for at in late)
    done = cancel_many(mixed, {"created_after": late[4], "status": "queued"})
    assert 0 < after < 10 and done["result"] == {"matched": after, "changed": after}
    sleeps = sorted(job["created_at"] for job in mixed.kinds["sleeps"])
    done = cancel_many(mixed, {"created_before": sleeps[10]})
    before = sum(at < sleeps[10] for at in sleeps)
    assert 0 < before <= 10 and done["result"]["changed"] == before
    done = cancel_many(mixed, {"job_type": "unheard-of"})
    assert (done["result"], done["progress"]) == ({"matched": 0, "changed": 0}, 100)
    done = cancel_many(mixed, {"all": True})
    rest = 30 - after - before
    assert done["result"] == {"matched": rest, "changed": rest}
    assert cancel_many(mixed, {"all": True})["result"] == {"matched": 0, "changed": 0}, "it never cancels itself"
    database.check_counts(stack, mixed.id)
    cancelled = database.rows(stack, "SELECT updated_by, completed_at, dispatch_at FROM background_jobs"
                              " WHERE organization_id = %s AND status = 'cancelled'", mixed.id)
    assert len(cancelled) == 50
    assert all(r["updated_by"] == "admin" and r["completed_at"] and r["dispatch_at"] is None for r in cancelled)
    audit = database.rows(stack, "SELECT actor, JSON_VALUE(changes, '$.changed') AS n FROM audit_log"
                          " WHERE organization_id = %s AND action = 'jobs.cancel'", mixed.id)
    assert {r["actor"] for r in audit} == {"admin"} and sum(int(r["n"]) for r in audit) == 50


def test_running_ones_are_told(stack, org):
    running = [org.admin.create("sleep", {"ms": 60000}) for _ in range(3)]
    for job in running:
        org.admin.wait_job(job["id"], "processing")
    done = cancel_many(org, {"status": "processing"})
    assert done["result"]["changed"] == 3
    for job in running:
        assert org.admin.wait_job(job["id"], timeout_s=3)["status"] == "cancelled"
    wait_until("counts to agree", lambda: database.check_counts(stack, org.id) is None, 5)


def test_what_comes_later_is_left_alone(org):
    early = org.admin.create("noop", scheduled_at=FAR)
    operation = operate(org.admin, f"{PATH}/cancel", {"all": True})
    late = org.admin.create("noop", scheduled_at=FAR)
    assert org.admin.wait_job(operation["id"])["result"]["changed"] == 1
    assert statuses(org, [early["id"], late["id"]]) == ["cancelled", "queued"]


def test_another_organization_is_left_alone(stack, org):
    other = Org(stack, "bulk-other")
    theirs = other.admin.create("noop", scheduled_at=FAR)
    assert cancel_many(org, {"all": True})["result"]["matched"] == 0
    assert other.admin.job(theirs["id"])["status"] == "queued"


def test_retry_by_filter(stack, org):
    failed = [org.admin.create("fail", {"permanent": True}) for _ in range(6)]
    cancelled = [org.admin.create("noop", scheduled_at=FAR) for _ in range(4)]
    for job in cancelled:
        assert org.user().cancel(job["id"]).status_code == 200
    for job in failed:
        org.admin.wait_job(job["id"], "failed")
    done = retry_many(org, {"status": "cancelled"})
    assert done["result"] == {"matched": 4, "changed": 4}
    for job in cancelled:
        org.admin.wait_job(job["id"], "completed")
    done = retry_many(org, {"job_type": "fail"})
    assert done["result"] == {"matched": 6, "changed": 6}
    for job in failed:
        wait_until("it to fail again", lambda job=job: len(org.admin.job(job["id"])["attempts"]) == 2, 10, stack)
    database.wait_all_final(stack, org.id, 10)
    database.check_invariants(stack, org.id, [job["id"] for job in failed + cancelled])


def test_retry_leaves_held_keys(stack, org):
    jobs = [org.admin.wait_job(org.admin.create("fail", {"permanent": True}, unique_key=f"k{i}")["id"], "failed")
            for i in range(3)]
    org.admin.create("noop", unique_key="k1", scheduled_at=FAR)
    done = retry_many(org, {"job_type": "fail"})
    assert done["result"] == {"matched": 3, "changed": 2}
    database.wait_all_but_scheduled(stack, org.id, 10)
    assert [len(org.admin.job(job["id"])["attempts"]) for job in jobs] == [2, 1, 2]
    database.check_counts(stack, org.id)


def test_replay_by_filter(stack, org):
    permanent = [org.admin.create("fail", {"permanent": True}) for _ in range(3)]
    exhausted = [org.admin.create("fail", {"times": 9}, max_retries=0) for _ in range(2)]
    cancelled = org.admin.create("noop", scheduled_at=FAR)
    org.admin.cancel(cancelled["id"])
    discarded = org.admin.create("fail", {"permanent": True})
    for job in permanent + exhausted + [discarded]:
        org.admin.wait_job(job["id"], "failed")
    assert org.admin.post(f"/dead-letters/{discarded['id']}/discard").status_code == 200
    done = replay_many(org, {"cause": "exhausted"})
    assert (done["job_type"], done["result"]) == ("deadletters.replay", {"matched": 2, "changed": 2})
    database.wait_all_final(stack, org.id, 10)
    assert replay_many(org, {"job_type": "fail", "cause": "permanent"})["result"]["changed"] == 3
    database.wait_all_final(stack, org.id, 10)
    assert replay_many(org, {"all": True})["result"]["changed"] == 5
    database.wait_all_final(stack, org.id, 10)
    assert [len(org.admin.job(j["id"])["attempts"]) for j in permanent + exhausted + [discarded]] == [3, 3, 3, 3, 3, 1]
    assert org.admin.job(cancelled["id"])["status"] == "cancelled"
    database.check_counts(stack, org.id)


def test_idempotency_key(org):
    first, again = (org.admin.post(f"{PATH}/cancel", {"all": True}, headers={"Idempotency-Key": "c1"}) for _ in range(2))
    assert first.status_code == again.status_code == 202 and first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true" and again.headers["Location"] == first.headers["Location"]
    assert org.admin.get(PATH).json()["total"] == 1


@pytest.mark.parametrize("what,body,wanted", [
    (f"{PATH}/cancel", {}, {"": "required"}),
    (f"{PATH}/cancel", {"all": False}, {"": "required"}),
    (f"{PATH}/cancel", {"all": True, "job_type": "noop"}, {"/all": "conflict"}),
    (f"{PATH}/cancel", {"job_type": None}, {"": "required"}),
    (f"{PATH}/cancel", {"status": "failed"}, {"/status": "choice"}),
    (f"{PATH}/cancel", {"priority": 2}, {"/priority": "range"}),
    (f"{PATH}/cancel", {"nothing": 1}, {"/nothing": "unknown_field"}),
    (f"{PATH}/cancel", {"created_after": "2026-02-01T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"},
     {"/created_before": "range"}),
    (f"{PATH}/retry", {}, {"": "required"}),
    (f"{PATH}/retry", {"status": "queued"}, {"/status": "choice"}),
    (f"{PATH}/retry", {"cause": "exhausted"}, {"/cause": "unknown_field"}),
    ("/dead-letters/replay", {}, {"": "required"}),
    ("/dead-letters/replay", {"cause": "bad luck"}, {"/cause": "choice"}),
    ("/dead-letters/replay", {"status": "failed"}, {"/status": "unknown_field"}),
])
def test_wrong_filters(org, what, body, wanted):
    assert faults(org.admin.post(what, body)) == wanted
    assert org.admin.get(PATH).json()["total"] == 0


@pytest.mark.parametrize("job_type", ["jobs.cancel", "jobs.retry", "deadletters.replay"])
def test_only_their_own_calls_create_them(org, job_type):
    for user in (org.admin, org.user(role="Service")):
        answer = user.post(PATH, {"job_type": job_type, "payload": {"all": True}})
        assert faults(answer) == {"/job_type": "choice"}
    for what in (f"{PATH}/cancel", f"{PATH}/retry", "/dead-letters/replay"):
        assert org.user(role="Service").post(what, {"all": True}).status_code == 403


def fill(stack, org, n):
    """n queued jobs that are due in 2099, without a request for each."""
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, timeout_s,"
                       " scheduled_at, dispatch_at, created_at, updated_at)"
                       " SELECT UUID(), %s, 'noop', 'queued', CAST(seq %% 3 AS SIGNED) - 1, '{}', 30, '2099-01-01', '2099-01-01',"
                       " UTC_TIMESTAMP(6) - INTERVAL seq SECOND, UTC_TIMESTAMP(6) FROM seq_1_to_" + str(n), (org.id,))
        cursor.execute("INSERT INTO job_counts (organization_id, job_type, status, priority, shard, jobs)"
                       " SELECT organization_id, job_type, status, priority, 0, COUNT(*) FROM background_jobs"
                       " WHERE organization_id = %s AND status = 'queued' GROUP BY job_type, status, priority", (org.id,))


def test_an_operation_outlives_its_worker(rough):
    """Killed in the middle, the operation goes on elsewhere; nothing is done twice and the numbers are right."""
    org = Org(rough, "bulk-kill")
    org.admin.get(PATH)
    fill(rough, org, 12000)
    operation = operate(org.admin, f"{PATH}/cancel", {"all": True})
    wait_until("it to be in the middle", lambda: (org.admin.job(operation["id"])["progress"] or 0) > 3, 20, rough, 0.01)
    harm.kill(rough, "consumer")
    seen = org.admin.job(operation["id"])
    assert seen["status"] == "processing" and 0 < seen["progress"] < 100 and " of 12,000" in seen["progress_message"]
    harm.make_whole(rough)
    done = org.admin.wait_job(operation["id"], timeout_s=40)
    assert (done["status"], done["result"]) == ("completed", {"matched": 12000, "changed": 12000}), done
    assert [a["outcome"] for a in done["attempts"]] == ["lost", "completed"]
    assert database.by_status(rough, org.id) == {"cancelled": 12000, "completed": 1}
    database.check_counts(rough, org.id)


def test_an_operation_can_be_cancelled(stack):
    org = Org(stack, "bulk-stop")
    org.admin.get(PATH)
    fill(stack, org, 12000)
    operation = operate(org.admin, f"{PATH}/cancel", {"job_type": "noop"})
    wait_until("it to be in the middle", lambda: (org.admin.job(operation["id"])["progress"] or 0) > 2, 20, stack, 0.01)
    assert org.admin.cancel(operation["id"]).status_code == 202
    assert org.admin.wait_job(operation["id"])["status"] == "cancelled"
    left = database.by_status(stack, org.id)
    assert 0 < left["queued"] < 12000 and left["queued"] + left["cancelled"] == 12001
    database.check_counts(stack, org.id)
    assert org.admin.wait_job(operate(org.admin, f"{PATH}/cancel", {"all": True})["id"], timeout_s=40)["status"] == "completed"
    assert "queued" not in database.by_status(stack, org.id)
