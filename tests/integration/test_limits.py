"""Limits per user and route, counted over both API processes."""
import time

from client import Org


def burst(call, allowed, step_s):
    """Makes allowed + 1 calls; the last must be refused. Where that takes so long that a call has come back meanwhile
    (step_s), the outcome proves nothing: None."""
    began = time.monotonic()
    answers = [call(i) for i in range(allowed + 1)]
    return None if time.monotonic() - began > step_s else answers


def check_burst(make_user, call, allowed, window_s=60):
    for _ in range(4):
        user = make_user()
        answers = burst(lambda i: call(user, i), allowed, window_s / allowed)  # pylint: disable=cell-var-from-loop
        if answers is not None:
            break
    assert answers is not None, "the calls are too slow to tell"
    assert all(a.status_code != 429 for a in answers[:-1]), [a.status_code for a in answers]
    last = answers[-1]
    assert last.status_code == 429, [a.status_code for a in answers]
    assert last.json()["code"] == "rate_limited"
    assert 1 <= int(last.headers["Retry-After"]) <= window_s / allowed
    for number, answer in enumerate(answers):
        assert answer.headers["RateLimit-Policy"] == f'"default";q={allowed};w={window_s}'
        left = int(answer.headers["RateLimit"].split("r=")[1].split(";")[0])
        assert left == max(allowed - 1 - number, 0), answer.headers["RateLimit"]
    return user, last


def served_by(stack, request_ids):
    """How many of the requests each API process has in its log."""
    counts = []
    for name in ("api", "api_2"):
        text = (stack.log_dir / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        counts.append(sum(f'"{request_id}"' in text for request_id in request_ids))
    return counts


def test_21st_put(stack, org):
    ids = []

    def put(user, i):
        answer = (user.put if i % 2 else user.patch)("/notification-settings", {"slack_channel": f"#{i}"})
        ids.append(answer.headers["X-Request-Id"])
        return answer

    user, last = check_burst(org.user, put, 20)
    counts = served_by(stack, ids)
    assert min(counts) >= 5 and sum(counts) == len(ids), f"one limit over two processes: {counts}"
    assert user.get("/notification-settings").json()["slack_channel"] == "#19", "the refused call changed nothing"
    assert user.get("/background-jobs").status_code == 200, "other calls are free"
    assert org.user().put("/notification-settings", {}).status_code == 200, "other users are free"
    time.sleep(int(last.headers["Retry-After"]))
    assert user.put("/notification-settings", {}).status_code == 200, "Retry-After says when"


def test_refused_calls_do_not_prolong(org):
    def put(user, _i):
        return user.put("/notification-settings", {})

    user, _last = check_burst(org.user, put, 20)
    waits = [int(user.put("/notification-settings", {}).headers["Retry-After"]) for _ in range(10)]
    assert max(waits) <= 3


def test_same_user_of_another_organization(stack, org):
    def put(user, _i):
        return user.put("/notification-settings", {})

    check_burst(lambda: org.user("same"), put, 20)
    assert Org(stack, "limits-other").user("same").put("/notification-settings", {}).status_code == 200


def test_6th_test_email(stack, org):
    ids = []

    def send(user, i):
        answer = user.post("/notification-settings/test-email", {"email": f"limit{i}@example.com"})
        ids.append(answer.headers["X-Request-Id"])
        assert answer.status_code == 429 or answer.json()["success"], answer.text
        return answer

    check_burst(org.user, send, 5)
    assert min(served_by(stack, ids)) >= 1


def test_11th_cancel(stack, org):
    jobs = org.create_many([{"job_type": "noop", "scheduled_at": "2099-01-01T00:00:00Z"} for _ in range(11)])
    ids = []

    def cancel(user, i):
        answer = user.cancel(jobs[i]["id"])
        ids.append(answer.headers["X-Request-Id"])
        return answer

    check_burst(org.user, cancel, 10)
    assert min(served_by(stack, ids)) >= 3
    assert org.admin.job(jobs[10]["id"])["status"] == "queued", "the refused call changed nothing"
    assert org.admin.job(jobs[9]["id"])["status"] == "cancelled"


def test_wrong_calls_count_too(org):
    def put(user, _i):
        return user.put("/notification-settings", {"slack_channel": ""})

    check_burst(org.user, put, 20)


def test_reading_and_creating_are_not_limited(org):
    for _ in range(60):
        assert org.admin.get("/background-jobs?limit=1").status_code == 200
        org.admin.create()
