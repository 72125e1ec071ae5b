"""Each job type does what it says."""
import email
import email.policy
import time

import pytest

import broker
import database
from waiting import SLOW, wait_until


def run(org, job_type, payload=None, timeout_s=20, **members):
    return org.admin.wait_job(org.admin.create(job_type, payload, **members)["id"], timeout_s=timeout_s)


def test_noop(org):
    job = run(org, "noop")
    assert (job["status"], job["result"], job["attempt"]) == ("completed", None, 1)


def test_sleep(org):
    began = time.monotonic()
    job = run(org, "sleep", {"ms": 400})
    assert job["status"] == "completed" and job["result"] == {"slept_ms": 400}
    assert time.monotonic() - began >= 0.4


def test_sleep_stops_within_a_second_of_cancel(org):
    jobs = [org.admin.create("sleep", {"ms": 60000}) for _ in range(5)]
    for job in jobs:
        org.admin.wait_job(job["id"], "processing")
    for job in jobs:
        began = time.monotonic()
        assert org.admin.cancel(job["id"]).status_code == 202
        assert org.admin.wait_job(job["id"], "cancelled", 5)
        assert time.monotonic() - began < 1.2 * SLOW


def test_fail(org):
    once = run(org, "fail")
    assert (once["status"], once["attempt"], once["retry_count"], once["result"]) == ("completed", 2, 1, {"failures": 1})
    assert [a["outcome"] for a in once["attempts"]] == ["failed", "completed"]
    never = run(org, "fail", {"times": 0})
    assert (never["status"], never["attempt"]) == ("completed", 1)
    always = run(org, "fail", {"times": 1000, "message": "Zoë says no"}, max_retries=1)
    assert (always["status"], always["attempt"], always["retry_count"], always["cause"]) == ("failed", 2, 1, "exhausted")
    assert always["error_message"] == "Zoë says no" and always["next_retry_at"] is None
    assert [a["error"] for a in always["attempts"]] == ["Zoë says no"] * 2
    at_once = run(org, "fail", {"times": 5}, max_retries=0)
    assert (at_once["status"], at_once["attempt"], at_once["retry_count"]) == ("failed", 1, 0)
    permanent = run(org, "fail", {"permanent": True}, max_retries=9)
    assert (permanent["status"], permanent["attempt"], permanent["retry_count"], permanent["cause"]) == ("failed", 1, 0, "permanent")
    letters = broker.wait_dead_letters(org.stack, {always["id"], at_once["id"], permanent["id"]})
    assert len(letters) == 3


def test_retry_waits_as_told(org):
    """base 0 and cap 1: the second attempt comes a second after the first."""
    job = org.admin.create("fail", {"times": 1})
    done = org.admin.wait_job(job["id"])
    first, second = database.attempts(org.stack, org.id)[job["id"]]
    waited = (second["started_at"] - first["ended_at"]).total_seconds()
    assert 0.95 <= waited < 1 + 1.5 * SLOW, waited
    assert done["status"] == "completed"


def test_cache_flush(org):
    job = run(org, "cache_flush")
    assert job["status"] == "completed", job
    assert job["result"] == {"processes": 3, "answered": 3}, "two API processes and a consumer"


@pytest.mark.parametrize("operation", ["analyze", "optimize", None])
def test_db_optimize(org, operation):
    tables = ["audit_log", "background_jobs", "notification_settings"]
    job = run(org, "db_optimize", {"tables": tables, **({"operation": operation} if operation else {})}, 60)
    assert job["status"] == "completed", job
    assert [(t["table"], t["operation"], t["status"]) for t in job["result"]["tables"]] == [
        (table, operation or "analyze", "ok") for table in tables]
    assert job["progress"] == 100


def mail_of(stack, job):
    for path in (stack.maildir / "new").iterdir():
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if mail["Message-ID"].startswith(f"<{job['id']}@"):
            return mail
    return None


def test_email_send(stack, org):
    job = run(org, "email.send", {"to": "ann@example.com", "subject": "Grüße € 😀 " + "long " * 30, "text": "Hallo\nZoë\n.\n..x\n",
                                  "html": "<p>Zoë &amp; co</p>"})
    assert job["status"] == "completed", job
    assert job["result"]["reply"].startswith("250")
    mail = wait_until("the mail", lambda: mail_of(stack, job), 3, stack)
    assert str(mail["Subject"]) == "Grüße € 😀 " + ("long " * 30).strip() or str(mail["Subject"]).strip() == (
        "Grüße € 😀 " + "long " * 30).strip()
    assert mail["To"] == "ann@example.com"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == "Hallo\nZoë\n.\n..x\n"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Zoë &amp; co</p>"
    assert job["result"]["message_id"] == mail["Message-ID"]


def test_email_send_refused(org):
    payload = {"subject": "s", "text": "t"}
    gone = run(org, "email.send", {"to": "refused@example.com", **payload})
    assert (gone["status"], gone["attempt"], gone["cause"]) == ("failed", 1, "permanent") and "550" in gone["error_message"]
    later = run(org, "email.send", {"to": "later@example.com", **payload}, max_retries=1)
    assert (later["status"], later["attempt"], later["cause"]) == ("failed", 2, "exhausted") and "451" in later["error_message"]


def test_every_type_is_tested(stack):
    """A row of the job-type table without a test here fails here."""
    text = (stack.build.parents[1] / "common" / "domain" / "job_types.def").read_text(encoding="utf-8")
    names = {line.split('"')[1] for line in text.splitlines() if line.startswith("JOB_TYPE(\"")}
    operations = {"jobs.cancel", "jobs.retry", "deadletters.replay"}  # test_bulk_ops.py
    notifications = {name for name in names if name.startswith("notify.")}  # test_events.py and its neighbours
    assert names - operations - notifications == {"noop", "sleep", "fail", "cache_flush", "db_optimize", "email.send", "crash"}
