"""Job types that run a program, from their creation to their outcome. programs.py has their sections."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import broker
import database
import faults
import programs
from client import Org, faults as faults_of
from waiting import SLOW, wait_until


def run(org, payload, job_type="peer", **members):
    return org.admin.wait_job(org.admin.create(job_type, payload, **members)["id"])


def logs(org, job_id, **query):
    answer = org.admin.get(f"/background-jobs/{job_id}/logs", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def lines(org, job_id, **query):
    return [(line["level"], line["message"]) for line in logs(org, job_id, **query)["logs"]]


# ---- what it gets and gives ------------------------------------------------------------------------------------------

def test_what_a_program_gets(stack, org):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    payload = {"tell": True, "text": "Zoë 😀", "n": [1, 2.5, None]}
    job = run(org, payload, headers={"traceparent": trace})
    assert job["status"] == "completed", job
    told = job["result"]
    assert told["payload"] == payload
    assert told["arguments"] == ["two words", "$HOME"], "no shell has seen them"
    environment = told["environment"]
    assert environment.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # python's own
    assert environment["TRACEPARENT"][:36] == trace[:36]
    assert {**environment, "TRACEPARENT": ""} == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TRACEPARENT": "",
        "BELLMAN_JOB_ID": job["id"], "BELLMAN_JOB_TYPE": "peer", "BELLMAN_ATTEMPT": "1",
        "BELLMAN_ORGANIZATION_ID": org.id}
    assert told["descriptors"] == [0, 1, 2], "and 3, which it has closed by then"
    assert told["limits"]["CORE"] == 0 and told["limits"]["NOFILE"] == 256 and told["limits"]["AS"] == -1
    assert told["cwd"] == "/" and told["nice"] == 0 and told["leads"]


def test_limits(org):
    told = run(org, {"tell": True}, "peer.limited", timeout_s=30)["result"]
    assert told["limits"] == {"AS": 256 << 20, "CPU": 20, "NOFILE": 40, "FSIZE": 2 << 20, "CORE": 0}
    assert told["cwd"] == "/usr" and told["nice"] == 5
    job = run(org, {"hold_mb": 400}, "peer.limited", timeout_s=30)
    assert (job["status"], job["cause"]) == ("failed", "permanent") and "MemoryError" in job["error_message"], job


@pytest.mark.parametrize("out, result", [("", None), (" \n", None), ("7", 7), ("[1, {}]\n", [1, {}])])
def test_results(org, out, result):
    job = run(org, {"out": out})
    assert (job["status"], job["result"]) == ("completed", result)


@pytest.mark.parametrize("payload, error", [
    ({"out": "all is well"}, "what the program wrote as its result is not JSON: "),
    ({"out": "{} {}"}, "what the program wrote as its result is not JSON: "),
    ({"out_bytes": (1 << 20) + 1, "spawn": True}, "the program wrote more than 1048576 bytes as its result")])
def test_results_that_are_none(org, payload, error):
    job = run(org, payload)
    assert (job["status"], job["cause"], job["attempt"], job["result"]) == ("failed", "permanent", 1, None)
    assert job["error_message"].startswith(error), job["error_message"]
    assert programs.of_job(job["id"]) == []


def test_a_large_payload_and_result(org):
    text = "x" * 900000
    job = run(org, {"out": json.dumps(text)})
    assert job["status"] == "completed" and job["result"] == text


# ---- what it tells ---------------------------------------------------------------------------------------------------

def test_progress_and_log(org):
    created = org.admin.create("peer", {
        "report": [{"log": "begun"}, {"progress": 10, "message": "x"}, {"log": "odd\nrow", "level": "error"}, "nonsense", "{}",
                   {"progress": 40, "message": "four of ten"}], "err": "careful\n\nat the end", "sleep": 60})

    def seen():
        now = org.admin.job(created["id"])
        return now if now["progress"] == 40 else None

    running = wait_until("progress", seen, 5, org.stack)
    assert (running["status"], running["progress_message"]) == ("processing", "four of ten")
    wanted = {("info", "begun"), ("error", "odd\nrow"), ("warn", "Not understood on descriptor 3: nonsense"),
              ("warn", "careful")}
    wait_until("log lines", lambda: set(lines(org, created["id"])) == wanted, 5, org.stack)
    assert org.admin.cancel(created["id"]).status_code == 202
    org.admin.wait_job(created["id"], "cancelled", 5)
    assert set(lines(org, created["id"])) == wanted | {("warn", "at the end")}


def test_pages_of_a_log(org):
    job = run(org, {"report": [{"log": f"line {i}", "level": "debug"} for i in range(250)],
                    "on": {"2": {"report": [{"log": "again"}]}}, "exit": 1})
    assert (job["status"], job["attempt"]) == ("completed", 2)
    everything = logs(org, job["id"], limit=1000)
    assert everything["next_cursor"] is None
    assert [line["number"] for line in everything["logs"]] == [*range(1, 201), 1]
    assert everything["logs"][198]["message"] == "line 198"
    assert everything["logs"][199]["message"] == "This attempt has written too much; its further lines are not kept"
    assert everything["logs"][200] == {"attempt": 2, "number": 1, "level": "info", "message": "again",
                                       "logged_at": everything["logs"][200]["logged_at"]}
    walked, cursor = [], None
    while True:
        page = logs(org, job["id"], limit=67, **({"cursor": cursor} if cursor else {}))
        walked += page["logs"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert walked == everything["logs"]
    assert [line["message"] for line in logs(org, job["id"], attempt=2)["logs"]] == ["again"]
    path = f"/background-jobs/{job['id']}/logs"
    assert faults_of(org.admin.get(path, params={"cursor": "x.1"})) == {"?cursor": "format"}
    assert faults_of(org.admin.get(path, params={"limit": 1001})) == {"?limit": "range"}
    assert Org(org.stack, "other").admin.get(path).status_code == 404
    assert org.admin.get("/background-jobs/nothing/logs").status_code == 404
    database.rows(org.stack, "DELETE FROM background_jobs WHERE id = %s", job["id"])
    assert database.value(org.stack, "SELECT COUNT(*) FROM job_logs WHERE job_id = %s", job["id"]) == 0
    database.rows(org.stack, "UPDATE job_counts SET jobs = 0 WHERE organization_id = %s", org.id)


def test_the_end_of_its_errors_is_kept(org):
    job = run(org, {"err": "x" * 9000 + "\n" + "first\nlast line: Zoë\n", "exit": 3}, max_retries=0)
    assert (job["status"], job["cause"]) == ("failed", "exhausted")
    assert job["error_message"] == "the program ended with exit code 3: first\nlast line: Zoë"
    assert [a["error"] for a in job["attempts"]] == [job["error_message"]]


# ---- how it ends -----------------------------------------------------------------------------------------------------

def test_snooze(org):
    job = run(org, {"tell": True, "on": {"1": {"report": [{"snooze_s": 0.1}]}}}, max_retries=0)
    assert (job["status"], job["attempt"], job["retry_count"], job["snooze_count"]) == ("completed", 2, 0, 1)
    assert [a["outcome"] for a in job["attempts"]] == ["snoozed", "completed"]
    first, second = database.attempts(org.stack, org.id)[job["id"]]
    assert 0.95 <= (second["started_at"] - first["ended_at"]).total_seconds() < 1 + 1.5 * SLOW, "a second at least"
    database.check_counts(org.stack, org.id)


def test_exit_codes(org):
    made = org.create_many([
        {"job_type": "peer", "payload": {"exit": 75, "on": {"2": {"out": "1"}}}},
        {"job_type": "peer", "payload": {"exit": 1}, "max_retries": 1},
        {"job_type": "peer", "payload": {"exit": 65}},
        {"job_type": "peer", "payload": {"exit": 78}},
        {"job_type": "peer.limited", "payload": {"exit": 1}, "max_retries": 3, "timeout_s": 30},
        {"job_type": "peer.limited", "payload": {"exit": 9}, "max_retries": 1, "timeout_s": 30}])
    again, never, data, config, all_of_them, mapped = [org.admin.wait_job(job["id"]) for job in made]
    assert (again["status"], again["attempt"], again["retry_count"]) == ("completed", 2, 1)
    for job in (never, mapped):
        assert (job["status"], job["attempt"], job["cause"]) == ("failed", 2, "exhausted")
    for job in (data, config, all_of_them):
        assert (job["status"], job["attempt"], job["cause"]) == ("failed", 1, "permanent")
    assert broker.wait_dead_letters(org.stack, {job["id"] for job in made[1:]})


def pause_s(org, job):
    first, second = database.attempts(org.stack, org.id)[job["id"]]
    return (second["started_at"] - first["ended_at"]).total_seconds()


def test_when_it_is_tried_again(org):
    """What the program asks for goes before the job's own policy, which goes before the type's (a second at most)."""
    again = {"exit": 1, "on": {"2": {}}}
    asked = org.admin.create("peer", {**again, "report": [{"retry_after_s": 3}]},
                             retry={"curve": "fixed", "base_s": 2, "cap_s": 9, "jitter_percent": 0})
    own = org.admin.create("peer", again, retry={"curve": "linear", "base_s": 2, "cap_s": 9})
    for job, wanted_s in ((asked, 3), (own, 2)):
        assert org.admin.wait_job(job["id"])["status"] == "completed"
        assert wanted_s - 0.05 <= pause_s(org, job) < wanted_s + 1.5 * SLOW


def test_death_by_a_signal(org):
    healed = org.admin.create("peer", {"signal": signal.SIGKILL, "on": {"2": {}}})
    job = run(org, {"signal": signal.SIGSEGV, "err": "oh\n"}, max_retries=1)
    assert (job["status"], job["cause"], job["attempt"]) == ("failed", "signal", 2)
    assert job["error_message"] == "the program was killed by signal 11 (SIGSEGV): oh"
    healed = org.admin.wait_job(healed["id"])
    assert (healed["status"], healed["attempt"], healed["crash_count"]) == ("completed", 2, 0)


def test_a_timeout_ends_the_whole_group(org):
    """It and its child ignore SIGTERM: SIGKILL comes after the grace of a second."""
    created = org.admin.create("peer.limited", {"ignore": True, "spawn": True, "sleep": 60},
                               max_retries=0)
    wait_until("its child", lambda: programs.of_job(created["id"]), 5, org.stack, 0.01)
    job = org.admin.wait_job(created["id"])
    assert (job["status"], job["attempts"][0]["outcome"]) == ("failed", "timeout")
    assert job["error_message"] == "stopped after its timeout of 1 s"
    assert programs.of_job(job["id"]) == []
    took = database.row(org.stack, "SELECT TIMESTAMPDIFF(MICROSECOND, started_at, ended_at) AS us FROM job_attempts"
                        " WHERE job_id = %s", job["id"])["us"]
    assert 1.9e6 <= took < 2.5e6 * SLOW


def test_cancel_within_a_second_and_its_grace(org):
    willing = org.admin.create("peer", {"spawn": True, "sleep": 60})
    deaf = org.admin.create("peer", {"spawn": True, "sleep": 60, "ignore": True})
    for job in (willing, deaf):
        wait_until("its child", lambda job=job: programs.of_job(job["id"]), 5, org.stack, 0.01)
    for job, limit_s in ((willing, 1), (deaf, 2)):
        began = time.monotonic()
        assert org.admin.cancel(job["id"]).status_code == 202
        assert org.admin.wait_job(job["id"], "cancelled", 10)["attempts"][0]["outcome"] == "cancelled"
        assert time.monotonic() - began < limit_s + 0.3 * SLOW
        assert programs.of_job(job["id"]) == []


def test_what_it_leaves_behind_ends_with_it(org):
    """A child in the background dies with the program; one that has left the group is not waited for."""
    job = run(org, {"spawn": True, "out": "1"})
    assert job["status"] == "completed" and programs.of_job(job["id"]) == []
    escaped = run(org, {"spawn": "escape", "out": "2"})
    assert (escaped["status"], escaped["result"]) == ("completed", 2)
    for pid in programs.of_job(escaped["id"]):
        os.kill(pid, signal.SIGKILL)


def test_many_at_once_leave_nothing(stack, org):
    consumer = stack.records()["consumer"]["pid"]

    def descriptors():
        return len(os.listdir(f"/proc/{consumer}/fd"))

    run(org, {})
    before, children = descriptors(), programs.children_of(consumer)
    made = org.create_many([{"job_type": "peer", "payload": {"tell": True, "sleep": 0.05, "n": n}} for n in range(32)])
    database.wait_all_final(stack, org.id, 30)
    for n, job in enumerate(made):
        assert org.admin.job(job["id"])["result"]["payload"]["n"] == n
    assert programs.children_of(consumer) == children, "the guard alone"
    assert descriptors() <= before + 2, "a connection may have come"
    database.check_invariants(stack, org.id, [job["id"] for job in made])


# ---- the list of types -----------------------------------------------------------------------------------------------

def test_the_list_of_job_types(org):
    answer = org.user(role="Service").get("/job-types")
    assert answer.status_code == 200, answer.text
    types = {t["name"]: t for t in answer.json()["job_types"]}
    assert types["peer"] == {
        "name": "peer", "kind": "exec", "help": "Does what its payload says", "timeout_s": 30, "max_retries": 3,
        "retry": {"curve": "polynomial", "base_s": 0, "cap_s": 1, "jitter_percent": 0}, "payload_schema": None}
    assert types["sleep"]["kind"] == "built_in" and types["sleep"]["payload_schema"]["required"] == ["ms"]
    assert list(types)[0] == "email.send" and "crash" in types, "diagnostics are on here"


def test_payloads_are_objects(org):
    answer = org.admin.post("/background-jobs", {"job_type": "peer", "payload": [1]})
    assert faults_of(answer) == {"/payload": "type"}


def test_defaults_of_a_type(org):
    job = org.admin.create("peer.limited", {}, scheduled_at="2999-01-01T00:00:00Z")
    assert (job["timeout_s"], job["max_retries"]) == (1, 0)
    assert org.admin.cancel(job["id"]).status_code == 200


# ---- the configuration -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("section, error", [
    ("exec = /nonexistent/program", "[job_type new] exec: /nonexistent/program is no program that can be run here"),
    ("exec = /etc/passwd", "[job_type new] exec: /etc/passwd is no program that can be run here"),
    ("exec = /bin/true\nworkdir = /etc/passwd", "[job_type new] workdir: /etc/passwd is no directory"),
    ("", "[job_type new] needs exec or http, for it is no built-in type")])
def test_what_stops_the_start(stack, tmp_path, section, error):
    file = tmp_path / "bellman.conf"
    file.write_text(f"[job_type new]\n{section}\n")
    done = subprocess.run([stack.build / "bellman-consumer", "--config", file, "--check-config"], capture_output=True,
                          text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"bellman-consumer: {file}:1: {error}\n"


# ---- workers that go -------------------------------------------------------------------------------------------------

@pytest.fixture
def rough_org(rough):
    try:
        yield Org(rough, "exec")
    finally:
        faults.make_whole(rough)


def test_a_killed_worker_leaves_no_program_running(rough, rough_org):
    job = rough_org.admin.create("peer", {"spawn": True, "ignore": True, "sleep": 60,
                                          "on": {"2": {"out": "2"}}})
    wait_until("its child", lambda: programs.of_job(job["id"]), 10, rough, 0.01)
    consumer = rough.records()["consumer"]["pid"]
    running = programs.children_of(consumer)
    assert len(running) == 2, "the guard and the program"
    faults.kill(rough, "consumer")
    wait_until("its programs to be gone", lambda: not programs.of_job(job["id"]) and not any(
        pid in running for pid, _ in programs.command_lines()), 2, rough, 0.01)
    rough.restart("consumer")
    ended = rough_org.admin.wait_job(job["id"], timeout_s=20)
    assert (ended["status"], ended["result"], ended["crash_count"]) == ("completed", 2, 1)


def test_a_worker_that_is_told_twice_hands_its_programs_jobs_back(rough, rough_org):
    job = rough_org.admin.create("peer", {"spawn": True, "ignore": True, "sleep": 60, "on": {"2": {"out": "2"}}})
    wait_until("its child", lambda: programs.of_job(job["id"]), 10, rough, 0.01)
    faults.send(rough, "consumer", signal.SIGTERM)
    wait_until("the worker to drain", lambda: "consumer.draining" in (rough.log_dir / "consumer.log").read_text(), 5, rough)
    faults.send(rough, "consumer", signal.SIGTERM)
    wait_until("the worker to be gone", lambda: faults.gone(rough, "consumer"), 8, rough)
    assert programs.of_job(job["id"]) == []
    rough.restart("consumer")
    ended = rough_org.admin.wait_job(job["id"], timeout_s=20)
    assert (ended["status"], [a["outcome"] for a in ended["attempts"]]) == ("completed", ["released", "completed"])


def reload(stack, text):
    """Consumers first: an API that knows of a type creates jobs that every consumer must know."""
    stack.config.write_text(text)
    log = stack.log_dir / "consumer.log"
    before = log.read_text().count("config.reloaded")
    faults.send(stack, "consumer", signal.SIGHUP)
    wait_until("the consumer's reload", lambda: log.read_text().count("config.reloaded") > before, 10, stack)
    for part in ("api", "api_2"):
        faults.send(stack, part, signal.SIGHUP)


def test_types_come_and_go_with_a_reload(rough, rough_org):
    text = rough.config.read_text()

    def answer_of(job_type):
        return rough_org.admin.post("/background-jobs", {"job_type": job_type, "payload": {"out": "5"}})

    def created():
        answer = answer_of("fresh")
        return answer.json() if answer.status_code == 201 else None

    try:
        reload(rough, text + f"\n[job_type fresh]\nexec = {sys.executable} -S {programs.PEER}\nmax_retries = 7\n")
        job = rough_org.admin.wait_job(wait_until("the new type", created, 10, rough)["id"])
        assert (job["status"], job["result"], job["max_retries"]) == ("completed", 5, 7)
    finally:
        reload(rough, text)
    wait_until("the type to be gone", lambda: [answer_of("fresh").status_code for _ in range(6)] == [422] * 6, 10, rough)
