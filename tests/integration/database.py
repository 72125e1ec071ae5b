"""The rows behind the answers, and what must always be true of them."""
import collections
import contextlib

import pymysql

import config
from waiting import Late, logs, wait_until


@contextlib.contextmanager
def connected(stack):
    connection = pymysql.connect(unix_socket=stack.db_socket, user=config.DB_USER, password=config.DB_PASSWORD,
                                 database=config.DB_NAME, charset="utf8mb4", autocommit=True,
                                 cursorclass=pymysql.cursors.DictCursor)
    try:
        yield connection
    finally:
        connection.close()


def rows(stack, sql, *params):
    with connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def row(stack, sql, *params):
    found = rows(stack, sql, *params)
    assert len(found) == 1, f"{len(found)} rows: {sql} {params}"
    return found[0]


def value(stack, sql, *params):
    return next(iter(row(stack, sql, *params).values()))


JOBS = ("SELECT CAST(id AS CHAR) AS id, job_type, status, priority, retry_count, max_retries, attempt, crash_count, cause,"
        " error_message, dispatch_at, worker_id, created_at, started_at, completed_at, next_retry_at"
        " FROM background_jobs WHERE organization_id = %s")


def jobs(stack, org):
    """{id: row} of an organization's jobs."""
    return {job["id"]: job for job in rows(stack, JOBS, org)}


def attempts(stack, org):
    """{job id: [attempt rows in order]}."""
    found = {}
    for attempt in rows(stack, "SELECT CAST(a.job_id AS CHAR) AS job_id, a.number, a.outcome, a.worker_id, a.started_at,"
                        " a.ended_at, a.error FROM job_attempts a JOIN background_jobs j ON j.id = a.job_id"
                        " WHERE j.organization_id = %s ORDER BY a.job_id, a.number", org):
        found.setdefault(attempt["job_id"], []).append(attempt)
    return found


def by_status(stack, org):
    return {r["status"]: r["n"] for r in rows(
        stack, "SELECT status, COUNT(*) AS n FROM background_jobs WHERE organization_id = %s GROUP BY status", org)}


def wait_all_final(stack, org, timeout_s):
    def check():
        return not any(status in ("queued", "processing") for status in by_status(stack, org))

    try:
        wait_until(f"all jobs of {org} to end", check, timeout_s, pause_s=0.1)
    except Late as late:
        open_jobs = rows(stack, JOBS + " AND status IN ('queued', 'processing') LIMIT 3", org)
        raise Late(f"{late}\n  by status: {by_status(stack, org)}\n  open: {open_jobs}\n{logs(stack)}") from None


def wait_all_but_scheduled(stack, org, timeout_s):
    """As wait_all_final, but jobs that are scheduled for a later time do not count."""
    wait_until(f"due jobs of {org} to end", lambda: value(
        stack, "SELECT COUNT(*) = 0 FROM background_jobs WHERE organization_id = %s AND status IN ('queued', 'processing')"
        " AND (scheduled_at IS NULL OR scheduled_at < UTC_TIMESTAMP())", org), timeout_s, pause_s=0.1)


def check_invariants(stack, org, accepted):
    """Every accepted job is there and ended, once; attempts and counts tell the same story as the rows."""
    jobs_now, attempts_now = jobs(stack, org), attempts(stack, org)
    lost = set(accepted) - set(jobs_now)
    assert not lost, f"accepted and not there: {sorted(lost)[:5]} of {len(lost)}"
    for job_id, job in jobs_now.items():
        story = attempts_now.get(job_id, [])
        outcomes = [a["outcome"] for a in story]
        assert job["status"] in ("completed", "failed", "cancelled"), (job, outcomes)
        assert job["dispatch_at"] is None or job["status"] == "failed", job  # a dead letter may be published once more
        assert outcomes.count("completed") == (1 if job["status"] == "completed" else 0), (job, outcomes)
        assert [a["number"] for a in story] == list(range(1, job["attempt"] + 1)), (job, story)
        assert job["crash_count"] == outcomes.count("lost"), (job, outcomes)
        assert job["completed_at"] is not None, job
        assert job["retry_count"] <= job["max_retries"], (job, outcomes)
        overlaps = [(a, b) for a, b in zip(story, story[1:]) if b["started_at"] < a["ended_at"]]
        assert not overlaps, (job, overlaps)
        if outcomes and job["status"] == "completed":
            assert outcomes[-1] == "completed", (job, outcomes)
    check_counts(stack, org)
    check_dead(stack, org)
    return jobs_now, attempts_now


def dead(stack, org):
    """Ids of the organization's dead letters."""
    return {r["id"] for r in rows(stack, "SELECT CAST(job_id AS CHAR) AS id FROM dead_letters"
                                  " WHERE organization_id = %s AND live_id IS NOT NULL", org)}


def check_dead(stack, org):
    assert dead(stack, org) == {r["id"] for r in rows(
        stack, "SELECT CAST(id AS CHAR) AS id FROM background_jobs WHERE organization_id = %s AND status = 'failed'"
        " AND cause IS NOT NULL AND discarded_at IS NULL", org)}


def check_counts(stack, org):
    counted = {(r["job_type"], r["status"], r["priority"]): int(r["n"]) for r in rows(
        stack, "SELECT job_type, status, priority, SUM(jobs) AS n FROM job_counts WHERE organization_id = %s"
        " GROUP BY job_type, status, priority HAVING SUM(jobs) <> 0", org)}
    there = {(r["job_type"], r["status"], r["priority"]): r["n"] for r in rows(
        stack, "SELECT job_type, status, priority, COUNT(*) AS n FROM background_jobs WHERE organization_id = %s"
        " GROUP BY job_type, status, priority", org)}
    assert counted == there


def make_due(stack, job_id):
    """The job's scheduled time, or the end of its snooze, has come; its delivery was held until now."""
    with connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE deliveries SET held_until = UTC_TIMESTAMP(6) WHERE job_id = %s AND state = 'held'", (job_id,))
    start_now(stack, job_id)


def start_now(stack, job_id):
    with connected(stack) as db, db.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET dispatch_at = UTC_TIMESTAMP(6), scheduled_at = NULL WHERE id = %s"
                       " AND status = 'queued'", (job_id,))


def are_waiting(stack, words):
    """Statements with these words that run at this moment: as those do that wait for a lock."""
    return [r["Info"] for r in rows(stack, "SHOW FULL PROCESSLIST") if words in (r["Info"] or "") and r["Command"] == "Execute"]


def cancel_waiting(stack, org, only=None):
    """What is queued (of some jobs only) is cancelled, as nobody could wait for it to run. Rows that somebody changes now are
    left alone."""
    with connected(stack) as connection, connection.cursor() as cursor:
        connection.begin()
        cursor.execute("SELECT id, job_type, priority FROM background_jobs WHERE organization_id = %s AND status = 'queued'"
                       " ORDER BY id FOR UPDATE SKIP LOCKED", (org,))
        found = [job for job in cursor.fetchall() if only is None or str(job["id"]) in only]
        if found:
            cursor.execute("UPDATE background_jobs SET status = 'cancelled', dispatch_at = NULL, next_retry_at = NULL,"
                           " completed_at = UTC_TIMESTAMP(6), updated_at = UTC_TIMESTAMP(6) WHERE id IN %s",
                           ([job["id"] for job in found],))
        for (job_type, priority), n in collections.Counter((j["job_type"], j["priority"]) for j in found).items():
            cursor.executemany("INSERT INTO job_counts (organization_id, job_type, status, priority, shard, jobs)"
                               " VALUES (%s, %s, %s, %s, 0, %s) ON DUPLICATE KEY UPDATE jobs = jobs + VALUES(jobs)",
                               [(org, job_type, "queued", priority, -n), (org, job_type, "cancelled", priority, n)])
        connection.commit()
