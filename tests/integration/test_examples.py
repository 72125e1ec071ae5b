"""The programs of docs/examples do what they say, run from the very files with the section that stands beside them."""
import database
from test_exec import lines, run
from waiting import wait_until


def test_a_report_in_python(org, tmp_path):
    job = run(org, {"month": "2026-11", "employees": 250, "directory": str(tmp_path)}, "payroll.report")
    file = tmp_path / "payroll-2026-11.csv"
    assert (job["status"], job["result"]) == ("completed", {"file": str(file), "rows": 250}), job
    assert (job["max_retries"], job["timeout_s"], job["progress"]) == (5, 600, 100)
    assert file.read_text().splitlines()[:2] == ["employee,month,net", "1,2026-11,2001"]
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert lines(org, job["id"]) == [("info", f"writing {file}, attempt 1")]
    wrong = run(org, {"month": "November"}, "payroll.report")
    assert (wrong["status"], wrong["cause"], wrong["attempt"]) == ("failed", "permanent", 1)
    assert wrong["error_message"] == ("the program ended with exit code 65: month must be YYYY-MM and employees a number "
                                      "from 1")


def seen(org, job_id, member):
    """The job once the member has a value that counts."""
    def look():
        job = org.admin.job(job_id)
        return job if job[member] else None
    return wait_until(f"{member} of {job_id}", look, 10, org.stack)


def test_a_report_that_waits_for_its_directory(org, tmp_path):
    job = seen(org, org.admin.create("payroll.report", {"month": "2026-11", "directory": str(tmp_path / "later")})["id"],
               "retry_count")
    assert job["status"] == "queued" and job["attempts"][0]["outcome"] == "failed"
    assert job["error_message"].startswith("the program ended with exit code 75: ")
    waits_s = database.value(org.stack, "SELECT TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(6), next_retry_at) FROM"
                             " background_jobs WHERE id = %s", job["id"])
    assert 20 <= waits_s <= 30, "it asked for 30 s; its policy would be 1 s here"
    assert org.admin.cancel(job["id"]).json()["status"] == "cancelled"


def test_disk_usage_in_shell(org, tmp_path):
    (tmp_path / "large").write_bytes(b"x" * 300000)
    job = run(org, {"path": str(tmp_path)}, "disk.usage")
    assert job["status"] == "completed" and job["result"]["path"] == str(tmp_path), job
    assert 290 <= job["result"]["kb"] <= 400
    wrong = run(org, {}, "disk.usage")
    assert (wrong["status"], wrong["error_message"]) == (
        "failed", "the program ended with exit code 65: the payload names no path")
    busy = tmp_path / ".backup-running"
    busy.touch()
    job = seen(org, org.admin.create("disk.usage", {"path": str(tmp_path)})["id"], "snooze_count")
    assert lines(org, job["id"]) == [("warn", "a backup is running here")]
    busy.unlink()
    job = org.admin.wait_job(job["id"])
    assert (job["status"], job["retry_count"], [a["outcome"] for a in job["attempts"]]) == (
        "completed", 0, ["snoozed", "completed"])
