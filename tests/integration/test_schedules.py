"""Schedules: the API, and what fires. Nobody waits for a clock here: an instant is made due by setting next_fire_at back."""
import concurrent.futures
import contextlib
import datetime
import json
import os
import random
import signal
import subprocess
import time

import pytest

import database
import faults as harm
from client import Org, faults
from waiting import wait_until

PATH = "/schedules"
NOBODY = "0190a6f0-0000-7000-8000-000000000000"
YEARLY = "0 0 1 1 *"


def make(org, name="nightly", **members):
    body = {"name": name, "cron": YEARLY, "job_type": "noop", **members}
    answer = org.admin.post(PATH, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def read(org, schedule_id):
    answer = org.admin.get(f"{PATH}/{schedule_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def set_back(stack, schedule_id, ago):
    """next_fire_at, so that the schedule is due; ago is SQL, "2 SECOND"."""
    database.rows(stack, f"UPDATE schedules SET next_fire_at = UTC_TIMESTAMP(6) - INTERVAL {ago} WHERE id = %s", schedule_id)


def jobs_of(stack, schedule_id):
    return database.rows(stack, "SELECT CAST(id AS CHAR) AS id, status, created_by FROM background_jobs WHERE schedule_id = %s",
                         schedule_id)


def firings_of(stack, schedule_id):
    return database.rows(stack, "SELECT fire_at, CAST(job_id AS CHAR) AS job_id FROM schedule_firings WHERE schedule_id = %s"
                         " ORDER BY fire_at", schedule_id)


def wait_dealt(org, schedule_id, timeout_s=5):
    """Until what was due is not due any more; the schedule."""
    def check():
        seen = read(org, schedule_id)
        return seen if seen["next_fire_at"] is None or parse(seen["next_fire_at"]) > now() else None

    return wait_until(f"schedule {schedule_id} to be dealt with", check, timeout_s, org.stack, 0.03)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def parse(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def audit(org, schedule_id):
    return [r["action"] for r in database.rows(
        org.stack, "SELECT action FROM audit_log WHERE organization_id = %s AND subject = %s ORDER BY id", org.id, schedule_id)]


# ---- the API --------------------------------------------------------------------------------------------------------


def test_create_and_read(org):
    answer = org.admin.post(PATH, {"name": "payroll", "cron": "30 9 25 * *", "timezone": "Europe/Berlin",
                                   "job_type": "sleep", "payload": {"ms": 1}, "priority": 1, "max_retries": 0,
                                   "timeout_s": 9, "misfire": "all", "misfire_limit": 3})
    schedule = answer.json()
    assert answer.status_code == 201 and answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/api/system/schedules/{schedule['id']}"
    assert (schedule["payload"], schedule["priority"], schedule["timeout_s"]) == ({"ms": 1}, 1, 9)
    assert (schedule["created_by"], schedule["last_fire_at"], schedule["last_job_id"]) == ("admin", None, None)
    firings = [parse(text) for text in schedule["next_firings"]]
    assert len(firings) == 10 and firings == sorted(firings) and firings[0] > now()
    assert {(f.day, f.hour, f.minute) for f in firings} == {(25, 9, 30)}
    assert {text[-6:] for text in schedule["next_firings"]} == {"+01:00", "+02:00"}, "winter and summer"
    assert parse(schedule["next_fire_at"]) == firings[0]
    again = org.admin.get(f"{PATH}/{schedule['id']}")
    assert again.json() == schedule and again.headers["ETag"] == '"1"'
    plain = make(org, "plain")
    assert (plain["timezone"], plain["misfire"], plain["misfire_limit"], plain["max_retries"], plain["timeout_s"],
            plain["payload"], plain["priority"]) == ("UTC", "once", 10, None, None, {}, 0)
    assert audit(org, plain["id"]) == ["schedule.create"]


@pytest.mark.parametrize("body,wrong", [
    ({}, {"/name": "required", "/cron": "required", "/job_type": "required"}),
    ({"cron": "0 0 30 2 *"}, {"/cron": "never"}),
    ({"cron": "0 0 * *"}, {"/cron": "format"}),
    ({"cron": ""}, {"/cron": "length"}),
    ({"cron": 5}, {"/cron": "type"}),
    ({"cron": None}, {"/cron": "null"}),
    ({"timezone": "Mars/Olympus"}, {"/timezone": "format"}),
    ({"timezone": "../../etc/passwd"}, {"/timezone": "format"}),
    ({"job_type": "nothing"}, {"/job_type": "choice"}),
    ({"job_type": "sleep"}, {"/payload/ms": "required"}),
    ({"payload": {"x": 1}}, {"/payload/x": "unknown_field"}),
    ({"payload": []}, {"/payload": "type"}),
    ({"payload": {"x": "y" * 65536}}, {"/payload": "length", "/payload/x": "unknown_field"}),
    ({"name": "a\nb"}, {"/name": "format"}),
    ({"name": "x" * 101, "priority": 2, "max_retries": -1, "timeout_s": 0, "misfire": "never", "misfire_limit": 101},
     {"/name": "length", "/priority": "range", "/max_retries": "range", "/timeout_s": "range", "/misfire": "choice",
      "/misfire_limit": "range"}),
    ({"next_fire_at": "2026-01-01T00:00:00Z", "paused_at": None}, {"/next_fire_at": "unknown_field",
                                                                    "/paused_at": "unknown_field"}),
])
def test_what_is_wrong_is_named_and_makes_nothing(org, body, wrong):
    whole = {"name": "n", "cron": YEARLY, "job_type": "noop", **body} if body else {}
    assert faults(org.admin.post(PATH, whole)) == wrong
    assert org.admin.get(PATH).json()["schedules"] == []


def test_a_wrong_cron_is_explained(org):
    answer = org.admin.post(PATH, {"name": "n", "cron": "0 22-4 * * *", "job_type": "noop"})
    assert faults(answer) == {"/cron": "format"}
    assert answer.json()["errors"][0]["detail"] == ("hour (field 2, character 3): the range runs backwards; write two, as in"
                                                    " 22-23,0-4")


def test_change(org):
    first = make(org, payload={})
    path = f"{PATH}/{first['id']}"
    answer = org.admin.patch(path, {"cron": "0 12 * * *", "timezone": "Asia/Tokyo", "priority": 1},
                             headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"})
    changed = answer.json()
    assert answer.status_code == 200 and answer.headers["ETag"] == '"2"'
    assert (changed["cron"], changed["timezone"], changed["priority"], changed["name"]) == ("0 12 * * *", "Asia/Tokyo", 1, "nightly")
    assert parse(changed["next_fire_at"]).hour == 3 and changed["next_firings"][0].endswith("T12:00:00+09:00")
    stale = org.admin.put(path, {"name": "late"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412 and stale.headers["ETag"] == '"2"'
    assert org.admin.put(path, {"name": "other"}, headers={"If-Match": '"7", "2"'}).headers["ETag"] == '"3"'
    same = org.admin.put(path, {"name": "other"})
    assert same.headers["ETag"] == '"3"', "nothing differs: no new version"
    reset = org.admin.put(path, {"timezone": None, "priority": None}).json()
    assert (reset["timezone"], reset["priority"]) == ("UTC", 0)
    assert faults(org.admin.put(path, {"cron": "x"})) == {"/cron": "format"}
    assert faults(org.admin.put(path, {"job_type": "sleep"})) == {"/payload/ms": "required"}
    assert faults(org.admin.put(path, {"name": None, "id": first["id"], "nothing": 1})) == {
        "/name": "null", "/id": "read_only", "/nothing": "unknown_field"}
    assert read(org, first["id"]) == reset | {"next_firings": read(org, first["id"])["next_firings"]}
    assert audit(org, first["id"]) == ["schedule.create"] + 3 * ["schedule.update"]


def test_a_payload_is_merged_until_the_type_is_another(org):
    schedule = make(org, job_type="fail", payload={"times": 2, "message": "no"})
    path = f"{PATH}/{schedule['id']}"
    assert org.admin.patch(path, {"payload": {"times": 3, "message": None}}).json()["payload"] == {"times": 3}
    assert org.admin.patch(path, {"job_type": "sleep", "payload": {"ms": 4}}).json()["payload"] == {"ms": 4}
    assert org.admin.patch(path, {"job_type": "noop"}).json()["payload"] == {}


def test_a_change_of_other_things_keeps_what_is_due(org):
    schedule = make(org)
    org.admin.post(f"{PATH}/{schedule['id']}/pause")
    database.rows(org.stack, "UPDATE schedules SET paused_at = NULL, next_fire_at = '2090-01-01' WHERE id = %s", schedule["id"])
    assert org.admin.patch(f"{PATH}/{schedule['id']}", {"priority": 1}).json()["next_fire_at"].startswith("2090-01-01")
    assert not org.admin.patch(f"{PATH}/{schedule['id']}", {"cron": "@daily"}).json()["next_fire_at"].startswith("2090")


def test_names_are_unique_in_an_organization(org, stack):
    make(org, "one")
    other = make(org, "two")
    taken = org.admin.post(PATH, {"name": "one", "cron": YEARLY, "job_type": "noop"})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    assert org.admin.patch(f"{PATH}/{other['id']}", {"name": "one"}).status_code == 409
    assert read(org, other["id"])["name"] == "two"
    make(org, "One")
    make(org, "one ")
    make(Org(stack, "sched"), "one")


def test_list_page_by_page(org, stack):
    names = [f"s{n:02}" for n in range(7)] + ["\u00e4 b"]
    for name in reversed(names):
        make(org, name)
    make(Org(stack, "sched"), "s03x")
    seen, query = [], "limit=3"
    while query:
        page = org.admin.get(f"{PATH}?{query}").json()
        assert len(page["schedules"]) <= 3 and page["limit"] == 3
        seen += [s["name"] for s in page["schedules"]]
        query = page["next_cursor"] and f"limit=3&cursor={page['next_cursor']}"
    assert seen == names
    for cursor in ("nonsense", "%20", "YWJj", page_of_another(stack)):
        assert faults(org.admin.get(f"{PATH}?cursor={cursor}")) == {"?cursor": "format"}
    assert faults(org.admin.get(f"{PATH}?limit=101&skip=1")) == {"?limit": "range", "?skip": "unknown_field"}


def page_of_another(stack):
    other = Org(stack, "sched")
    make(other, "a")
    make(other, "b")
    return other.admin.get(f"{PATH}?limit=1").json()["next_cursor"]


def test_another_organizations_is_not_there(org, stack):
    theirs = make(Org(stack, "sched"))
    for schedule_id in (theirs["id"], NOBODY, "x"):
        path = f"{PATH}/{schedule_id}"
        calls = [org.admin.get(path), org.admin.put(path, {"name": "x"}), org.admin.patch(path, {}),
                 org.admin.call("DELETE", path), org.admin.post(path + "/pause"), org.admin.post(path + "/resume"),
                 org.admin.post(path + "/run-now"), org.admin.put(path, {"name": "x"}, headers={"If-Match": '"1"'})]
        assert [answer.status_code for answer in calls] == 8 * [404]
    assert database.rows(stack, "SELECT name, version, paused_at FROM schedules WHERE id = %s", theirs["id"]) == [
        {"name": "nightly", "version": 1, "paused_at": None}]
    assert org.admin.get(PATH).json()["schedules"] == [] and jobs_of(stack, theirs["id"]) == []


def test_schedules_are_for_administrators(org):
    schedule = make(org)
    robot = org.user("robot", "Service")
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/preview"), ("GET", f"/{schedule['id']}"),
                         ("PUT", f"/{schedule['id']}"), ("DELETE", f"/{schedule['id']}"), ("POST", f"/{schedule['id']}/run-now")):
        assert robot.call(method, PATH + path, json={}).status_code == 403


def test_delete(org):
    schedule = make(org)
    path = f"{PATH}/{schedule['id']}"
    job = org.admin.post(path + "/run-now").json()
    assert org.admin.call("DELETE", path, headers={"If-Match": '"5"'}).status_code == 412
    gone = org.admin.call("DELETE", path, headers={"If-Match": '"1"'})
    assert gone.status_code == 204 and gone.content == b""
    assert org.admin.get(path).status_code == 404 and org.admin.call("DELETE", path).status_code == 404
    assert org.admin.job(job["id"])["schedule_id"] == schedule["id"], "its jobs stay"
    assert audit(org, schedule["id"]) == ["schedule.create", "schedule.run", "schedule.delete"]


def test_preview(org):
    firings = org.admin.post(f"{PATH}/preview", {"cron": "30 2 29 3 *", "timezone": "Europe/Berlin"}).json()["next_firings"]
    assert len(firings) == 10 and all(f[5:16] in ("03-29T02:30", "03-29T03:00") for f in firings), firings
    assert org.admin.post(f"{PATH}/preview", {"cron": "@hourly"}).json()["next_firings"][0].endswith(":00:00+00:00")
    assert faults(org.admin.post(f"{PATH}/preview", {"cron": "0 0 31 4 *"})) == {"/cron": "never"}
    assert faults(org.admin.post(f"{PATH}/preview", {"timezone": "x", "name": "n"})) == {
        "/cron": "required", "/timezone": "format", "/name": "unknown_field"}


# ---- pause and run now ------------------------------------------------------------------------------------------------


def test_pause_and_resume(org):
    schedule = make(org, cron="* * * * *", misfire="all")
    path = f"{PATH}/{schedule['id']}"
    paused = org.admin.post(path + "/pause")
    assert paused.status_code == 200 and paused.headers["ETag"] == '"2"'
    assert paused.json()["paused_at"] and paused.json()["next_fire_at"] is None and paused.json()["next_firings"] == []
    assert org.admin.post(path + "/pause").headers["ETag"] == '"2"', "paused already"
    assert org.admin.patch(path, {"cron": "*/2 * * * *"}).json()["next_fire_at"] is None, "a change does not resume it"
    other = make(org, "other")
    set_back(org.stack, other["id"], "2 SECOND")
    wait_dealt(org, other["id"])
    before = now()
    resumed = org.admin.post(path + "/resume").json()
    assert resumed["paused_at"] is None and parse(resumed["next_fire_at"]) > before, "what it missed is not made up for"
    assert org.admin.post(path + "/resume").headers["ETag"] == '"4"'
    assert org.admin.post(path + "/pause", headers={"If-Match": '"1"'}).status_code == 412
    assert audit(org, schedule["id"]) == ["schedule.create", "schedule.pause", "schedule.update", "schedule.resume"]


def test_run_now(org):
    schedule = make(org, priority=1, max_retries=2, timeout_s=7, retry={"curve": "fixed", "base_s": 3, "cap_s": None})
    path = f"{PATH}/{schedule['id']}"
    assert org.admin.post(path + "/pause").status_code == 200
    answer = org.user("ann").post(path + "/run-now")
    job = answer.json()
    assert answer.status_code == 201 and answer.headers["Location"] == f"/api/system/background-jobs/{job['id']}"
    assert (job["schedule_id"], job["priority"], job["max_retries"], job["timeout_s"], job["created_by"]) == (
        schedule["id"], 1, 2, 7, "ann")
    assert job["retry"] == {"curve": "fixed", "base_s": 3}
    org.admin.wait_job(job["id"], "completed")
    after = read(org, schedule["id"])
    assert after["paused_at"] and after["last_fire_at"] is None, "it is no firing"
    database.rows(org.stack, "UPDATE schedules SET job_type = 'gone' WHERE id = %s", schedule["id"])
    refused = org.admin.post(path + "/run-now")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_runnable")
    assert len(jobs_of(org.stack, schedule["id"])) == 1
    database.check_counts(org.stack, org.id)


def test_run_now_with_a_key(stack, org):
    """The same call again creates nothing and gets the same answer; a key is one schedule's."""
    schedule, another = make(org), make(org, name="another")
    path = f"{PATH}/{schedule['id']}/run-now"
    key = {"Idempotency-Key": "once"}
    first = org.admin.post(path, headers=key)
    assert first.status_code == 201 and "Idempotency-Replayed" not in first.headers, first.text
    org.admin.wait_job(first.json()["id"], "completed")
    again = org.admin.post(path, headers=key)
    assert (again.status_code, again.content, again.headers["Location"], again.headers["Idempotency-Replayed"]) == (
        201, first.content, first.headers["Location"], "true")
    assert [job["id"] for job in jobs_of(stack, schedule["id"])] == [first.json()["id"]]
    reused = org.admin.post(f"{PATH}/{another['id']}/run-now", headers=key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    database.rows(stack, "UPDATE schedules SET job_type = 'gone' WHERE id = %s", another["id"])
    refused = {"Idempotency-Key": "refused"}
    assert org.admin.post(f"{PATH}/{another['id']}/run-now", headers=refused).json()["code"] == "not_runnable"
    database.rows(stack, "UPDATE schedules SET job_type = 'noop' WHERE id = %s", another["id"])
    assert org.admin.post(f"{PATH}/{another['id']}/run-now", headers=refused).status_code == 201, "a refusal is not kept"
    with concurrent.futures.ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: org.admin.post(path, headers={"Idempotency-Key": "six"}), range(6)))
    assert {a.status_code for a in answers} <= {201, 409} and len({a.json()["id"] for a in answers if a.status_code == 201}) == 1
    assert len(jobs_of(stack, schedule["id"])) == 2


def test_retry_policy(stack, org):
    """Of its jobs; a merge patch changes one member, null takes it away."""
    schedule = make(org, job_type="fail", payload={"times": 1}, retry={"curve": "fixed", "base_s": 0, "cap_s": 1})
    path = f"{PATH}/{schedule['id']}"
    assert schedule["retry"] == {"curve": "fixed", "base_s": 0, "cap_s": 1}
    changed = org.admin.patch(path, {"retry": {"curve": "linear", "cap_s": None}}).json()
    assert changed["retry"] == {"curve": "linear", "base_s": 0}
    assert faults(org.admin.patch(path, {"retry": {"base_s": 9, "cap_s": 1}})) == {"/retry/cap_s": "range"}
    assert set(faults(org.admin.patch(path, {"retry": {"curve": "x", "more": 1}}))) == {"/retry/curve", "/retry/more"}
    set_back(stack, schedule["id"], "1 SECOND")
    after = wait_dealt(org, schedule["id"])
    job = org.admin.wait_job(after["last_job_id"], "completed")
    assert job["retry"] == {"curve": "linear", "base_s": 0} and job["retry_count"] == 1
    assert org.admin.patch(path, {"retry": None}).json()["retry"] is None


# ---- firing -----------------------------------------------------------------------------------------------------------


def test_a_due_schedule_fires_once(org):
    schedule = make(org, payload={}, priority=-1, misfire="skip")
    set_back(org.stack, schedule["id"], "1 SECOND")
    after = wait_dealt(org, schedule["id"])
    firings = firings_of(org.stack, schedule["id"])
    assert len(firings) == 1 and after["last_job_id"] == firings[0]["job_id"]
    assert parse(after["last_fire_at"]).replace(tzinfo=None) == firings[0]["fire_at"]
    assert after["next_fire_at"] == schedule["next_fire_at"] and after["last_error"] is None
    job = org.admin.wait_job(after["last_job_id"], "completed")
    assert (job["schedule_id"], job["priority"], job["created_by"], job["job_type"]) == (schedule["id"], -1, "admin", "noop")
    assert org.admin.get(f"{PATH}/{schedule['id']}").headers["ETag"] == '"1"', "firing is no change of the schedule"
    # The same instant once more: it has fired.
    database.rows(org.stack, "UPDATE schedules SET next_fire_at = last_fire_at WHERE id = %s", schedule["id"])
    wait_dealt(org, schedule["id"])
    assert len(jobs_of(org.stack, schedule["id"])) == 1
    database.check_counts(org.stack, org.id)


def test_it_fires_within_about_a_second(org):
    """In the middle of what an idle steward sleeps."""
    schedule = make(org)
    set_back(org.stack, schedule["id"], "-1500000 MICROSECOND")
    after = wait_until("the firing", lambda: (s := read(org, schedule["id"]))["last_job_id"] and s, 5, org.stack, 0.03)
    job = org.admin.job(after["last_job_id"])
    late = parse(job["created_at"]) - parse(after["last_fire_at"])
    assert datetime.timedelta(0) <= late < datetime.timedelta(seconds=1.2), late


@pytest.mark.parametrize("misfire,expected", [("skip", 0), ("once", 1), ("all", 4)])
def test_misfires(org, misfire, expected):
    """Due since 50 hours, each day at two instants that are at least six hours from now."""
    hour = (now().hour + 6) % 24
    schedule = make(org, cron=f"30 {hour},{(hour + 12) % 24} * * *", misfire=misfire, misfire_limit=99)
    start = firing_before(schedule, 50)
    database.rows(org.stack, "UPDATE schedules SET next_fire_at = %s WHERE id = %s", start, schedule["id"])
    wait_dealt(org, schedule["id"])
    firings = [f["fire_at"] for f in firings_of(org.stack, schedule["id"])]
    missed = [start + datetime.timedelta(hours=12 * n) for n in range(9)]
    missed = [at for at in missed if at < now().replace(tzinfo=None)]
    assert len(missed) >= 4
    assert firings == {"skip": [], "once": missed[-1:], "all": missed}[misfire] and len(firings) >= expected
    assert len(jobs_of(org.stack, schedule["id"])) == len(firings)


def firing_before(schedule, hours):
    """The schedule's last instant at least so many hours ago; it fires every twelve."""
    at = parse(schedule["next_fire_at"]).replace(tzinfo=None)
    while at > now().replace(tzinfo=None) - datetime.timedelta(hours=hours):
        at -= datetime.timedelta(hours=12)
    return at


def test_all_is_bounded(org):
    schedule = make(org, cron="*/5 * * * *", misfire="all", misfire_limit=7)
    database.rows(org.stack, "UPDATE schedules SET next_fire_at = next_fire_at - INTERVAL 100 DAY WHERE id = %s", schedule["id"])
    wait_dealt(org, schedule["id"])
    firings = [f["fire_at"] for f in firings_of(org.stack, schedule["id"])]
    assert len(firings) in (7, 8), "and one in time, when a minute that fires has just begun"
    assert all(b - a == datetime.timedelta(minutes=5) for a, b in zip(firings, firings[1:]))
    assert now().replace(tzinfo=None) - firings[-1] < datetime.timedelta(minutes=7)


def test_a_schedule_that_cannot_make_a_job_says_so_and_goes_on(org):
    schedule = make(org)
    database.rows(org.stack, "UPDATE schedules SET job_type = 'gone' WHERE id = %s", schedule["id"])
    healthy = make(org, "healthy")
    for one in (schedule, healthy):
        set_back(org.stack, one["id"], "2 SECOND")
    after = wait_dealt(org, schedule["id"])
    assert after["last_error"] == "/job_type is not a job type" and after["last_job_id"] is None
    assert after["next_fire_at"] == schedule["next_fire_at"] and firings_of(org.stack, schedule["id"]) == []
    assert wait_dealt(org, healthy["id"])["last_job_id"], "others fire"
    database.rows(org.stack, "UPDATE schedules SET timezone = 'Atlantis/Capital' WHERE id = %s", healthy["id"])
    set_back(org.stack, healthy["id"], "3 SECOND")
    lost = wait_dealt(org, healthy["id"])
    assert lost["last_error"] == "/timezone is not known to this system" and lost["next_fire_at"] is None
    org.admin.patch(f"{PATH}/{schedule['id']}", {"job_type": "noop"})
    set_back(org.stack, schedule["id"], "2 SECOND")
    mended = wait_until("the next firing", lambda: (s := read(org, schedule["id"]))["last_job_id"] and s, 5, org.stack)
    assert mended["last_error"] is None


# ---- many consumers, and their deaths ---------------------------------------------------------------------------------


@pytest.fixture
def whole(rough):
    yield rough
    harm.make_whole(rough)


def kill_often(stack, second, until):
    """kill -9 of one consumer after the other, each as soon as it may have begun to fire, until there is nothing due."""
    kills = 0
    while not until():
        time.sleep(random.uniform(0, 0.3))  # any moment will do
        if kills % 3 == 2 and second.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(second.pid, signal.SIGKILL)
            harm.procs.reap(second.pid)
            second.__enter__()
        else:
            harm.kill(stack, "consumer")
            stack.restart("consumer")
        kills += 1
        assert kills < 60, "it gets nowhere"
    return kills


def test_each_instant_has_one_job_whoever_dies(whole):
    """50 schedules are due with 20 instants each, and again with 20 older ones, while two consumers are killed in turn."""
    stack, org = whole, Org(whole, "schedkill")
    schedules = [make(org, f"s{n}", cron="* * * * *", misfire="all", misfire_limit=100)["id"] for n in range(50)]
    started = now().replace(second=0, microsecond=0, tzinfo=None)
    due = "SELECT COUNT(*) AS n FROM schedules WHERE organization_id = %s AND next_fire_at <= UTC_TIMESTAMP(6)"
    kills = 0
    with harm.SecondConsumer(stack) as second:
        for minutes in (20, 40, 60, 80):
            database.rows(stack, "UPDATE schedules SET next_fire_at = %s WHERE organization_id = %s",
                          started - datetime.timedelta(minutes=minutes), org.id)
            kills += kill_often(stack, second, lambda: database.value(stack, due, org.id) == 0)
            if kills >= 3:
                break
        assert kills >= 3, "it was over before anybody died"
        for schedule_id in schedules:
            assert org.admin.post(f"{PATH}/{schedule_id}/pause").status_code == 200
        check_each_once(stack, org, schedules)
        harm.settle(org, [], 60)


def check_each_once(stack, org, schedules):
    jobs = {j["id"] for s in schedules for j in jobs_of(stack, s)}
    fired = set()
    for schedule_id in schedules:
        firings = firings_of(stack, schedule_id)
        instants = [f["fire_at"] for f in firings]
        assert len(instants) >= 20
        assert all(b - a == datetime.timedelta(minutes=1) for a, b in zip(instants, instants[1:])), "none was left out"
        fired |= {f["job_id"] for f in firings}
    assert fired == jobs, "a job for each firing, and none beside"
    assert len(jobs) == database.value(stack, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s", org.id)


def test_another_consumer_takes_over(whole):
    stack, org = whole, Org(whole, "schedover")
    schedule = make(org)
    with harm.SecondConsumer(stack):
        harm.kill(stack, "consumer")
        set_back(stack, schedule["id"], "1 SECOND")
        assert wait_dealt(org, schedule["id"])["last_job_id"]


def test_a_frozen_consumer_does_not_keep_the_others_from_firing(whole):
    """Its connection holds the lock for as long as the server keeps it: ten seconds of silence."""
    stack, org = whole, Org(whole, "schedice")
    schedule = make(org)
    with harm.SecondConsumer(stack), harm.frozen(stack, "consumer"):
        set_back(stack, schedule["id"], "1 SECOND")
        fired = wait_dealt(org, schedule["id"], 20)["last_job_id"]
    assert org.admin.wait_job(fired, "completed")
    assert len(jobs_of(stack, schedule["id"])) == 1


# ---- bellmanctl -------------------------------------------------------------------------------------------------------


def ctl(org, *arguments, code=0):
    done = subprocess.run([org.stack.build / "bellmanctl", "--config", org.stack.config, "schedules", *arguments],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def test_bellmanctl_lists_and_shows(org):
    schedule = make(org, "pay day", cron="0 9 * * *", timezone="Europe/Berlin", payload={}, timeout_s=90)
    make(org, "b")
    make(Org(org.stack, "sched"))
    table = ctl(org, "list", "--org", org.id).splitlines()
    assert table[0].split()[:3] == ["ID", "ORGANIZATION", "NAME"] and len(table) == 3
    assert table[2].startswith(schedule["id"]) and "pay day" in table[2] and "active" in table[2]
    listed = json.loads(ctl(org, "list", "--org", org.id, "--json"))["schedules"]
    assert [s["name"] for s in listed] == ["b", "pay day"] and listed[1]["state"] == "active"
    everybody = json.loads(ctl(org, "list", "--json"))["schedules"]
    assert {s["id"] for s in listed} < {s["id"] for s in everybody} and len({s["organization_id"] for s in everybody}) > 1
    assert ctl(org, "list", "--org", "nobody").strip() == "No schedules"
    shown = ctl(org, "show", schedule["id"])
    assert schedule["next_firings"][9] in shown and "Europe/Berlin" in shown and "1 min 30 s" in shown, shown
    assert json.loads(ctl(org, "show", "--org", org.id, "pay day", "--json"))["next_firings"] == read(org, schedule["id"])["next_firings"]
    assert "no such schedule" in ctl(org, "show", NOBODY, code=1)
    assert "needs --org" in ctl(org, "show", "pay day", code=1)
    assert "no such schedule" in ctl(org, "show", schedule["id"], "--org", "nobody", code=1)
    assert "needs an argument" in ctl(org, "show", code=64)


def test_bellmanctl_pauses_resumes_and_runs(org):
    schedule = make(org)
    assert json.loads(ctl(org, "pause", schedule["id"], "--json"))["state"] == "paused"
    assert read(org, schedule["id"])["paused_at"]
    job = json.loads(ctl(org, "run", schedule["id"], "--json"))
    done = org.admin.wait_job(job["job_id"], "completed")
    assert done["schedule_id"] == schedule["id"] and done["created_by"].startswith("bellmanctl (")
    assert "active" in ctl(org, "resume", schedule["id"])
    assert read(org, schedule["id"])["next_fire_at"] == schedule["next_fire_at"]
    assert audit(org, schedule["id"]) == ["schedule.create", "schedule.pause", "schedule.run", "schedule.resume"]
    database.check_counts(org.stack, org.id)
