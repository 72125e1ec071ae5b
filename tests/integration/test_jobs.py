"""Background jobs over HTTP: create, read, list, cancel."""
import datetime
import json
import threading
import time

import pytest

import database
from client import Org, faults
from waiting import SLOW, wait_until

PATH = "/background-jobs"
FAR = "2099-01-01T00:00:00Z"
NOBODY = "0190a6f0-0000-7000-8000-000000000000"


def rfc3339(seconds_from_now):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# ---- create -------------------------------------------------------------------------------------------------------------


def test_create_and_read(org):
    answer = org.admin.post(PATH, {"job_type": "noop"})
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/system/background-jobs/{job['id']}"
    assert (job["organization_id"], job["job_type"], job["created_by"], job["payload"]) == (org.id, "noop", "admin", {})
    assert (job["priority"], job["max_retries"], job["retry_count"], job["timeout_s"]) == (0, 3, 0, 30)
    done = org.admin.wait_job(job["id"], "completed")
    assert done["attempt"] == 1 and len(done["attempts"]) == 1
    attempt = done["attempts"][0]
    assert (attempt["number"], attempt["outcome"], attempt["error"]) == (1, "completed", None)
    assert job["created_at"] <= done["started_at"] <= done["completed_at"]
    assert attempt["worker_id"] == done["worker_id"]
    assert done["dispatch_at"] is None and done["next_retry_at"] is None
    columns = database.rows(org.stack, "SELECT column_name AS c FROM information_schema.columns WHERE table_schema ="
                            " DATABASE() AND table_name = 'background_jobs' ORDER BY ordinal_position LIMIT 17")
    assert [c["c"] for c in columns] == list(done)[:17], "the 17 columns first"


def test_the_answer_is_the_job(org):
    job = org.admin.create("sleep", {"ms": 1}, scheduled_at=FAR, unique_key="\u00fc\"\\", priority=-1, retry={"cap_s": 1, "base_s": 0})
    assert org.admin.job(job["id"]) == job


def test_ids_rise_with_time(org):
    ids = [org.admin.create()["id"] for _ in range(20)]
    assert len(set(ids)) == 20 and sorted(ids) == ids, "one process or two: the clock is the same"


@pytest.mark.parametrize("members,expected", [
    ({"job_type": "nothing"}, {"/job_type": "choice"}),
    ({"job_type": ""}, {"/job_type": "length"}),
    ({"job_type": None}, {"/job_type": "null"}),
    ({"job_type": "sleep"}, {"/payload/ms": "required"}),
    ({"job_type": "sleep", "payload": {"ms": "1"}}, {"/payload/ms": "type"}),
    ({"job_type": "sleep", "payload": {"ms": -1}}, {"/payload/ms": "range"}),
    ({"job_type": "sleep", "payload": {"ms": 1.5}}, {"/payload/ms": "type"}),
    ({"job_type": "sleep", "payload": {"ms": 1, "x": 2}}, {"/payload/x": "unknown_field"}),
    ({"job_type": "noop", "payload": {"x": 2}}, {"/payload/x": "unknown_field"}),
    ({"job_type": "noop", "payload": [1]}, {"/payload": "type"}),
    ({"job_type": "fail", "payload": {"permanent": "yes"}}, {"/payload/permanent": "type"}),
    ({"job_type": "fail", "payload": {"times": 1001}}, {"/payload/times": "range"}),
    ({"job_type": "db_optimize", "payload": {"tables": []}}, {"/payload/tables": "length"}),
    ({"job_type": "db_optimize", "payload": {"tables": ["audit_log"], "operation": "drop"}}, {"/payload/operation": "choice"}),
    ({"job_type": "email.send", "payload": {"to": "a@b.com", "subject": "s"}}, {"/payload": "required"}),
    ({"job_type": "email.send", "payload": {"to": "nobody", "subject": "s", "text": "t"}}, {"/payload/to": "format"}),
    ({"job_type": "email.send", "payload": {"to": "a@b.com", "subject": "a\nBcc: x@y.de", "text": "t"}}, {"/payload/subject": "format"}),
    ({"job_type": "noop", "priority": 2}, {"/priority": "range"}),
    ({"job_type": "noop", "priority": -2}, {"/priority": "range"}),
    ({"job_type": "noop", "priority": "high"}, {"/priority": "type"}),
    ({"job_type": "noop", "priority": 0.5}, {"/priority": "type"}),
    ({"job_type": "noop", "max_retries": -1}, {"/max_retries": "range"}),
    ({"job_type": "noop", "max_retries": 101}, {"/max_retries": "range"}),
    ({"job_type": "noop", "timeout_s": 0}, {"/timeout_s": "range"}),
    ({"job_type": "noop", "timeout_s": 86401}, {"/timeout_s": "range"}),
    ({"job_type": "noop", "scheduled_at": "tomorrow"}, {"/scheduled_at": "format"}),
    ({"job_type": "noop", "scheduled_at": "2026-13-01T00:00:00Z"}, {"/scheduled_at": "format"}),
    ({"job_type": "noop", "scheduled_at": "2026-02-30T00:00:00Z"}, {"/scheduled_at": "format"}),
    ({"job_type": "noop", "scheduled_at": "2026-01-01 00:00:00"}, {"/scheduled_at": "format"}),
    ({"job_type": "noop", "scheduled_at": 5}, {"/scheduled_at": "type"}),
    ({"job_type": "noop", "unique_key": ""}, {"/unique_key": "length"}),
    ({"job_type": "noop", "unique_key": "x" * 201}, {"/unique_key": "length"}),
    ({"job_type": "noop", "unique_key": "a\nb"}, {"/unique_key": "format"}),
    ({"job_type": "noop", "unique_key": "a", "unique_for_s": 0}, {"/unique_for_s": "range"}),
    ({"job_type": "noop", "unique_key": "a", "unique_for_s": 31536001}, {"/unique_for_s": "range"}),
    ({"job_type": "noop", "unique_for_s": 60}, {"/unique_for_s": "conflict"}),
    ({"job_type": "noop", "unique_key": None, "unique_for_s": 60}, {"/unique_for_s": "conflict"}),
    ({"job_type": "noop", "retry": "fixed"}, {"/retry": "type"}),
    ({"job_type": "noop", "retry": {"curve": "steep"}}, {"/retry/curve": "choice"}),
    ({"job_type": "noop", "retry": {"base_s": -1, "cap_s": 2592001}}, {"/retry/base_s": "range", "/retry/cap_s": "range"}),
    ({"job_type": "noop", "retry": {"jitter_percent": 51, "x": 1}}, {"/retry/jitter_percent": "range", "/retry/x": "unknown_field"}),
    ({"job_type": "noop", "retry": {"base_s": 10, "cap_s": 9}}, {"/retry/cap_s": "range"}),
    ({"job_type": "noop", "id": NOBODY}, {"/id": "unknown_field"}),
    ({"job_type": "noop", "status": "completed"}, {"/status": "unknown_field"}),
])
def test_wrong_bodies(org, members, expected):
    assert faults(org.admin.post(PATH, members)) == expected
    assert org.admin.get(PATH).json()["total"] == 0


def test_foreign_table_is_refused(org):
    answer = org.admin.post(PATH, {"job_type": "db_optimize", "payload": {"tables": ["audit_log", "mysql.user"]}})
    assert [pointer.startswith("/payload/tables") for pointer in faults(answer)] == [True]


@pytest.mark.parametrize("members,shown", [
    ({"priority": 1}, {"priority": 1}), ({"priority": -1}, {"priority": -1}), ({"max_retries": 0}, {"max_retries": 0}),
    ({"max_retries": 100}, {"max_retries": 100}), ({"timeout_s": 1}, {"timeout_s": 1}), ({"timeout_s": None}, {"timeout_s": 30}),
    ({"timeout_s": 86400}, {"timeout_s": 86400}), ({"scheduled_at": None}, {"scheduled_at": None}),
    ({"unique_key": None}, {"unique_key": None}), ({"unique_key": "ü" * 200}, {"unique_key": "ü" * 200}),
    ({"retry": None}, {"retry": None}), ({"retry": {}}, {"retry": None}), ({"retry": {"curve": None}}, {"retry": None}),
    ({"retry": {"curve": "linear", "base_s": 0, "cap_s": None}}, {"retry": {"curve": "linear", "base_s": 0}}),
    ({"retry": {"base_s": 5, "cap_s": 5, "jitter_percent": 50}}, {"retry": {"base_s": 5, "cap_s": 5, "jitter_percent": 50}}),
    ({"unique_key": "u", "unique_for_s": 31536000}, {"unique_key": "u", "unique_for_s": 31536000}),
    ({"payload": None}, {"payload": {}}), ({"scheduled_at": "2001-01-01T00:00:00+02:00"}, {"scheduled_at": None}),
])
def test_members(org, members, shown):
    answer = org.admin.post(PATH, {"job_type": "noop", **members})
    assert answer.status_code == 201, answer.text
    assert {name: answer.json()[name] for name in shown} == shown
    org.admin.wait_job(answer.json()["id"], "completed")


def test_traceparent_goes_with_the_job(org):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert org.admin.create(headers={"traceparent": parent})["traceparent"] == parent
    assert org.admin.create(headers={"traceparent": "nonsense"})["traceparent"] is None


def test_scheduled(org):
    """Not before its time, and soon after it: the relay looks every 200 ms."""
    jobs = [org.admin.create("noop", scheduled_at=rfc3339(1 + n / 10)) for n in range(8)]
    for job in jobs:
        assert job["status"] == "queued" and job["scheduled_at"] and job["dispatch_at"] == job["scheduled_at"]
    late = []
    for job in jobs:
        done = org.admin.wait_job(job["id"], "completed", 5)
        assert done["started_at"] >= job["scheduled_at"], "not before its time"
        late.append(datetime.datetime.fromisoformat(done["started_at"][:-1]) - datetime.datetime.fromisoformat(job["scheduled_at"][:-1]))
    assert sorted(late)[len(late) // 2] < datetime.timedelta(milliseconds=600) * SLOW, late


def test_scheduled_for_another_age(org):
    offset = org.admin.create("noop", scheduled_at="2099-01-01T02:00:00+02:00")
    assert offset["scheduled_at"] == "2099-01-01T00:00:00.000000Z"
    last = org.admin.create("noop", scheduled_at="9999-12-31T23:59:59.999999Z")
    assert last["scheduled_at"] == last["dispatch_at"] == "9999-12-31T23:59:59.999999Z"
    past = org.admin.create("noop", scheduled_at="1970-01-01T00:00:00Z")
    assert past["scheduled_at"] is None
    org.admin.wait_job(past["id"], "completed")
    for job in (offset, last):
        cancelled = org.admin.cancel(job["id"]).json()
        assert (cancelled["status"], cancelled["dispatch_at"], cancelled["started_at"]) == ("cancelled", None, None)
    database.check_counts(org.stack, org.id)


def test_timeout(org):
    job = org.admin.create("sleep", {"ms": 60000}, timeout_s=1, max_retries=1)
    done = org.admin.wait_job(job["id"], timeout_s=15)
    assert (done["status"], done["attempt"], done["retry_count"], done["cause"]) == ("failed", 2, 1, "exhausted")
    assert [a["outcome"] for a in done["attempts"]] == ["timeout", "timeout"]
    assert "timeout" in done["error_message"]


def test_payload_of_almost_a_mebibyte(org):
    text = "ü€😀 " * 90000
    body = json.dumps({"job_type": "email.send", "payload": {"to": "big@example.com", "subject": "Large", "text": text}},
                      ensure_ascii=False).encode()
    assert 900000 < len(body) < 1 << 20
    job = org.admin.call("POST", PATH, data=body, headers={"Content-Type": "application/json"}).json()
    assert org.admin.wait_job(job["id"])["payload"]["text"] == text
    listed = org.admin.get(PATH).json()["jobs"][0]
    assert listed["id"] == job["id"] and listed["payload"] is None, "a list leaves large payloads out"


# ---- list ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(stack):
    """An organization with 120 jobs: 60 completed noops, 30 waiting low ones, 30 waiting high sleeps of which 10 cancelled."""
    made = Org(stack, "list")
    noops = made.create_many([{"job_type": "noop"} for _ in range(60)])
    lows = made.create_many([{"job_type": "noop", "priority": -1, "scheduled_at": FAR} for _ in range(30)])
    highs = made.create_many([{"job_type": "sleep", "payload": {"ms": 1}, "priority": 1, "scheduled_at": FAR} for _ in range(30)])
    canceller = [made.user(), made.user()]
    for i in range(10):
        assert canceller[i % 2].cancel(highs[i]["id"]).status_code == 200
    wait_until("the noops to end", lambda: database.by_status(stack, made.id).get("completed") == 60, 20, stack)
    made.by_kind = {"noops": noops, "lows": lows, "highs": highs}
    return made


def listed(org, query=""):
    answer = org.admin.get(f"{PATH}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_list_order_and_defaults(full):
    page = listed(full)
    assert (page["total"], page["skip"], page["limit"], len(page["jobs"])) == (120, 0, 50, 50)
    keys = [(job["created_at"], job["id"]) for job in page["jobs"]]
    assert keys == sorted(keys, reverse=True), "newest first"
    assert "attempts" not in page["jobs"][0] and page["next_cursor"]


@pytest.mark.parametrize("query,total", [
    ("status=completed", 60), ("status=queued", 50), ("status=cancelled", 10), ("status=failed", 0), ("status=processing", 0),
    ("job_type=noop", 90), ("job_type=sleep", 30), ("job_type=email.send", 0), ("job_type=unheard-of", 0), ("priority=-1", 30),
    ("priority=0", 60), ("priority=1", 30), ("status=queued&priority=1", 20), ("status=queued&job_type=noop&priority=-1", 30),
    ("job_type=sleep&priority=-1", 0)])
def test_list_filters_and_totals(full, query, total):
    page = listed(full, query + "&limit=200")
    assert page["total"] == total == len(page["jobs"]) and page["total_capped"] is False
    wanted = dict(pair.split("=") for pair in query.split("&"))
    for job in page["jobs"]:
        assert all(str(job[name]) == value for name, value in wanted.items())
    assert listed(full, query + "&limit=1")["total"] == total


def test_list_skip_and_limit(full):
    everything = [job["id"] for job in listed(full, "limit=200")["jobs"]]
    assert len(everything) == 120
    for skip, limit in ((0, 1), (1, 1), (5, 20), (100, 50), (119, 10), (120, 10), (5000, 10)):
        page = listed(full, f"skip={skip}&limit={limit}")
        assert [job["id"] for job in page["jobs"]] == everything[skip:skip + limit]
        assert (page["skip"], page["limit"], page["total"]) == (skip, limit, 120)


def test_list_created_bounds(full):
    jobs = listed(full, "limit=200")["jobs"]
    middle = jobs[60]["created_at"]
    after = listed(full, f"limit=200&created_after={middle}")
    assert [job["id"] for job in after["jobs"]] == [job["id"] for job in jobs if job["created_at"] > middle]
    assert after["total"] == len(after["jobs"])
    before = listed(full, f"limit=200&created_before={middle}")
    assert [job["id"] for job in before["jobs"]] == [job["id"] for job in jobs if job["created_at"] < middle]
    both = listed(full, f"limit=200&created_after={jobs[80]['created_at']}&created_before={jobs[20]['created_at']}&status=completed")
    assert {job["status"] for job in both["jobs"]} <= {"completed"} and both["total"] == len(both["jobs"])


@pytest.mark.parametrize("query,limit", [("", 7), ("", 60), ("status=queued", 7), ("job_type=noop&status=completed", 60),
                                         ("job_type=noop&status=completed", 7), ("priority=1", 1), ("priority=1", 30)])
def test_cursor_walks_through_all(full, query, limit):
    expected = [job["id"] for job in listed(full, query + "&limit=200")["jobs"]]
    walked, cursor = [], None
    while cursor is not None or not walked:
        page = listed(full, f"{query}&limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        walked += [job["id"] for job in page["jobs"]]
        cursor = page["next_cursor"]
        assert len(walked) <= len(expected)
    assert walked == expected


def test_cursor_is_stable_under_inserts(stack):
    org = Org(stack, "cursor")
    old = {job["id"] for job in org.create_many([{"job_type": "noop", "scheduled_at": FAR} for _ in range(60)])}
    ended = threading.Event()

    def insert():
        while not ended.is_set():
            org.admin.create("noop", scheduled_at=FAR)

    inserter = threading.Thread(target=insert)
    inserter.start()
    try:
        for _ in range(5):
            walked, cursor = [], None
            while cursor is not None or not walked:
                page = listed(org, "limit=9" + (f"&cursor={cursor}" if cursor else ""))
                walked += [job["id"] for job in page["jobs"]]
                cursor = page["next_cursor"]
            assert len(walked) == len(set(walked)), "no job twice"
            assert old <= set(walked), "no job left out"
    finally:
        ended.set()
        inserter.join()


@pytest.mark.parametrize("query,pointer", [
    ("limit=201", "?limit"), ("limit=0", "?limit"), ("limit=-1", "?limit"), ("limit=x", "?limit"),
    ("limit=1.5", "?limit"), ("limit=99999999999999999999", "?limit"), ("skip=-1", "?skip"), ("skip=x", "?skip"),
    ("skip=100001", "?skip"), ("status=done", "?status"), ("status=QUEUED", "?status"),
    ("priority=2", "?priority"), ("priority=high", "?priority"), ("created_after=yesterday", "?created_after"),
    ("created_before=2026-01-01", "?created_before"), ("cursor=nonsense", "?cursor"), ("cursor=" + "A" * 300, "?cursor"),
    ("nothing=1", "?nothing"), ("Status=queued", "?Status")])
def test_wrong_queries(org, query, pointer):
    assert list(faults(org.admin.get(f"{PATH}?{query}"))) == [pointer]


def test_empty_parameters_are_not_given(full):
    assert listed(full, "status=&job_type=&priority=&limit=&skip=&created_after=&created_before=")["total"] == 120


def test_skip_and_cursor_exclude_each_other(full):
    cursor = listed(full, "limit=1")["next_cursor"]
    assert list(faults(full.admin.get(f"{PATH}?skip=1&cursor={cursor}"))) == ["?cursor"]


def test_cursor_of_another_organization_shows_nothing_of_it(full, stack):
    cursor = listed(full, "limit=1")["next_cursor"]
    answer = Org(stack, "thief").admin.get(f"{PATH}?cursor={cursor}")
    assert answer.status_code == 422 or answer.json()["jobs"] == []


def test_empty_list(org):
    page = listed(org)
    assert page == {"jobs": [], "total": 0, "total_capped": False, "skip": 0, "limit": 50, "next_cursor": None}


# ---- cancel -------------------------------------------------------------------------------------------------------------


def test_cancel_waiting(org):
    job = org.admin.create("noop", scheduled_at=FAR)
    answer = org.admin.cancel(job["id"])
    assert answer.status_code == 200
    shown = answer.json()
    assert (shown["status"], shown["attempt"], shown["attempts"], shown["dispatch_at"]) == ("cancelled", 0, [], None)
    assert shown["completed_at"] and shown["updated_by"] == "admin"
    again = org.admin.cancel(job["id"])
    assert again.status_code == 200 and again.json() == shown
    audit = database.row(org.stack, "SELECT actor, subject, request_id FROM audit_log WHERE organization_id = %s"
                         " AND action = 'job.cancel'", org.id)
    assert audit == {"actor": "admin", "subject": job["id"], "request_id": answer.headers["X-Request-Id"]}


def test_cancel_running(org):
    job = org.admin.create("sleep", {"ms": 60000})
    org.admin.wait_job(job["id"], "processing")
    answer = org.admin.cancel(job["id"])
    told = time.monotonic()
    assert answer.status_code == 202 and answer.json()["cancel_requested_at"]
    done = org.admin.wait_job(job["id"])
    assert time.monotonic() - told < 1.3
    assert done["status"] == "cancelled" and [a["outcome"] for a in done["attempts"]] == ["cancelled"]
    assert org.admin.cancel(job["id"]).status_code == 200


def test_cancel_between_retries(org):
    job = org.admin.create("fail", {"times": 100}, max_retries=50)
    wait_until("a retry to wait", lambda: org.admin.job(job["id"])["next_retry_at"], 5, org.stack)
    assert org.admin.cancel(job["id"]).status_code in (200, 202)
    done = org.admin.wait_job(job["id"])
    assert done["status"] == "cancelled"
    later = org.admin.create("fail", {"times": 3}, max_retries=3)  # whose retries wait no shorter than the other's would have
    org.admin.wait_job(later["id"], "completed")
    assert org.admin.job(job["id"]) == done, "nothing comes after the end"


@pytest.mark.parametrize("job_type,payload,status", [("noop", {}, "completed"), ("fail", {"permanent": True}, "failed")])
def test_cancel_ended(org, job_type, payload, status):
    job = org.admin.create(job_type, payload)
    done = org.admin.wait_job(job["id"])
    answer = org.admin.cancel(job["id"])
    assert answer.status_code == 409
    assert (answer.json()["code"], answer.json()["job_status"]) == ("job_finished", status)
    assert org.admin.job(job["id"]) == done


def test_cancel_body(org):
    job = org.admin.create("noop", scheduled_at=FAR)
    path = f"{PATH}/{job['id']}/cancel"
    assert org.admin.call("POST", path, data=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert faults(org.admin.post(path, {"force": True})) == {"/force": "unknown_field"}
    assert org.admin.post(path, {}).status_code == 200


def test_cancel_of_nothing(org):
    assert org.admin.cancel(NOBODY).status_code == 404
    assert org.admin.cancel("x").status_code == 404


def test_totals_follow_every_change(org):
    for i in range(12):
        org.admin.create(*[("noop", {}), ("fail", {"permanent": True}), ("fail", {"times": 1})][i % 3])
    database.wait_all_final(org.stack, org.id, 20)
    totals = {status: listed(org, f"status={status}")["total"] for status in ("queued", "processing", "completed", "failed")}
    assert totals == {"queued": 0, "processing": 0, "completed": 8, "failed": 4}
    database.check_counts(org.stack, org.id)
