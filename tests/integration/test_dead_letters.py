"""Jobs that have failed for good: list, read, replay, discard; and the broker's queue of them."""
import shutil
import time

import pytest

import broker
import database
import faults as harm
from client import Org, faults
from waiting import wait_until

PATH = "/dead-letters"
FAR = "2099-01-01T00:00:00Z"
NOBODY = "01990000-0000-7000-8000-000000000000"


def dead(org, payload=None, job_type="fail", **members):
    job = org.admin.create(job_type, payload or {"permanent": True}, **members)
    return org.admin.wait_job(job["id"], "failed")


def listed(org, query=""):
    answer = org.admin.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids_of(page):
    return [job["id"] for job in page["dead_letters"]]


# ---- list and read ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(stack):
    """An organization with 9 permanent failures, 6 exhausted ones, and jobs that are no dead letters."""
    org = Org(stack, "dead")
    made = org.create_many([{"job_type": "fail", "payload": {"permanent": True}} for _ in range(9)])
    made += org.create_many([{"job_type": "fail", "payload": {"times": 5}, "max_retries": 0} for _ in range(6)])
    org.admin.create("noop")
    org.admin.cancel(org.admin.create("noop", scheduled_at=FAR)["id"])
    database.wait_all_final(stack, org.id, 15)
    org.made = [org.admin.job(job["id"]) for job in made]
    return org


def test_list(full):
    page = listed(full)
    newest = sorted(full.made, key=lambda job: (job["created_at"], job["id"]), reverse=True)
    assert ids_of(page) == [job["id"] for job in newest]
    assert {k: v for k, v in page.items() if k != "dead_letters"} == {
        "total": 15, "total_capped": False, "limit": 50, "next_cursor": None}
    shown = page["dead_letters"][0]
    assert shown == {k: v for k, v in newest[0].items() if k != "attempts"}


@pytest.mark.parametrize("query,total", [("cause=permanent", 9), ("cause=exhausted", 6), ("cause=signal", 0), ("job_type=fail", 15),
                                         ("job_type=noop", 0), ("job_type=fail&cause=permanent", 9), ("job_type=&cause=", 15)])
def test_filters(full, query, total):
    page = listed(full, query)
    assert page["total"] == total == len(page["dead_letters"])
    for name, value in (pair.split("=") for pair in query.split("&")):
        assert not value or {job[name] for job in page["dead_letters"]} <= {value}
    assert listed(full, query + "&limit=1")["total"] == total


def test_times(full):
    jobs = listed(full)["dead_letters"]
    middle = jobs[7]["created_at"]
    assert ids_of(listed(full, f"created_after={middle}")) == [j["id"] for j in jobs if j["created_at"] > middle]
    before = listed(full, f"created_before={middle}&cause=permanent")
    assert ids_of(before) == [j["id"] for j in jobs if j["created_at"] < middle and j["cause"] == "permanent"]
    assert before["total"] == len(before["dead_letters"])


@pytest.mark.parametrize("query,limit", [("", 4), ("", 15), ("cause=permanent", 2), ("job_type=fail&cause=exhausted", 6)])
def test_cursor(full, query, limit):
    wanted = ids_of(listed(full, query + "&limit=200"))
    walked, cursor = [], None
    while cursor is not None or not walked:
        page = listed(full, f"{query}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        walked += ids_of(page)
        cursor = page["next_cursor"]
        assert len(walked) <= len(wanted)
    assert walked == wanted


@pytest.mark.parametrize("query,pointer", [("limit=0", "?limit"), ("limit=201", "?limit"), ("cause=bad", "?cause"), ("cursor=x", "?cursor"),
                                           ("status=failed", "?status"), ("created_after=yesterday", "?created_after")])
def test_wrong_queries(org, query, pointer):
    assert list(faults(org.admin.get(f"{PATH}?{query}"))) == [pointer]


def test_read(full, stack):
    job = full.made[0]
    answer = full.admin.get(f"{PATH}/{job['id']}")
    assert answer.status_code == 200 and answer.json() == job and job["attempts"]
    assert Org(stack, "thief").admin.get(f"{PATH}/{job['id']}").status_code == 404
    noop = full.admin.get("/background-jobs?job_type=noop&limit=1").json()["jobs"][0]
    for no_dead in (noop["id"], NOBODY, "x"):
        assert full.admin.get(f"{PATH}/{no_dead}").status_code == 404
    assert full.admin.get(f"{PATH}/replay").status_code == 405
    for what in ("", f"/{job['id']}"):
        assert full.user(role="Service").get(PATH + what).status_code == 403


# ---- replay and discard -------------------------------------------------------------------------------------------------


def test_replay(stack, org):
    job = dead(org)
    answer = org.admin.post(f"{PATH}/{job['id']}/replay")
    assert answer.status_code == 200 and answer.json()["id"] == job["id"]
    again = org.admin.wait_job(job["id"], "failed")
    assert [a["number"] for a in again["attempts"]] == [1, 2]
    assert ids_of(listed(org)) == [job["id"]], "it is a dead letter once more"
    audit = database.row(stack, "SELECT actor, subject, request_id FROM audit_log WHERE organization_id = %s"
                         " AND action = 'dead_letter.replay'", org.id)
    assert audit == {"actor": "admin", "subject": job["id"], "request_id": answer.headers["X-Request-Id"]}
    database.check_invariants(stack, org.id, [job["id"]])


def test_replayed_by_retry(org):
    job = dead(org)
    assert org.admin.post(f"/background-jobs/{job['id']}/retry").status_code == 200
    org.admin.wait_job(job["id"], "failed")
    assert listed(org)["total"] == 1


def test_discard(stack, org):
    job = dead(org)
    answer = org.admin.post(f"{PATH}/{job['id']}/discard")
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["cause"], shown["updated_by"]) == ("failed", "permanent", "admin") and shown["discarded_at"]
    assert listed(org)["total"] == 0 and org.admin.get(f"{PATH}/{job['id']}").status_code == 404
    again = org.admin.post(f"{PATH}/{job['id']}/discard")
    assert again.status_code == 200 and again.json() == shown
    refused = org.admin.post(f"{PATH}/{job['id']}/replay")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_dead")
    rows = database.rows(stack, "SELECT actor, subject FROM audit_log WHERE organization_id = %s"
                         " AND action = 'dead_letter.discard'", org.id)
    assert rows == [{"actor": "admin", "subject": job["id"]}]
    assert org.admin.post(f"/background-jobs/{job['id']}/retry").status_code == 200, "a retry takes it up again"
    again = org.admin.wait_job(job["id"], "failed")
    assert again["discarded_at"] is None and listed(org)["total"] == 1
    database.check_counts(stack, org.id)


@pytest.mark.parametrize("what", ["replay", "discard"])
def test_what_is_no_dead_letter(stack, org, what):
    completed = org.admin.create("noop")
    org.admin.wait_job(completed["id"], "completed")
    cancelled = org.admin.create("noop", scheduled_at=FAR)
    org.admin.cancel(cancelled["id"])
    for job in (completed, cancelled, org.admin.create("noop", scheduled_at=FAR)):
        before = org.admin.job(job["id"])
        answer = org.admin.post(f"{PATH}/{job['id']}/{what}")
        assert answer.status_code == 409 and answer.json()["job_id"] == job["id"], answer.text
        assert org.admin.job(job["id"]) == before
    job = dead(org)
    assert Org(stack, "thief").admin.post(f"{PATH}/{job['id']}/{what}").status_code == 404
    assert org.admin.post(f"{PATH}/{NOBODY}/{what}").status_code == 404
    assert org.user(role="Service").post(f"{PATH}/{job['id']}/{what}").status_code == 403
    assert org.admin.job(job["id"]) == job


def test_replay_with_a_key_that_is_held(org):
    job = dead(org, unique_key="one")
    holder = org.admin.create("noop", unique_key="one", scheduled_at=FAR)
    answer = org.admin.post(f"{PATH}/{job['id']}/replay")
    assert (answer.status_code, answer.json()["code"], answer.json()["job_id"]) == (409, "not_unique", holder["id"])
    assert listed(org)["total"] == 1


# ---- causes -------------------------------------------------------------------------------------------------------------


def change(stack, job_id, assignments, *params):
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute(f"UPDATE background_jobs SET {assignments} WHERE id = %s", (*params, job_id))


@pytest.mark.parametrize("assignments,cause", [
    ("job_type = 'not.there'", "unknown_type"),
    ("payload = '{\"times\": '", "unreadable"),
    ("payload = '{\"nothing\": 1}'", "unreadable"),
])
def test_causes_of_what_cannot_run(stack, org, assignments, cause):
    job = org.admin.create("fail", {"times": 0}, scheduled_at=FAR)
    change(stack, job["id"], assignments)
    if "job_type" in assignments:
        with database.connected(stack) as db, db.cursor() as cursor:
            cursor.execute("UPDATE job_counts SET job_type = 'not.there' WHERE organization_id = %s", (org.id,))
    change(stack, job["id"], "dispatch_at = UTC_TIMESTAMP(6)")
    wait_until("it to fail", lambda: database.value(stack, "SELECT status FROM background_jobs WHERE id = %s", job["id"])
               == "failed", 10, stack)
    if "times" not in assignments:
        assert listed(org, f"cause={cause}")["total"] == 1
    assert database.value(stack, "SELECT cause FROM dead_letters WHERE job_id = %s", job["id"]) == cause


# ---- the broker's queue -------------------------------------------------------------------------------------------------


def message_ids(stack, wanted=None):
    found = sorted(letter[0] for letter in broker.dead_letters(stack) if letter[0])
    return found if wanted is None else [i for i in found if i in wanted]


def wait_agreement(stack, org, others=(), timeout_s=25):
    """One message for each dead letter of the organization and none for its other jobs."""
    ours = set(database.jobs(stack, org.id)) | set(others)
    rows = sorted(database.dead(stack, org.id) | set(others))
    wait_until(f"one message each of {len(rows)}", lambda: message_ids(stack, ours) == rows, timeout_s, stack, 0.3)


def test_the_message_goes_with_the_dead_letter(stack, org):
    replayed, discarded, deleted, kept = (dead(org) for _ in range(4))
    wait_agreement(stack, org)
    with database.connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET job_type = 'sleep', payload = '{\"ms\": 0}' WHERE id = %s", (replayed["id"],))
        cursor.execute("DELETE FROM background_jobs WHERE id = %s", (deleted["id"],))
    assert org.admin.post(f"{PATH}/{replayed['id']}/replay").status_code == 200
    assert org.admin.post(f"{PATH}/{discarded['id']}/discard").status_code == 200
    org.admin.wait_job(replayed["id"], "completed")
    gone = {replayed["id"], discarded["id"], deleted["id"]}
    wait_until("three messages to go", lambda: message_ids(stack, gone | {kept["id"]}) == [kept["id"]], 15, stack, 0.3)
    wait_until("their rows to be forgotten", lambda: database.value(
        stack, "SELECT COUNT(*) FROM dead_letters WHERE live_id IS NULL AND organization_id = %s", org.id) == 0, 10, stack)


def test_what_is_lost_comes_back_and_what_is_twice_goes(stack, org):
    jobs = [dead(org)["id"] for _ in range(3)]
    wait_agreement(stack, org)
    broker.purge(stack, broker.DEAD)
    wait_agreement(stack, org)
    broker.put_dead(stack, jobs[0], 3)
    wait_agreement(stack, org)


def test_a_strangers_message_stays(stack, org):
    job = dead(org)
    wait_agreement(stack, org)
    strangers = ["no id at all", NOBODY]
    for stranger in strangers:
        broker.put_dead(stack, stranger, body=b"unreadable")
    assert org.admin.post(f"{PATH}/{job['id']}/discard").status_code == 200
    wait_until("the queue to be gone through", lambda: message_ids(stack, [*strangers, job["id"]]) == sorted(strangers), 15, stack, 0.3)
    with broker.connected(stack) as channel:  # so that no other test meets them
        while True:
            method, properties, _body = channel.basic_get(broker.DEAD)
            if method is None:
                break
            if properties.message_id in strangers:
                channel.basic_ack(method.delivery_tag)


def test_after_kills_and_a_wipe(rough):
    """Consumers killed between an outcome and its message and in the middle of a replay, the broker's data deleted: in the
    end each dead letter has one message."""
    org = Org(rough, "dead-rough")
    bodies = [{"job_type": "fail", "payload": {"permanent": True}} if i % 2 else
              {"job_type": "fail", "payload": {"times": 9}, "max_retries": 0} for i in range(300)]
    made = [job["id"] for job in org.create_many(bodies)]
    wait_until("some to fail", lambda: len(database.dead(rough, org.id)) > 40, 15, rough, 0.01)
    harm.kill(rough, "consumer")
    harm.make_whole(rough)
    database.wait_all_final(rough, org.id, 30)
    wait_agreement(rough, org)
    operation = org.admin.post(f"{PATH}/replay", {"cause": "exhausted"}).json()
    wait_until("the replay to begin", lambda: len(database.dead(rough, org.id)) < 300, 15, rough, 0.01)
    harm.kill(rough, "consumer", "rabbitmq")
    shutil.rmtree(rough.dir / "rabbitmq" / "mnesia")
    harm.make_whole(rough)
    back = time.monotonic()
    assert org.admin.wait_job(operation["id"], timeout_s=30)["result"] == {"matched": 150, "changed": 150}
    database.wait_all_final(rough, org.id, 40)
    wait_agreement(rough, org)
    print(f"in agreement {time.monotonic() - back:.1f} s after the wiped broker was back")
    assert database.dead(rough, org.id) == set(made)
    database.check_counts(rough, org.id)
