"""db_optimize and cache_flush: what they report, what they refuse, and that a statement under way can be stopped."""
import time

import pytest

import database
from client import faults
from waiting import wait_until

TABLES = ["audit_log", "rate_limits", "job_attempts"]


@pytest.mark.parametrize("operation", [None, "analyze", "optimize"])
def test_each_table_is_reported(org, operation):
    payload = {"tables": TABLES, **({"operation": operation} if operation else {})}
    job = org.admin.wait_job(org.admin.create("db_optimize", payload)["id"], timeout_s=60)
    assert job["status"] == "completed", job
    assert job["result"] == {"tables": [{"table": t, "operation": operation or "analyze", "status": "ok", "message": "OK"}
                                        for t in TABLES]}
    assert job["progress"] == 100
    assert "3 of 3" in job["progress_message"]


def test_every_own_table_can_be_named(org, stack):
    tables = [r["table_name"] for r in database.rows(
        stack, "SELECT table_name AS table_name FROM information_schema.tables WHERE table_schema = DATABASE()")]
    job = org.admin.wait_job(org.admin.create("db_optimize", {"tables": tables})["id"], timeout_s=60)
    assert job["status"] == "completed", job
    assert [t["table"] for t in job["result"]["tables"]] == tables


@pytest.mark.parametrize("payload, pointer", [
    ({"tables": ["mysql.user"]}, "/payload/tables/0"),
    ({"tables": ["audit_log", "audit_log`; DROP TABLE audit_log; -- "]}, "/payload/tables/1"),
    ({"tables": ["AUDIT_LOG"]}, "/payload/tables/0"),
    ({"tables": []}, "/payload/tables"),
    ({"tables": ["audit_log"] * 51}, "/payload/tables"),
    ({"tables": ["audit_log"], "operation": "drop"}, "/payload/operation"),
    ({}, "/payload/tables"),
])
def test_other_tables_are_refused(org, payload, pointer):
    assert pointer in faults(org.admin.post("/background-jobs", {"job_type": "db_optimize", "payload": payload}))


def statements_under_way(stack, text):
    return [r for r in database.rows(stack, "SELECT id, info, state FROM information_schema.processlist")
            if (r["info"] or "").startswith(text)]


def test_a_statement_under_way_is_stopped(org, stack):
    """A cancel kills the statement."""
    with database.connected(stack) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLES schema_migrations READ")
        job_id = org.admin.create("db_optimize", {"tables": ["job_attempts", "schema_migrations"], "operation": "optimize"})["id"]
        wait_until("the statement to wait", lambda: statements_under_way(stack, "OPTIMIZE TABLE `schema_migrations`"), 15, stack)
        began = time.monotonic()
        org.admin.cancel(job_id)
        job = org.admin.wait_job(job_id)
        assert job["status"] == "cancelled", job
        assert time.monotonic() - began < 4
        assert not statements_under_way(stack, "OPTIMIZE TABLE `schema_migrations`")
        cursor.execute("UNLOCK TABLES")


def test_a_table_in_use_is_tried_later(org, stack):
    """The statement gives the lock up after 5 s, before those behind it suffer, and says so."""
    with database.connected(stack) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLES schema_migrations READ")
        job_id = org.admin.create("db_optimize", {"tables": ["schema_migrations"], "operation": "optimize"})["id"]
        job = wait_until("the attempt to fail", lambda: (lambda j: j["error_message"] and j)(org.admin.job(job_id)), 20, stack)
        assert "schema_migrations" in job["error_message"] and "ock wait timeout" in job["error_message"]
        cursor.execute("UNLOCK TABLES")
    assert org.admin.wait_job(job_id, timeout_s=30)["status"] == "completed"


def test_every_process_answers_a_cache_flush(org, stack):
    job = org.admin.wait_job(org.admin.create("cache_flush")["id"])
    assert job["status"] == "completed", job
    ours = 1 + stack.apis
    assert job["result"] == {"processes": ours, "answered": ours}
