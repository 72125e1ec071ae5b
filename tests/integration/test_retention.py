"""Finished jobs are deleted when their time is over: by the consumer itself, with exact counts whatever dies meanwhile."""
import database
from client import Org
from waiting import wait_until

OLD_JOBS = 12000

FILL = """INSERT INTO background_jobs (id, organization_id, job_type, status, priority, payload, timeout_s, created_at, updated_at,
 completed_at) SELECT CAST(CONCAT('0190a6f0-0000-7000-8000-', LPAD(HEX(seq + %s), 12, '0')) AS UUID), %s,
 ELT(1 + seq %% 3, 'noop', 'sleep', 'fail'), %s, 0, '{}', 30, UTC_TIMESTAMP(6) - INTERVAL %s HOUR,
 UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) - INTERVAL %s HOUR FROM seq_1_to_%s"""
COUNT = ("INSERT INTO job_counts SELECT organization_id, job_type, status, priority, 5, COUNT(*) FROM background_jobs"
         " WHERE organization_id = %s GROUP BY 1, 2, 3, 4")


def fill(stack, org, first, kinds):
    """kinds: (status, age in hours, number)."""
    org.admin.get("/background-jobs")
    with database.connected(stack) as connection, connection.cursor() as cursor:
        connection.begin()
        for number, (status, age_h, n) in enumerate(kinds):
            cursor.execute(FILL, (first + number * 100000, org.id, status, age_h, age_h, n))
        cursor.execute(COUNT, (org.id,))
        connection.commit()


def left(stack, org):
    return {(r["status"], r["old"]): r["n"] for r in database.rows(
        stack, "SELECT status, COUNT(*) AS n, created_at < UTC_TIMESTAMP(6) - INTERVAL 168 HOUR AS old FROM background_jobs"
        " WHERE organization_id = %s GROUP BY status, old", org.id)}


def differences(stack, org):
    """Where counters and rows differ, both as of one moment."""
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(
            "SELECT job_type, status, SUM(n) AS off FROM (SELECT job_type, status, jobs AS n FROM job_counts WHERE"
            " organization_id = %s UNION ALL SELECT job_type, status, -1 FROM background_jobs WHERE organization_id = %s) both_sides"
            " GROUP BY job_type, status HAVING off <> 0", (org.id, org.id))
        return list(cursor.fetchall())


def test_jobs_go_when_their_time_is_over(stack):
    org = Org(stack, "old")
    alive = org.admin.create("noop", scheduled_at="2099-01-01T00:00:00Z")
    with database.connected(stack) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE background_jobs SET created_at = '2020-01-01' WHERE id = %s", (alive["id"],))
        cursor.execute("DELETE FROM job_counts WHERE organization_id = %s", (org.id,))
    fill(stack, org, 10_000_000, [("completed", 169, 20), ("completed", 167, 21), ("cancelled", 169, 22), ("cancelled", 167, 23),
                                  ("failed", 721, 24), ("failed", 719, 25)])
    wait_until("the old jobs to go", lambda: org.admin.get("/background-jobs/counts").json()["total"] <= 70, 20, stack)
    assert left(stack, org) == {("queued", 1): 1, ("completed", 0): 21, ("cancelled", 0): 23, ("failed", 1): 25}
    assert differences(stack, org) == []
    assert org.admin.get("/background-jobs/counts").json()["total"] == 70


def test_counts_stay_exact_when_the_consumer_dies(rough):
    org = Org(rough, "prune")
    young = 100
    fill(rough, org, 20_000_000, [("completed", 200, OLD_JOBS), ("completed", 1, young)])
    deaths = 0
    before = OLD_JOBS + young

    def total():
        assert differences(rough, org) == []
        return database.value(rough, "SELECT COUNT(*) FROM background_jobs WHERE organization_id = %s", org.id)

    try:
        while before > young:
            now = wait_until("some jobs to be deleted", lambda least=before: (n := total()) < least and n, 30, rough, 0.01)
            if deaths < 3 and now > young:
                rough.kill("consumer")
                deaths += 1
                assert differences(rough, org) == []
                rough.restart("consumer")
            before = now
    finally:
        rough.restart("consumer")
    assert deaths == 3, "the work was over before the consumer died often enough"
    assert left(rough, org) == {("completed", 0): young}
    assert total() == young
