"""Pauses and limits: what may not start does not, whatever happens meanwhile, and everything runs in the end."""
import datetime
import secrets
import shutil
import subprocess

import pytest

import database
from client import Org, faults as faults_of
from faults import SecondConsumer, configured, kill, make_whole, settle
from waiting import SLOW, wait_until

PAUSES = "/background-jobs/pauses"
LIMITS = "/background-jobs/limits"
NOOP = {"job_type": "noop", "payload": {}}


def ctl(stack, *arguments, exit_code=0):
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, *arguments], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == exit_code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture
def gates(stack):
    """Whatever a test pauses or limits for the whole deployment is open again afterwards."""
    yield stack
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM pauses WHERE organization_id = ''")
        cursor.execute("DELETE FROM job_limits WHERE organization_id = ''")


def pause(org, job_type="*", **body):
    answer = org.admin.put(f"{PAUSES}/{job_type}", body or None)
    assert answer.status_code == 200, answer.text
    return answer.json()["pauses"]


def resume(org, job_type="*"):
    answer = org.admin.call("DELETE", f"{PAUSES}/{job_type}")
    assert answer.status_code == 200, answer.text
    return answer.json()["pauses"]


def keys(pauses):
    return [(p["scope"], p["job_type"]) for p in pauses]


def held(org, reason, n, timeout_s=10):
    """Until n jobs of the organization are held for the reason."""
    sql = ("SELECT COUNT(*) AS n FROM held_jobs WHERE organization_id = %s AND reason = %s AND released = 0")
    wait_until(f"{n} jobs of {org.id} to be held ({reason})", lambda: database.value(org.stack, sql, org.id, reason) >= n, timeout_s,
               org.stack)


def create_at_once(org, bodies):
    """In one call, so that none of them has run before the last is there."""
    answer = org.admin.post("/background-jobs/bulk", {"jobs": bodies})
    assert answer.status_code == 201, answer.text
    return ids(answer.json()["jobs"])


def wait_known(org, job_type):
    """Until every worker keeps jobs of the type back, three of which would run beside each other otherwise. Workers look at
    pauses and limits once a second, which is what they promise (gates.h): a probe shows that one of them knows, and once that
    second is over they all do. The probes are gone afterwards."""
    since = database.value(org.stack, "SELECT UTC_TIMESTAMP(6)")

    def probe():
        made = ids(org.create_many([{"job_type": job_type, "payload": {"ms": 50} if job_type == "sleep" else {}}] * 3))

        def seen():
            kept = database.value(org.stack, "SELECT COUNT(*) FROM held_jobs WHERE job_id IN %s", made)
            left = database.value(org.stack, "SELECT COUNT(*) FROM background_jobs WHERE id IN %s AND status IN"
                                  " ('queued', 'processing')", made)
            return "kept" if kept else "all ran" if not left else None

        def gone():
            database.cancel_waiting(org.stack, org.id, made)  # but for those that a worker has locked at this moment
            return database.value(org.stack, "SELECT COUNT(*) FROM background_jobs WHERE id IN %s AND status IN"
                                  " ('queued', 'processing')", made) == 0

        outcome = wait_until("probes to be held or to run", seen, 10, org.stack, 0.02)
        wait_until("probes to be gone", gone, 10, org.stack)
        return outcome == "kept"

    wait_until("the worker to know", probe, 10, org.stack)
    wait_until("the other workers to have looked", lambda: database.value(
        org.stack, "SELECT UTC_TIMESTAMP(6) > %s + INTERVAL 1200 * %s * 1000 MICROSECOND", since, SLOW), 10, org.stack)


def started(org, made=None):
    """Those of the organization's jobs, or of the ones that were made, that have ever run."""
    return [j for j in database.jobs(org.stack, org.id).values()
            if j["started_at"] is not None and (made is None or j["id"] in made)]


def ids(made):
    return [job["id"] for job in made]


# ---- pauses ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["noop", "*", "deployment type", "deployment"])
def test_nothing_paused_starts(gates, org, scope):
    """Jobs from before the pause and from during it; another organization goes on unless everything is paused."""
    other = Org(gates, "gates-other")
    # Later than the pause is known everywhere.
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=4 * SLOW)).isoformat()
    before = ids(org.create_many([{**NOOP, "scheduled_at": soon}] * 10))
    if scope == "deployment":
        ctl(gates, "pause", "--all", "--reason", "maintenance")
    elif scope == "deployment type":
        ctl(gates, "pause", "--type", "noop")
    else:
        pause(org, scope)
    wait_known(Org(gates, "gates-probe") if scope.startswith("deployment") else org, "noop")
    during = ids(org.create_many([NOOP] * 30))
    sleeping = org.admin.create("sleep", {"ms": 1})["id"]
    elsewhere = other.admin.create()["id"]
    held(org, "paused", 40)
    assert started(org, [*before, *during]) == []
    if scope in ("noop", "deployment type"):
        org.admin.wait_job(sleeping, "completed")
    if scope in ("noop", "*"):
        other.admin.wait_job(elsewhere, "completed")
    shown = org.admin.job(during[0])
    assert (shown["status"], shown["held"]) == ("queued", "paused")
    page = org.admin.get("/background-jobs?status=queued&job_type=noop").json()["jobs"]
    assert {job["held"] for job in page} == {"paused"}
    assert started(org, [*before, *during]) == []
    if scope == "deployment":
        assert keys(org.admin.get(PAUSES).json()["pauses"]) == [("deployment", None)]
        assert resume(org, "noop") != [], "an organization ends the operator's pause"
        ctl(gates, "resume", "--all")
    elif scope == "deployment type":
        ctl(gates, "resume", "--type", "noop")
    else:
        assert resume(org, scope) == []
    settle(org, [*before, *during, sleeping], 15)
    settle(other, [elsewhere], 15)
    assert database.rows(gates, "SELECT * FROM held_jobs WHERE organization_id IN (%s, %s)", org.id, other.id) == []
    assert org.admin.job(during[0])["held"] is None


def test_what_runs_when_the_pause_begins_goes_on(org):
    running = org.admin.create("sleep", {"ms": 700})["id"]
    org.admin.wait_job(running, "processing")
    pause(org)
    org.admin.wait_job(running, "completed")
    waiting = org.admin.create("sleep", {"ms": 1})["id"]
    held(org, "paused", 1)
    resume(org)
    settle(org, [running, waiting])


def test_none_starts_after_the_answer(org):
    """Under a steady stream of jobs: whatever starts later than a moment after the pause's answer is a fault."""
    made = []
    for _ in range(3):
        made += ids(org.create_many([NOOP] * 40, threads=6))
    pause(org)
    answered = database.value(org.stack, "SELECT UTC_TIMESTAMP(6)")
    made += ids(org.create_many([NOOP] * 40, threads=6))
    wait_known(org, "noop")
    made += (last := create_at_once(org, [NOOP] * 10))
    wait_until("the last ones to be held", lambda: database.value(
        org.stack, "SELECT COUNT(*) FROM held_jobs WHERE job_id IN %s", last) == len(last), 10, org.stack)
    late = [j for j in started(org) if (j["started_at"] - answered).total_seconds() > 1.5 * SLOW]
    assert late == []
    resume(org)
    settle(org, made)


def test_cancel_of_held_jobs(org):
    pause(org)
    job = org.admin.create()["id"]
    many = ids(org.create_many([NOOP] * 5))
    held(org, "paused", 6)
    answer = org.admin.cancel(job)
    assert answer.status_code == 200 and answer.json()["status"] == "cancelled" and answer.json()["held"] is None
    swept = org.admin.post("/background-jobs/cancel", {"job_type": "noop"})
    assert swept.status_code == 202, swept.text
    org.admin.wait_job(swept.json()["id"], "completed")
    assert database.rows(org.stack, "SELECT * FROM held_jobs WHERE organization_id = %s", org.id) == []
    resume(org)
    jobs, _attempts = settle(org, [job, *many])
    assert {jobs[one]["status"] for one in (job, *many)} == {"cancelled"}


def test_pauses_are_seen_and_recorded(org):
    assert org.admin.get(PAUSES).json() == {"pauses": []}
    first = pause(org, "email.send", reason="the mail server moves")
    assert keys(first) == [("organization", "email.send")]
    assert first[0]["organization_id"] == org.id and first[0]["reason"] == "the mail server moves"
    assert first[0]["created_by"] == "admin" and first[0]["created_at"].endswith("Z")
    again = pause(org, "email.send", reason="it has not moved")
    assert [p["reason"] for p in again] == ["it has not moved"] and again[0]["created_at"] == first[0]["created_at"]
    pause(org, "email.send", reason="it has not moved")
    assert keys(pause(org)) == [("organization", None), ("organization", "email.send")]
    assert org.admin.get(PAUSES).json()["pauses"] == pause(org)
    assert keys(resume(org)) == [("organization", "email.send")]
    assert resume(org, "email.send") == [] and resume(org, "email.send") == []
    log = database.rows(org.stack, "SELECT actor, action, subject FROM audit_log WHERE organization_id = %s ORDER BY id", org.id)
    assert [(row["action"], row["subject"]) for row in log] == [
        ("jobs.pause", "email.send"), ("jobs.pause", "email.send"), ("jobs.pause", None), ("jobs.resume", None),
        ("jobs.resume", "email.send")]
    assert {row["actor"] for row in log} == {"admin"}


def test_who_may_pause(org):
    robot = org.user("robot", "Service")
    for method, path in (("GET", PAUSES), ("PUT", PAUSES + "/noop"), ("DELETE", PAUSES + "/*"), ("GET", LIMITS)):
        assert robot.call(method, path).status_code == 403
    assert org.admin.get(PAUSES).json() == {"pauses": []}
    mine, theirs = Org(org.stack, "gates-mine"), Org(org.stack, "gates-theirs")
    pause(mine)
    assert theirs.admin.get(PAUSES).json() == {"pauses": []}
    assert resume(theirs) == []
    assert keys(mine.admin.get(PAUSES).json()["pauses"]) == [("organization", None)]
    resume(mine)


@pytest.mark.parametrize("path,body,expected", [
    ("noop", {"reason": ""}, {"/reason": "length"}), ("noop", {"reason": "x" * 201}, {"/reason": "length"}),
    ("noop", {"reason": 1}, {"/reason": "type"}), ("*", {"until": "x"}, {"/until": "unknown_field"})])
def test_wrong_bodies(org, path, body, expected):
    assert faults_of(org.admin.put(f"{PAUSES}/{path}", body)) == expected
    assert org.admin.get(PAUSES).json() == {"pauses": []}


@pytest.mark.parametrize("job_type", ["nothing", "NOOP", "x" * 65, "noop%00", "jobs.cancel"])
def test_unknown_types(org, job_type):
    assert org.admin.put(f"{PAUSES}/{job_type}").status_code in (400, 404)
    assert org.admin.get(PAUSES).json() == {"pauses": []}


# ---- limits ------------------------------------------------------------------------------------------------------------


def spans(attempts, made):
    return [(a["started_at"], a["ended_at"]) for job in made for a in attempts[job]]


def most_at_once(found):
    """Of intervals; one that ends when another begins does not meet it."""
    events = sorted([(start, 1) for start, _ in found] + [(end, -1) for _, end in found])
    now = most = 0
    for _, step in events:
        now += step
        most = max(most, now)
    return most


def limit(stack, org, **options):
    """Sets a limit of the organization, or of the deployment; workers may take a second to know."""
    if org:
        assert org.admin.get(LIMITS).status_code == 200  # now the organization is there
    arguments = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    ctl(stack, "limits", "set", *(["--org", org.id] if org else []), *arguments)


def shown_limits(org):
    return {(row["scope"], row["job_type"]): row for row in org.admin.get(LIMITS).json()["limits"]}


@pytest.mark.parametrize("kind", ["type of the organization", "organization", "type everywhere"])
def test_never_more_than_the_cap_at_once(gates, org, kind):
    """Over two workers; and so many that the cap is kept busy. Half of the jobs come while others wait."""
    options = {} if kind == "organization" else {"type": "sleep"}
    limit(gates, None if kind == "type everywhere" else org, max_running=2, **options)
    bodies = [{"job_type": "sleep", "payload": {"ms": 250}, "priority": i % 3 - 1} for i in range(24)]
    with SecondConsumer(gates) as second:  # which reads the limit when it starts
        wait_known(org, "sleep")
        made = create_at_once(org, bodies[:16])
        held(org, "limit", 6)
        shown = shown_limits(org)[("deployment" if kind == "type everywhere" else "organization", options.get("type"))]
        assert shown["max_running"] == 2 and shown["running"] <= 2 and shown["queued"] >= shown["held"] >= 1, shown
        made += create_at_once(org, bodies[16:])
        job = next(j for j in database.jobs(gates, org.id).values() if j["status"] == "queued")
        assert org.admin.job(job["id"])["held"] in ("limit", None)
        jobs, attempts = settle(org, made)
        found = spans(attempts, made)
        used_second = any(second.owns(job["worker_id"]) for job in jobs.values())
    assert most_at_once(found) == 2
    assert all(jobs[job]["attempt"] == 1 for job in made)
    took = (max(end for _, end in found) - min(start for start, _ in found)).total_seconds()
    print(f"{kind}: 24 jobs of 250 ms, two at once, took {took:.2f} s (3 s at best); both workers: {used_second}")
    assert took < 8 * SLOW, "the cap is not kept busy"
    assert database.rows(gates, "SELECT * FROM held_jobs WHERE organization_id = %s", org.id) == []


def test_a_lower_and_a_higher_cap(gates, org):
    """The cap goes to one while jobs wait, then away: all run."""
    limit(gates, org, type="sleep", max_running=1)
    wait_known(org, "sleep")
    made = ids(org.create_many([{"job_type": "sleep", "payload": {"ms": 150}}] * 12))
    others = ids(org.create_many([NOOP] * 5))
    held(org, "limit", 8)
    for job in others:
        org.admin.wait_job(job, "completed")
    ctl(gates, "limits", "clear", "--org", org.id, "--type", "sleep")
    cleared = database.value(gates, "SELECT UTC_TIMESTAMP(6)")
    _jobs, attempts = settle(org, made + others)
    found = sorted(spans(attempts, made))
    assert most_at_once([s for s in found if (s[1] - cleared).total_seconds() < 0]) <= 1
    assert most_at_once(found) > 3, "what was held is let go one by one"


def test_higher_priority_goes_first_and_then_age(gates, org):
    limit(gates, org, type="sleep", max_running=1)
    wait_known(org, "sleep")
    made = [org.admin.create("sleep", {"ms": 60}, priority=p)["id"] for p in (0, -1, 0, 1, -1, 0, 1, 1)]
    held(org, "limit", 6)
    jobs, _attempts = settle(org, made)
    order = sorted(made[1:], key=lambda job: jobs[job]["started_at"])
    later = [(-jobs[job]["priority"], job) for job in order[1:]]
    assert later == sorted(later), "held jobs do not go by priority and age"


def test_starts_in_a_minute(gates, org):
    """60 a minute: after a pause up to a second's worth at once, then one a second."""
    limit(gates, org, type="noop", max_per_minute=60)
    wait_known(org, "noop")
    made = ids(org.create_many([NOOP] * 6))
    held(org, "limit", 1)
    jobs, _attempts = settle(org, made)
    starts = sorted(jobs[job]["started_at"] for job in made)
    since_first = [(start - starts[0]).total_seconds() for start in starts]
    print("seconds", since_first)
    assert all(second > i - 1 for i, second in enumerate(since_first)), "too many in a second"
    assert since_first[-1] < 7 * SLOW
    assert shown_limits(org)[("organization", "noop")]["max_per_minute"] == 60


def test_limits_of_others_are_not_seen(gates, org):
    other = Org(gates, "gates-limits")
    for one in (org, other):
        one.admin.create()
    limit(gates, other, max_running=7)
    limit(gates, None, type="db_optimize", max_running=3, max_per_minute=30)
    assert set(shown_limits(org)) == {("deployment", "db_optimize")}
    shown = shown_limits(other)
    assert set(shown) == {("deployment", "db_optimize"), ("organization", None)}
    assert shown[("organization", None)]["organization_id"] == other.id
    assert shown[("deployment", "db_optimize")] == {
        "scope": "deployment", "organization_id": None, "job_type": "db_optimize", "max_running": 3, "max_per_minute": 30,
        "running": 0, "queued": 0, "held": 0, "held_capped": False}


# ---- faults ------------------------------------------------------------------------------------------------------------


def test_a_pause_survives_workers_and_the_broker(rough):
    """The worker dies, the broker loses everything, and an hour passes for the held rows: still nothing starts."""
    org = Org(rough, "gates-rough")
    try:
        pause(org, "noop")
        made = ids(org.create_many([NOOP] * 50))
        held(org, "paused", 50)
        kill(rough, "consumer", "rabbitmq")
        shutil.rmtree(rough.dir / "rabbitmq" / "mnesia")
        with database.connected(rough) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6) WHERE organization_id = %s", (org.id,))
        rough.restart("rabbitmq")
        rough.restart("consumer")
        made += ids(org.create_many([NOOP] * 10))
        held(org, "paused", 60, 20)
        wait_until("the held jobs to be put off again", lambda: database.value(
            rough, "SELECT COUNT(*) AS n FROM background_jobs WHERE organization_id = %s"
            " AND dispatch_at > UTC_TIMESTAMP(6) + INTERVAL 30 MINUTE", org.id) == 60, 20, rough)
        assert started(org) == []
        resume(org, "noop")
        jobs, _attempts = settle(org, made)
        assert all(jobs[job]["attempt"] == 1 for job in made)
    finally:
        make_whole(rough)


def test_a_cap_over_a_worker_that_dies(rough):
    """The configuration's cap for each organization. What ran when the worker died is rescued; the cap holds over the old
    and the new one, and no place is lost for good."""
    org = Org(rough, "gates-dying")
    try:
        with configured(rough, "[limits]\norg_max_running=3\n"):
            rough.restart("consumer")
            made = ids(org.create_many([{"job_type": "sleep", "payload": {"ms": 400}}] * 12))
            held(org, "limit", 6)
            kill(rough, "consumer")
            rough.restart("consumer")
            _jobs, attempts = settle(org, made)
            assert most_at_once(spans(attempts, made)) == 3
    finally:
        make_whole(rough)
        rough.restart("consumer")


# ---- bellmanctl --------------------------------------------------------------------------------------------------------


def test_commands(gates, org):
    org.admin.create()
    name = f"t-{secrets.token_hex(3)}"
    assert "no organization" in ctl_error(gates, "pause", "--org", name)
    ctl(gates, "pause", exit_code=64)
    ctl(gates, "pause", "--all", "--type", "noop", exit_code=64)
    ctl(gates, "resume", "--type", "noop", exit_code=1)
    ctl(gates, "limits", "set", "--org", org.id, exit_code=64)
    ctl(gates, "limits", "set", "--max-running", "2", exit_code=64)
    ctl(gates, "limits", "clear", "--org", org.id, exit_code=1)
    ctl(gates, "pause", "--org", org.id, "--type", "email.send", "--reason", "tests")
    assert "email.send" in ctl(gates, "pauses") and "tests" in ctl(gates, "pauses")
    assert keys(org.admin.get(PAUSES).json()["pauses"]) == [("organization", "email.send")]
    limit(gates, org, max_running=4)
    limit(gates, org, max_per_minute=90)
    assert shown_limits(org)[("organization", None)]["max_running"] == 4
    assert f"{org.id}" in ctl(gates, "limits", "list")
    ctl(gates, "limits", "clear", "--org", org.id)
    ctl(gates, "resume", "--org", org.id, "--type", "email.send")
    log = database.rows(gates, "SELECT actor, action FROM audit_log WHERE organization_id = %s ORDER BY id", org.id)
    assert [row["action"] for row in log] == ["jobs.pause", "job_limits.set", "job_limits.set", "job_limits.clear", "jobs.resume"]
    assert all(row["actor"].startswith("bellmanctl") for row in log)


def ctl_error(stack, *arguments):
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, *arguments], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return done.stderr
