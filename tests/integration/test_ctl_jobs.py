"""bellmanctl jobs, dead, stats: for people and for scripts, on the database alone."""
import json
import os
import pty
import subprocess
import threading

import pytest

import database
from client import Org
from waiting import SLOW, wait_until

FAR = "2099-01-01T00:00:00Z"
NOBODY = "01990000-0000-7000-8000-000000000000"
EX_NO, EX_USAGE = 1, 64


def ctl(stack, *arguments, exit_code=0):
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, *arguments], capture_output=True, text=True,
                          timeout=60 * SLOW, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == exit_code, f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def read(stack, *arguments, exit_code=0):
    return json.loads(ctl(stack, *arguments, "--json", exit_code=exit_code).stdout)


def failed(org, **members):
    return org.admin.wait_job(org.admin.create("fail", {"permanent": True, "message": "as told"}, **members)["id"], "failed")


# ---- looking ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(stack):
    org = Org(stack, "ctl")
    org.create_many([{"job_type": "noop"} for _ in range(3)])
    org.dead = [failed(org)["id"] for _ in range(2)]
    org.create_many([{"job_type": "sleep", "payload": {"ms": 1}, "priority": -1, "scheduled_at": FAR} for _ in range(4)])
    database.wait_all_but_scheduled(stack, org.id, 10)
    return org


def test_list(stack, full):
    page = read(stack, "jobs", "list", "--org", full.id)
    assert [job["id"] for job in page["jobs"]] == [job["id"] for job in full.admin.get("/background-jobs").json()["jobs"]]
    assert page["total"] == 9 and page["next_cursor"] is None
    assert len(read(stack, "jobs", "list", "--org", full.id, "--status", "failed", "--type", "fail")["jobs"]) == 2
    assert len(read(stack, "jobs", "list", "--org", full.id, "--priority", "-1")["jobs"]) == 4
    assert len(read(stack, "jobs", "list", "--org", full.id, "--before", "2026-01-01T00:00:00Z")["jobs"]) == 0
    some = read(stack, "jobs", "list", "--org", full.id, "--limit", "4")
    assert len(some["jobs"]) == 4 and some["next_cursor"] and some["total"] == 9


def test_list_for_people(stack, full):
    lines = ctl(stack, "jobs", "list", "--org", full.id, "--limit", "3").stdout.splitlines()
    assert lines[0].split() == ["ID", "TYPE", "STATUS", "PRIORITY", "ATTEMPTS", "CREATED", "(UTC)", "ENDED", "(UTC)", "ERROR"]
    assert len(lines) == 5 and lines[4] == "3 of 9; --limit shows more"
    assert len({line.index("sleep") for line in lines[1:4]}) == 1, "columns are aligned"
    assert "\x1b" not in "".join(lines), "no colour in a pipe"
    assert ctl(stack, "jobs", "list", "--org", full.id, "--type", "unheard-of").stdout == "No jobs\n"


def test_show(stack, full):
    job = full.admin.job(full.dead[0])
    assert read(stack, "jobs", "show", job["id"]) == job
    text = ctl(stack, "jobs", "show", job["id"]).stdout
    for word in (job["id"], "as told", "permanent", "ATTEMPT", job["attempts"][0]["host"]):
        assert word in text
    assert "no such job" in ctl(stack, "jobs", "show", NOBODY, exit_code=EX_NO).stderr
    assert "no such job" in ctl(stack, "jobs", "show", job["id"], "--org", "other", exit_code=EX_NO).stderr


def test_dead_list_and_show(stack, full):
    page = read(stack, "dead", "list", "--org", full.id)
    assert {job["id"] for job in page["dead_letters"]} == set(full.dead) and page["total"] == 2
    assert read(stack, "dead", "list", "--org", full.id, "--cause", "exhausted")["dead_letters"] == []
    assert "permanent" in ctl(stack, "dead", "list", "--org", full.id, "--type", "fail").stdout
    assert read(stack, "dead", "show", full.dead[0])["cause"] == "permanent"
    noop = full.admin.get("/background-jobs?job_type=noop").json()["jobs"][0]["id"]
    assert "no such dead letter" in ctl(stack, "dead", "show", noop, exit_code=EX_NO).stderr


def test_stats(stack, full):
    stats = read(stack, "stats", "--org", full.id)
    assert stats["by_status"] == {"queued": 4, "processing": 0, "completed": 3, "failed": 2, "cancelled": 0}
    assert {t["job_type"]: t["queued"] for t in stats["by_type"]} == {"fail": 0, "noop": 0, "sleep": 4}
    assert stats["dead_letters"] == 2 and stats["oldest_waiting"] is None, "what is scheduled for later does not wait"
    worker, = stats["workers"]
    assert worker["pid"] == stack.records()["consumer"]["pid"] and worker["capacity"] > 0
    text = ctl(stack, "stats").stdout
    for word in ("TYPE", "QUEUED", "Dead letters", "WORKER ON", str(worker["pid"])):
        assert word in text


def test_stats_say_who_waits_and_what_runs(stack):
    org = Org(stack, "ctl-busy")
    running = org.admin.create("sleep", {"ms": 60000})
    org.admin.wait_job(running["id"], "processing")
    wait_until("the worker to say so", lambda: read(stack, "stats")["workers"][0]["running"] >= 1, 5, stack, 0.2)
    assert read(stack, "stats")["last_minute"] >= 0
    org.admin.cancel(running["id"])
    waiting = org.admin.create("noop", scheduled_at=FAR)
    with database.connected(stack) as db, db.cursor() as cursor:  # as if its message lay in the queue
        cursor.execute("UPDATE background_jobs SET dispatch_at = NULL, scheduled_at = NULL,"
                       " created_at = UTC_TIMESTAMP(6) - INTERVAL 100 SECOND, updated_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR"
                       " WHERE id = %s", (waiting["id"],))
    oldest = read(stack, "stats", "--org", org.id)["oldest_waiting"]
    assert oldest["job_id"] == waiting["id"] and 100 <= oldest["waiting_s"] < 160
    assert "1 min 4" in ctl(stack, "stats", "--org", org.id).stdout
    org.admin.cancel(waiting["id"])
    wait_until("ended jobs to count", lambda: read(stack, "stats")["last_minute"] >= 1, 6, stack, 0.2)


# ---- acting -------------------------------------------------------------------------------------------------------------


def test_retry(stack, org):
    first, second = failed(org), failed(org)
    queued = org.admin.create("noop", scheduled_at=FAR)
    done = read(stack, "jobs", "retry", first["id"], second["id"])
    assert [row["outcome"] for row in done["jobs"]] == ["queued again"] * 2
    for job in (first, second):
        wait_until("it to run again", lambda job=job: len(org.admin.job(job["id"])["attempts"]) == 2, 5, stack)
    assert org.admin.job(first["id"])["updated_by"].startswith("bellmanctl (")
    mixed = read(stack, "jobs", "retry", first["id"], queued["id"], NOBODY, "nonsense", exit_code=EX_NO)["jobs"]
    assert [row["done"] for row in mixed] == [True, False, False, False]
    assert mixed[1]["outcome"] == "not retried: it is queued" and mixed[2]["outcome"] == "there is no such job"


def test_cancel(stack, org):
    queued = org.admin.create("noop", scheduled_at=FAR)
    running = org.admin.create("sleep", {"ms": 60000})
    completed = org.admin.create("noop")
    org.admin.wait_job(running["id"], "processing")
    org.admin.wait_job(completed["id"], "completed")
    rows = read(stack, "jobs", "cancel", queued["id"], running["id"], completed["id"], exit_code=EX_NO)["jobs"]
    assert [row["outcome"] for row in rows] == ["cancelled", "its worker is told to stop", "not cancelled: it has ended already"]
    assert org.admin.wait_job(running["id"], timeout_s=3)["status"] == "cancelled"
    assert "cancelled before" in ctl(stack, "jobs", "cancel", queued["id"]).stdout


def test_operations(stack, org):
    for _ in range(3):
        org.admin.create("noop", scheduled_at=FAR)
    done = ctl(stack, "jobs", "cancel", "--org", org.id, "--status", "queued", "--type", "noop")
    assert "cancelled 3 of 3" in done.stdout and "Operation " in done.stderr
    again = read(stack, "jobs", "retry", "--org", org.id, "--all")
    assert (again["status"], again["result"]) == ("completed", {"matched": 3, "changed": 3})
    database.wait_all_final(stack, org.id, 10)
    operation = read(stack, "jobs", "retry", "--org", org.id, "--status", "failed", "--no-wait")
    assert (operation["job_type"], operation["payload"]) == ("jobs.retry", {"status": "failed"})
    org.admin.wait_job(operation["id"], "completed", timeout_s=3)


def test_dead_replay_and_discard(stack, org):
    jobs = [failed(org)["id"] for _ in range(3)]
    assert "queued again" in ctl(stack, "dead", "replay", jobs[0]).stdout
    wait_until("it to run again", lambda: len(org.admin.job(jobs[0])["attempts"]) == 2, 5, stack)
    assert read(stack, "dead", "discard", jobs[1], jobs[1])["jobs"][1]["outcome"] == "discarded before"
    assert "no dead letter" in ctl(stack, "dead", "replay", jobs[1], exit_code=EX_NO).stdout
    done = read(stack, "dead", "replay", "--org", org.id, "--cause", "permanent")
    assert done["result"] == {"matched": 2, "changed": 2}
    database.wait_all_final(stack, org.id, 10)
    database.check_counts(stack, org.id)


@pytest.mark.parametrize("arguments,says", [
    (["jobs", "list"], "--org"), (["jobs", "list", "--org", "a", "--status", "done"], "done"),
    (["jobs", "list", "--org", "a", "--priority", "x"], "--priority"), (["jobs", "list", "--org", "a", "--after", "now"], "--after"),
    (["jobs", "list", "--org", "a", "--limit", "0"], "--limit"), (["jobs", "show"], "argument"),
    (["jobs", "cancel"], "--all"), (["jobs", "cancel", "--all"], "--org"), (["jobs", "cancel", NOBODY, "--all"], "either"),
    (["jobs", "cancel", "--org", "a", "--status", "failed"], "status"), (["jobs", "retry", "--org", "a", "--all", "--type", "x"], "all"),
    (["jobs", "retry", "--org", "a", "--priority", "7"], "priority"), (["dead", "replay", "--org", "a", "--cause", "x"], "cause"),
    (["dead", "discard"], "argument"), (["jobs", "watch", "--interval-ms", "1"], "--interval-ms"), (["jobs", "frob"], "jobs list")])
def test_wrong_usage(stack, arguments, says):
    done = ctl(stack, *arguments, exit_code=EX_USAGE)
    assert says in done.stderr and not done.stdout


def test_unknown_organization(stack):
    assert "no organization nowhere" in ctl(stack, "jobs", "cancel", "--org", "nowhere", "--all", exit_code=EX_NO).stderr


@pytest.mark.parametrize("command", ["jobs list", "jobs show", "jobs retry", "jobs cancel", "jobs watch", "dead list", "dead show",
                                     "dead replay", "dead discard", "stats"])
def test_help(stack, command):
    text = ctl(stack, *command.split(), "--help").stdout
    assert f"bellmanctl {command}" in text and "--json" in text


# ---- watching -----------------------------------------------------------------------------------------------------------


def test_watch_a_job(stack, org):
    job = org.admin.create("sleep", {"ms": 1200})
    lines = [json.loads(line) for line in ctl(stack, "jobs", "watch", job["id"], "--json").stdout.splitlines()]
    assert [line["status"] for line in lines][-1] == "completed" and lines[0]["status"] in ("queued", "processing")
    assert len(lines) <= 4, "a line for each change"
    assert "completed" in ctl(stack, "jobs", "watch", job["id"]).stdout
    lost = failed(org)
    ctl(stack, "jobs", "watch", lost["id"], exit_code=EX_NO)
    ctl(stack, "jobs", "watch", NOBODY, exit_code=EX_NO)


def test_watch_all(stack, full):
    lines = ctl(stack, "jobs", "watch", "--org", full.id, "--count", "2", "--interval-ms", "50", "--json").stdout.splitlines()
    assert [json.loads(line)["by_status"]["completed"] for line in lines] == [3, 3]
    plain = ctl(stack, "jobs", "watch", "--org", full.id, "--count", "1").stdout
    assert plain.count("\n") == 1 and "failed 2" in plain


def on_terminal(stack, *arguments):
    """What the command writes to a terminal that is both its outputs."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def drain():
        try:
            while data := os.read(ours, 65536):
                seen.extend(data)
        except OSError:
            pass  # the other side has closed

    reader = threading.Thread(target=drain)
    reader.start()
    subprocess.run(["stty", "cols", "100"], stdin=theirs, check=True)
    done = subprocess.run([stack.build / "bellmanctl", "--config", stack.config, *arguments], stdin=subprocess.DEVNULL,
                          stdout=theirs, stderr=theirs, timeout=60 * SLOW, check=False, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    reader.join()
    os.close(ours)
    return done.returncode, seen.decode()


def test_progress_on_a_terminal(stack, org):
    org.create_many([{"job_type": "noop", "scheduled_at": FAR} for _ in range(5)])
    exit_code, text = on_terminal(stack, "jobs", "cancel", "--org", org.id, "--all")
    assert exit_code == 0
    assert "[########################] 100 %  cancelled 5 of 5" in text and "\r\x1b[K" in text
    assert "\x1b[32mcompleted\x1b[0m" in text
    _, text = on_terminal(stack, "jobs", "list", "--org", org.id)
    assert max(len(line) for line in text.replace("\x1b[33m", "").replace("\x1b[32m", "").replace("\x1b[1m", "")
               .replace("\x1b[0m", "").splitlines()) <= 100, "cut to the terminal's width"
